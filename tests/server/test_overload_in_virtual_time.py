"""The lanes before a processor that does one thing at a time, asked three times too much, in virtual time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from server.lanes import Lane, Lanes, OverloadedError
from tests.support import virtual_time

READ_S, SAVE_S = 0.0044, 0.005
"""Processor time of a page of cases, and of a save."""
SAVES = 0.15
"""How many saves there are for each read the processor can do."""
SLICE_S = 0.001
SECONDS = 10.0


class Processor:
    """Works in turn, a little at a time, for all who want something done."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def work(self, seconds: float) -> None:
        """Return once so much was done."""
        while seconds > 0:
            async with self._turn:
                await asyncio.sleep(min(SLICE_S, seconds))
            seconds -= SLICE_S


@dataclass
class Seen:
    """How long the answers took, and how many were refused."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def p99(self) -> float:
        """Return a percentile by nearest rank."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]

    @property
    def share_refused(self) -> float:
        """Return which part was refused."""
        return self.refused / (self.refused + len(self.seconds))


class Server:
    """Lanes before a processor."""

    def __init__(self, speed: float = 1.0) -> None:
        clock = asyncio.get_running_loop().time
        self._speed = speed
        self._processor = Processor()
        self.lanes = Lanes(clock)

    async def serve(self, lane: Lane, seconds: float, seen: Seen) -> None:
        """Answer one request, or refuse it."""
        clock = asyncio.get_running_loop().time
        came = clock()
        try:
            await lane.enter()
        except OverloadedError:
            seen.refused += 1
            return
        await self._processor.work(seconds / self._speed)
        lane.leave()
        seen.seconds.append(clock() - came)

    async def read(self, seen: Seen) -> None:
        """Answer a page."""
        await self.serve(self.lanes.general, READ_S, seen)

    async def save(self, seen: Seen) -> None:
        """Save an answer."""
        await self.serve(self.lanes.writing, SAVE_S, seen)


async def arriving(ask: Callable[[], Awaitable[None]], rate: float, seconds: float = SECONDS) -> None:
    """Ask at random moments."""
    draw = random.Random(rate)  # noqa: S311 - spreads load, hides nothing
    async with asyncio.TaskGroup() as group:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(draw.expovariate(rate))
            group.create_task(ask())  # type: ignore[arg-type]


async def load(times: float, speed: float) -> tuple[Seen, Seen]:
    """Return what became of reads at so many times the capacity, and of the saves beside them."""
    server, reads, saves = Server(speed), Seen(), Seen()
    capacity = speed / READ_S
    await asyncio.gather(
        arriving(lambda: server.read(reads), times * capacity),
        arriving(lambda: server.save(saves), SAVES * capacity),
    )
    return reads, saves


@pytest.mark.parametrize("speed", [1.0, 0.2])
@pytest.mark.parametrize("times", [3.0, 10.0])
def test_far_too_much_makes_nobody_wait_twice_as_long_as_usual(times: float, speed: float) -> None:
    usual, usual_saves = virtual_time.run(load(0.5, speed))
    assert usual.refused == 0
    reads, saves = virtual_time.run(load(times, speed))
    assert reads.p99() <= 2 * usual.p99()
    assert saves.refused == 0
    assert saves.p99() <= 2 * usual_saves.p99()
    done = len(reads.seconds) * READ_S + len(saves.seconds) * SAVE_S
    assert done > 0.97 * SECONDS * speed  # the processor was never idle
    assert reads.share_refused == pytest.approx(1 - (1 - SAVES) / times, abs=0.03)


def test_a_class_that_saves_in_the_same_moment_is_saved() -> None:
    async def scene() -> Seen:
        server, saves = Server(), Seen()
        await asyncio.gather(*(server.save(saves) for _ in range(150)))
        return saves

    assert virtual_time.run(scene()).refused == 0


@pytest.mark.parametrize("speed", [1.0, 0.2])
def test_whatever_one_program_asks_in_the_same_moment_is_answered(speed: float) -> None:
    async def scene() -> Seen:
        server, reads = Server(speed), Seen()
        await asyncio.gather(*(server.read(reads) for _ in range(61)))  # as graphql-http's audits do
        return reads

    assert virtual_time.run(scene()).refused == 0
