"""Room for the interpreter's frames: without it, speed depends on how deep a call happens to lie.

CPython keeps the frames of Python functions in pieces of 16 KiB and hands a piece back to the system as soon
as the first function in it returns. A function called again and again just across the end of a piece maps
and unmaps memory at every call: the same GraphQL page of 2,000 fields took 5 or 20 ms of processor time,
depending on nothing but the depth at which it was executed.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SLOTS = (1 << 16) + 1
"""Words of 8 bytes one frame asks for. A piece is a power of two: this one is 1 MiB, half of it for the calls
below, which is more than the recursion limit lets them use. What is not used takes no memory."""


def with_room(call: Callable[[], T]) -> T:
    """Return what a call returns; all that it calls finds its frames' room in one piece."""
    return call()


with_room.__code__ = with_room.__code__.replace(co_stacksize=SLOTS)


def give_room(loop: asyncio.AbstractEventLoop) -> None:
    """Have a loop that does not run yet do all its work with room."""
    run = loop.run_forever
    loop.run_forever = lambda: with_room(run)  # type: ignore[method-assign]
