"""Live events as rows, and the doorbell that spares their followers from waiting.

A follower remembers the last sequence it saw and asks for what came after; the bell only tells it when to
look. So a lost ring, a broken Redis or another process costs a moment, never an event.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import redis
from sqlalchemy import func, text
from sqlmodel import Session, col, select

from schema.models.work import Event
from schema.services.clock import Clock

EVENT_LOCK = 0x63686576_65766E74  # any constant that no other advisory lock uses
CHANNEL = "chevet:doorbell"
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


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
                await asyncio.wait_for(waiter[1].wait(), seconds)
        finally:
            with self._lock:
                self._waiting.discard(waiter)


class RedisDoorbell:
    """Rings in every process that shares a Redis.

    Two threads speak to Redis, so that ringing never waits for it: while it is down, followers in other
    processes look when their own time is up.

    Parameters
    ----------
    url
        `redis://host:port/number`.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=5.0)
        self._local = LocalDoorbell()
        self._rung = threading.Event()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._persist, args=(work,), name=f"doorbell-{work.__name__}", daemon=True
            )
            for work in (self._publish, self._listen)
        ]
        for thread in self._threads:
            thread.start()

    async def ring(self) -> None:
        """Wake everyone who waits, here at once and elsewhere through Redis."""
        self._local.ring_now()
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after this time at the latest."""
        await self._local.wait(seconds)

    def close(self) -> None:
        """Stop both threads and leave Redis."""
        self._closed.set()
        self._rung.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _persist(self, work: Callable[[], None]) -> None:
        """Do the work until closed, again after each failure."""
        failing = False
        while not self._closed.is_set():
            try:
                work()
                failing = False
            except redis.RedisError as error:
                if not failing:
                    log.warning("the doorbell cannot reach Redis, followers poll: %s", type(error).__name__)
                failing = True
                self._closed.wait(RETRY_SECONDS)

    def _publish(self) -> None:
        """Pass one ring on; rings that come while one is sent become one."""
        self._rung.wait()
        self._rung.clear()
        self._client.publish(CHANNEL, b"")

    def _listen(self) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(CHANNEL)
            while not self._closed.is_set():
                if subscription.get_message(timeout=0.2) is not None:
                    self._local.ring_now()
