import asyncio
import resource
from collections.abc import Callable

from server.stack import give_room, with_room

CALLS = 200
DEPTH = 400


def pages_taken(measured: Callable[[], None]) -> int:
    """Return how many pages of memory the system had to provide meanwhile."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    measured()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def leaf() -> None:
    """Do nothing, in a frame of its own."""


def call_at_every_depth(deeper: int = DEPTH) -> int:
    """Call `leaf` many times at each depth and return the most pages that took at any."""

    def calls() -> None:
        for _ in range(CALLS):
            leaf()

    here = pages_taken(calls)
    return max(here, call_at_every_depth(deeper - 1)) if deeper else here


def test_calls_cost_the_same_at_any_depth() -> None:
    with_room(call_at_every_depth)
    assert with_room(call_at_every_depth) < CALLS / 4


def test_a_loop_works_with_room_and_returns_as_ever() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return call_at_every_depth()

    loop = asyncio.new_event_loop()
    give_room(loop)
    try:
        loop.run_until_complete(work())
        assert loop.run_until_complete(work()) < CALLS / 4
    finally:
        loop.close()
