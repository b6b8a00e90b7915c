"""Three times what the server can do: how long what it lets in takes, and what becomes of saves."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from tests.bench.client import Connection
from tests.bench.load import OK, Arrived, Timings, UnexpectedAnswerError, arriving, flat_out
from tests.bench.students import PageStudent, Participant

REFUSED = 503
TIMES = 3
CONNECTIONS = 3
"""As many as the server works on at once: it is fully busy, and nobody queues."""
USUAL = 0.5
"""The usual load, as a part of what the server can do."""
ONSET_S = 1.0
"""Left out of what is let in: by then the server has noticed."""
MOST_SLOWER = 2.0
"""What the 99th percentile of what is answered may be, times the usual."""
SAVES_SHARE = 0.15
"""Saves, for each read the server can answer."""

Saver = PageStudent | Participant


@dataclass(frozen=True, slots=True)
class Overloaded:
    """What was measured.

    Parameters
    ----------
    capacity
        Reads a second of a server that does nothing else.
    usual
        Reads at half that rate, before and after: the slower.
    answered, refused
        Reads at three times the capacity: seconds each.
    saves, saves_refused
        Saves at the same time: seconds of each that was acknowledged, and how many were refused.
    """

    capacity: float
    usual: Timings
    answered: Timings
    refused: Timings
    saves: Timings
    saves_refused: int

    @property
    def slower(self) -> float:
        """Return how many times longer than usual the slowest hundredth of what is answered takes."""
        return self.answered.milliseconds(99) / self.usual.milliseconds(99)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield f"capacity {self.capacity:.1f} reads/s; asked {TIMES} times as many"
        yield f"{'':<34}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}"
        for name, timings in (
            (f"reads, usual load ({USUAL:.0%})", self.usual),
            ("reads answered", self.answered),
            ("reads refused", self.refused),
            ("saves acknowledged", self.saves),
        ):
            p50, p99 = timings.milliseconds(50), timings.milliseconds(99)
            yield f"{name:<34}{timings.rate:>9.1f}{p50:>9.1f}{p99:>9.1f}"
        yield f"saves refused: {self.saves_refused}"
        yield f"p99 of reads answered: {self.slower:.2f} times the usual (at most {MOST_SLOWER:g})"


@dataclass
class Saves:
    """What became of saves."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0


async def overload(port: int, reads: Sequence[bytes], savers: Sequence[Saver], seconds: float) -> Overloaded:
    """Find out what the server can do, then ask three times as much; reads are asked in turn."""
    turn = cycle(reads)

    async def asked(rate: float) -> list[Arrived]:
        arrived = await arriving(port, lambda: next(turn), rate, ONSET_S + seconds)
        return [each for each in arrived if each.due > ONSET_S]

    async def usual() -> Timings:
        return Timings(list(_taken(await asked(USUAL * capacity), OK)), seconds)

    closed = [await flat_out(port, request, CONNECTIONS, seconds / len(reads)) for request in reads]
    capacity = sum(len(each.each) for each in closed) / sum(each.whole for each in closed)
    before = await usual()
    stop, saved = asyncio.Event(), Saves()
    every = len(savers) / (capacity * SAVES_SHARE)
    saving = [asyncio.create_task(_keep_saving(port, saver, every, stop, saved)) for saver in savers]
    arrived = await asked(TIMES * capacity)
    stop.set()
    await asyncio.gather(*saving)
    return Overloaded(
        capacity,
        max(before, await usual(), key=lambda timings: timings.milliseconds(99)),
        Timings(list(_taken(arrived, OK)), seconds),
        Timings(list(_taken(arrived, REFUSED)), seconds),
        Timings(saved.seconds, ONSET_S + seconds),
        saved.refused,
    )


def _taken(arrived: Sequence[Arrived], status: int) -> Iterator[float]:
    for each in arrived:
        if each.answer.status not in {OK, REFUSED}:
            raise UnexpectedAnswerError(each.answer)
        if each.answer.status == status:
            yield each.seconds


async def _keep_saving(port: int, saver: Saver, every: float, stop: asyncio.Event, saved: Saves) -> None:
    """Save again and again, as a page does: what is refused is saved with the next."""
    clock = asyncio.get_running_loop().time
    draw = random.Random(saver.writing.concepts[0])  # noqa: S311 - spreads load, hides nothing
    async with await Connection.to(port) as connection:
        await asyncio.sleep(draw.random() * min(every, 1.0))
        while not stop.is_set():
            began = clock()
            try:
                await saver.save(connection)
                saved.seconds.append(clock() - began)
            except UnexpectedAnswerError as error:
                if error.answer.status != REFUSED:
                    raise
                saved.refused += 1
            await asyncio.sleep(max(0, every - (clock() - began)))
