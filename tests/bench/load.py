"""Two kinds of load: as fast as the server answers, and people who save at their own pace."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.bench.client import Answer, Connection

OK = 200


class UnexpectedAnswerError(RuntimeError):
    """The server answered something that must not be counted."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"status {answer.status}: {answer.body[:500].decode(errors='replace')}")


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each request took, in seconds, and how long all of them."""

    each: Sequence[float]
    whole: float

    @property
    def rate(self) -> float:
        """Return requests per second."""
        return len(self.each) / self.whole

    def milliseconds(self, percent: float) -> float:
        """Return a percentile by nearest rank."""
        ordered = sorted(self.each)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request of those that come when they come.

    Parameters
    ----------
    due
        Seconds after the first could have come.
    seconds
        From then until its answer was there.
    """

    answer: Answer
    due: float
    seconds: float


async def arriving(port: int, request_of: Callable[[], bytes], rate: float, seconds: float) -> list[Arrived]:
    """Send requests at random moments, so many a second on average, however long the answers take.

    Each goes over a kept connection that is free, or over a new one.
    """
    found: list[Arrived] = []
    idle: list[Connection] = []
    draw = random.Random(2)  # noqa: S311 - spreads load, hides nothing
    started = time.perf_counter()

    async def ask(request: bytes, due: float) -> None:
        connection = idle.pop() if idle else await Connection.to(port)
        answer = await connection.send(request)
        found.append(Arrived(answer, due - started, time.perf_counter() - due))
        idle.append(connection)

    async with asyncio.TaskGroup() as group:
        due = started
        while (due := due + draw.expovariate(rate)) < started + seconds:
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(ask(request_of(), due))
    for connection in idle:
        await connection.close()
    return found


async def flat_out(port: int, request: bytes, connections: int, seconds: float) -> Timings:
    """Send a request again and again over some connections, each waiting for its answer."""
    taken: list[float] = []
    started = time.perf_counter()

    async def client() -> None:
        async with await Connection.to(port) as connection:
            while (before := time.perf_counter()) < started + seconds:
                answer = await connection.send(request)
                taken.append(time.perf_counter() - before)
                if answer.status != OK:
                    raise UnexpectedAnswerError(answer)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(client())
    return Timings(taken, time.perf_counter() - started)


async def paced(
    port: int, savers: Sequence[Callable[[Connection], Awaitable[None]]], every: float, seconds: float
) -> Timings:
    """Let each saver act every so often, each from a moment of its own.

    An act's time counts from when it was due: a server that falls behind cannot hide it by being asked less.
    """
    taken: list[float] = []
    draw = random.Random(1)  # noqa: S311 - spreads load, hides nothing
    started = time.perf_counter()

    async def saver(act: Callable[[Connection], Awaitable[None]], due: float) -> None:
        async with await Connection.to(port) as connection:
            while due < started + seconds:
                await asyncio.sleep(due - time.perf_counter())
                await act(connection)
                taken.append(time.perf_counter() - due)
                due += every

    async with asyncio.TaskGroup() as group:
        for act in savers:
            group.create_task(saver(act, started + draw.random() * every))
    return Timings(taken, time.perf_counter() - started)
