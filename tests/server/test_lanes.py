"""Places, who waits for them, and how many may; time is the test's own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from server import lanes
from server.lanes import Lane, OverloadedError

PLACES, BURST, BURST_S = 2, 10, 0.1


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


Scene = Callable[[Lane, Clock], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    """Play a scene with a lane of two places, before which ten may wait for a tenth of a second."""
    clock = Clock()
    asyncio.run(scene(Lane(PLACES, BURST, BURST_S, clock), clock))


async def crowd(lane: Lane, size: int) -> list[asyncio.Task[float]]:
    """Have some more come, and let each go as far as it gets."""
    tasks = [asyncio.create_task(lane.enter()) for _ in range(size)]
    await settle()
    return tasks


async def settle() -> None:
    """Let everything that can happen now happen."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_places_are_taken_at_once_and_given_on_in_order() -> None:
    async def scene(lane: Lane, clock: Clock) -> None:
        tasks = await crowd(lane, 4)
        assert [task.done() for task in tasks] == [True, True, False, False]
        clock.seconds = 0.02
        lane.leave()
        await settle()
        assert [task.done() for task in tasks] == [True, True, True, False]
        assert tasks[2].result() == pytest.approx(0.02)
        lane.leave()
        await asyncio.gather(*tasks)

    play(scene)


def test_a_burst_may_wait_and_no_more_than_a_burst() -> None:
    async def scene(lane: Lane, _clock: Clock) -> None:
        await crowd(lane, PLACES + BURST)
        with pytest.raises(OverloadedError):
            await lane.enter()
        assert lane.figures._replace(served=0) == (PLACES, BURST, BURST, 0, 1)
        for _ in range(PLACES + BURST):
            lane.leave()
            await settle()
        assert lane.figures == (0, 0, BURST, PLACES + BURST, 1)

    play(scene)


async def overloaded(lane: Lane, clock: Clock) -> list[asyncio.Task[float]]:
    """Have a queue of six stay too long: four of them wait behind the others."""
    tasks = await crowd(lane, PLACES + 6)
    clock.seconds = 1.1 * BURST_S
    assert lane.figures == (PLACES, 6, PLACES, PLACES, 0)
    return tasks


def test_a_queue_that_stays_is_cut_and_newcomers_are_refused() -> None:
    async def scene(lane: Lane, clock: Clock) -> None:
        tasks = await overloaded(lane, clock)
        with pytest.raises(OverloadedError):
            await lane.enter()
        lane.leave()
        newcomer = (await crowd(lane, 1))[0]
        for number in range(2):
            lane.leave()
            await settle()
            assert (tasks[3].done(), newcomer.done()) == (True, number == 1)
        assert [task.done() for task in tasks[4:]] == [False] * 4  # whoever came later was let in before them
        for _ in range(6):
            lane.leave()
            await settle()
        await asyncio.gather(*tasks)

    play(scene)


def test_whoever_waits_behind_the_others_for_too_long_is_refused() -> None:
    async def scene(lane: Lane, clock: Clock) -> None:
        tasks = await overloaded(lane, clock)
        clock.seconds = lanes.LONGEST_BEHIND_S
        for _ in range(PLACES + 2):
            lane.leave()
            await settle()
        assert [task.exception() is not None for task in tasks] == [False] * 4 + [True] * 4
        assert (lane.figures.taken, lane.figures.waiting, lane.figures.refused) == (0, 0, 4)

    play(scene)


def test_who_goes_away_from_behind_the_others_leaves_nothing() -> None:
    async def scene(lane: Lane, clock: Clock) -> None:
        tasks = await overloaded(lane, clock)
        tasks[7].cancel()
        await settle()
        assert lane.figures.waiting == 5
        for _ in range(PLACES + 5):
            lane.leave()
            await settle()
        assert (lane.figures.taken, lane.figures.waiting) == (0, 0)

    play(scene)


def test_after_an_overload_the_queue_grows_again_little_by_little() -> None:
    async def scene(lane: Lane, clock: Clock) -> None:
        tasks = await crowd(lane, PLACES + 3)
        clock.seconds += 2 * BURST_S
        assert lane.figures.may_wait == PLACES
        for _ in range(PLACES + 3):
            lane.leave()
            await settle()
        await asyncio.gather(*tasks)
        seen = []
        for _ in range(3):
            clock.seconds += 1.001 * BURST_S
            seen.append(lane.figures.may_wait)
        assert seen == [PLACES + 1, PLACES + 2, PLACES + 3]
        clock.seconds += 100
        assert lane.figures.may_wait == BURST

    play(scene)


def test_whoever_goes_away_while_waiting_leaves_nothing_behind() -> None:
    async def scene(lane: Lane, _clock: Clock) -> None:
        tasks = await crowd(lane, PLACES + 2)
        tasks[2].cancel()
        await settle()
        assert lane.figures.waiting == 1
        lane.leave()
        tasks[3].cancel()  # at the moment it is given a place
        await settle()
        lane.leave()
        assert lane.figures[:2] == (0, 0)

    play(scene)


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LONGEST_WAIT_S", 0.001)

    async def scene(lane: Lane, _clock: Clock) -> None:
        await crowd(lane, PLACES)
        with pytest.raises(OverloadedError):
            await lane.enter()
        assert lane.figures[:2] == (PLACES, 0)

    play(scene)
