"""How much a process takes on at once, and who waits: a bounded number of places before a bounded queue.

A process computes one thing at a time. What it has taken on at once shares its time, so that places bound how
long each request takes; more of them answer nothing sooner. Whoever finds no place waits, if only few do:
waiting is for bursts. A queue that has not been empty for a while is too much work, and waiting in it only
makes everyone late; then no more may wait than there are places, and who comes beyond that is refused at
once. Those who waited already have their turn when nobody else waits, as after a burst, unless that takes too
long.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

LONGEST_WAIT_S = 5.0
"""Nobody waits longer, whatever holds the places."""
LONGEST_BEHIND_S = 3.0
"""Who waits behind the others has no turn after so many seconds."""


class OverloadedError(Exception):
    """There is neither a place nor room to wait for one."""


class Figures(NamedTuple):
    """How a lane stands.

    Parameters
    ----------
    taken, waiting
        Requests with a place, and those that wait for one.
    may_wait
        How many may wait at this moment.
    served, refused
        Requests since the process started.
    """

    taken: int
    waiting: int
    may_wait: int
    served: int
    refused: int


@dataclass(eq=False, slots=True)
class Turn:
    """Somebody's turn: when they came, and whether they have it or never will."""

    came: float
    comes: asyncio.Future[bool]


class Lane:
    """Requests that share places. For one event loop.

    Parameters
    ----------
    places
        How many there are.
    burst, burst_s
        How many may wait. Of a queue that was not empty for so many seconds all but as many as there are
        places wait behind the others; from then on one more may wait after each such stretch of time, once
        the queue is empty now and then.
    clock
        Seconds that only grow.

    Attributes
    ----------
    aside
        Those who have left their place to wait for something else than the processor: see `server.stays`.
    """

    def __init__(self, places: int, burst: int, burst_s: float, clock: Callable[[], float]) -> None:
        self._places, self._burst, self._burst_s, self._clock = places, burst, burst_s, clock
        self._taken = self._served = self._refused = 0
        self._queue: deque[Turn] = deque()
        self._behind: deque[Turn] = deque()
        self.aside: set[object] = set()
        self._may_wait = burst
        self._empty_at = self._changed_at = clock()

    @property
    def figures(self) -> Figures:
        """Return how it stands."""
        self._look()
        waiting = len(self._queue) + len(self._behind)
        return Figures(self._taken, waiting, self._may_wait, self._served, self._refused)

    @property
    def free(self) -> bool:
        """Return whether a newcomer finds a place."""
        return self._taken < self._places and not self._queue

    @property
    def full(self) -> bool:
        """Return whether a newcomer would be refused."""
        self._look()
        return not self.free and len(self._queue) >= self._may_wait

    async def enter(self) -> float:
        """Take a place, or wait for one; raises OverloadedError where too many do.

        Returns
        -------
        float
            Seconds it was waited for.
        """
        self.refuse_if_full()
        waited = 0.0
        if self.free:
            self.take()
        else:
            came = self._clock()
            await self._wait()
            waited = self._clock() - came
        self._served += 1
        return waited

    def refuse_if_full(self) -> None:
        """Raise OverloadedError if a newcomer would find neither a place nor room to wait."""
        if self.full:
            self._refuse()

    def _refuse(self) -> NoReturn:
        self._refused += 1
        raise OverloadedError

    def take(self) -> None:
        """Take a place, whether there is one or not: for who had one and only stepped aside."""
        self._taken += 1

    def leave(self) -> None:
        """Give a place back to whoever has waited longest."""
        self._taken -= 1
        self._pass_on()

    async def _wait(self) -> None:
        turn = Turn(self._clock(), asyncio.get_running_loop().create_future())
        self._queue.append(turn)
        try:
            await asyncio.wait((turn.comes,), timeout=LONGEST_WAIT_S)
        except asyncio.CancelledError:
            self._withdraw(turn)
            raise
        if not turn.comes.done():
            self._withdraw(turn)
        if not (turn.comes.done() and turn.comes.result()):
            self._refuse()

    def _withdraw(self, turn: Turn) -> None:
        """Wait no longer."""
        if not turn.comes.done():
            (self._behind if turn in self._behind else self._queue).remove(turn)
        elif turn.comes.result():
            self.leave()

    def _pass_on(self) -> None:
        late = self._clock() - LONGEST_BEHIND_S
        while (self._queue or self._behind) and self._taken < self._places:
            in_time = bool(self._queue)
            turn = (self._queue or self._behind).popleft()
            has_it = in_time or turn.came > late
            turn.comes.set_result(has_it)
            self._taken += has_it
        self._look()

    def _look(self) -> None:
        """Decide anew how many may wait."""
        now = self._clock()
        if not self._queue:
            self._empty_at = now
            more = int((now - self._changed_at) / self._burst_s)
            self._may_wait = min(self._burst, self._may_wait + more)
            self._changed_at += more * self._burst_s
        elif now - self._empty_at > self._burst_s:
            self._may_wait, self._changed_at = self._places, now
            while len(self._queue) > self._may_wait:
                self._behind.appendleft(self._queue.pop())


class Lanes:
    """The places of one process: of students' saving and handing in, and of everything else.

    Equal numbers, so that saves get half of the processor whenever they need it, and never more. A class
    whose time is up saves its last words in the same second: more of them may wait, and for longer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.general = Lane(3, 64, 0.1, clock)
        self.writing = Lane(3, 256, 1.0, clock)

    @property
    def figures(self) -> dict[str, dict[str, int]]:
        """Return how each stands, by name."""
        return {name: lane.figures._asdict() for name, lane in vars(self).items()}
