"""Live events as rows, and the doorbell that spares their followers from waiting.

A follower remembers the last sequence it saw and asks for what came after; the bell only tells it when to
look. So a lost ring, a broken Redis or another process costs a moment, never an event.
"""

import asyncio
import threading
from contextlib import suppress
from typing import Any, Protocol

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from schema.models.work import Event
from schema.services.clock import Clock

EVENT_LOCK = 0x63686576_65766E74  # any constant that no other advisory lock uses


def append(session: Session, clock: Clock, topic: str, kind: str, payload: dict[str, Any]) -> int:
    """Record that something happened and return its sequence.

    Events become visible in the order of their sequence: on PostgreSQL a lock held to the end of the
    transaction sees to it (a sequence alone may commit out of order), on SQLite there is one writer anyway.
    Append last in a transaction, so that others wait as briefly as possible.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
    event = Event(topic=topic, kind=kind, payload=payload, at=clock())
    session.add(event)
    session.flush()
    return event.sequence or 0


def after(session: Session, topic: str, sequence: int, limit: int = 100) -> list[Event]:
    """Return a topic's events that came after a sequence, oldest first."""
    later = select(Event).where(Event.topic == topic, col(Event.sequence) > sequence)
    return list(session.exec(later.order_by(col(Event.sequence)).limit(limit)))


def latest(session: Session, topic: str) -> int:
    """Return the sequence of a topic's last event, 0 when there is none."""
    return session.exec(select(func.max(Event.sequence)).where(Event.topic == topic)).one() or 0


class Doorbell(Protocol):
    """Tells followers that there may be something new."""

    async def ring(self) -> None:
        """Wake everyone who waits; never fails and never takes long."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after this time at the latest."""
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...


class LocalDoorbell:
    """Rings within one process, from any thread and for any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    async def ring(self) -> None:
        """Wake everyone who waits."""
        self.ring_now()

    def ring_now(self) -> None:
        """Wake everyone who waits, from a thread without an event loop."""
        with self._lock:
            waiting = list(self._waiting)
        for loop, woken in waiting:
            with suppress(RuntimeError):  # a loop that has closed since has nobody left to wake
                loop.call_soon_threadsafe(woken.set)

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after this time at the latest."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(waiter)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # `wait_for` may lose a cancellation to a ring (3.11)
                    await waiter[1].wait()
        finally:
            with self._lock:
                self._waiting.discard(waiter)

    def close(self) -> None:
        """Let go of nothing: it has neither threads nor connections."""
