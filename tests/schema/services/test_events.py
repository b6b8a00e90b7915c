import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis

from schema.database import Database
from schema.models.work import Event
from schema.services import events
from schema.services.clock import now
from schema.services.events import Doorbell, LocalDoorbell
from schema.services.redis_backends import CHANNEL, RedisDoorbell

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def append(database: Database, topic: str, kind: str = "saved") -> int:
    with database.write() as session:
        return events.append(session, lambda: NINE, topic, kind, {"attempt": 7})


def test_a_follower_resumes_after_the_last_event_it_saw(database: Database) -> None:
    first = append(database, "session:1", "started")
    second = append(database, "session:1", "saved")
    with database.read() as session:
        assert [e.kind for e in events.after(session, "session:1", 0)] == ["started", "saved"]
        rest = events.after(session, "session:1", first)
        assert [(e.sequence, e.kind, e.payload, e.at) for e in rest] == [
            (second, "saved", {"attempt": 7}, NINE)
        ]
        assert events.after(session, "session:1", second) == []
        assert events.latest(session, "session:1") == second


def test_a_topic_hears_nothing_of_another(database: Database) -> None:
    append(database, "session:1")
    with database.read() as session:
        assert events.after(session, "session:2", 0) == []
        assert events.latest(session, "session:2") == 0


def test_an_event_of_a_transaction_that_failed_never_happened(database: Database) -> None:
    with database.write() as session:
        events.append(session, now, "session:1", "saved", {})
        session.rollback()
    with database.read() as session:
        assert events.latest(session, "session:1") == 0


def test_a_page_of_events_is_the_oldest_ones(database: Database) -> None:
    sequences = [append(database, "session:1") for _ in range(3)]
    with database.read() as session:
        assert [e.sequence for e in events.after(session, "session:1", 0, limit=2)] == sequences[:2]


def test_a_follower_that_only_looks_forward_misses_no_event_of_concurrent_writers(database: Database) -> None:
    """Without the lock, PostgreSQL commits a later sequence first: a follower steps over the earlier."""

    def write() -> None:
        for _ in range(25):
            with database.write() as session:
                session.add(Event(topic="other", kind="noise", at=NINE))
                events.append(session, now, "session:1", "saved", {})
                time.sleep(0.0005)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    while len(seen) < 200 and (any(w.is_alive() for w in writers) or _more(database, seen)):
        seen += _more(database, seen)
    for writer in writers:
        writer.join()
    assert len(seen) == 200
    assert seen == sorted(set(seen))


def _more(database: Database, seen: list[int]) -> list[int]:
    with database.read() as session:
        return [e.sequence or 0 for e in events.after(session, "session:1", seen[-1] if seen else 0)]


async def _seconds_until_woken(bell: Doorbell, ringing: Doorbell, limit: float) -> float:
    waiting = asyncio.ensure_future(bell.wait(limit))
    await asyncio.sleep(0)
    started = time.monotonic()
    await ringing.ring()
    await waiting
    return time.monotonic() - started


def test_a_ring_wakes_everyone_who_waits_at_once() -> None:
    async def scenario() -> float:
        bell = LocalDoorbell()
        waiting = [asyncio.ensure_future(bell.wait(20)) for _ in range(3)]
        await asyncio.sleep(0)
        started = time.monotonic()
        await bell.ring()
        await asyncio.gather(*waiting)
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 5


def test_a_ring_from_another_thread_and_loop_wakes_who_waits() -> None:
    bell = LocalDoorbell()

    async def scenario() -> float:
        started = time.monotonic()
        waiting = asyncio.ensure_future(bell.wait(20))
        await asyncio.sleep(0)
        await asyncio.to_thread(asyncio.run, bell.ring())
        await waiting
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 5


def test_without_a_ring_the_wait_ends_by_itself() -> None:
    asyncio.run(LocalDoorbell().wait(0.01))


def test_a_bell_rung_with_nobody_waiting_is_harmless() -> None:
    asyncio.run(LocalDoorbell().ring())


@pytest.fixture
def doorbell(redis_url: str, redis_server: redis.Redis) -> Iterator[RedisDoorbell]:
    bell = RedisDoorbell(redis_url)
    _until_listening(redis_server, 1)
    yield bell
    bell.close()


def _until_listening(client: redis.Redis, count: int) -> None:
    deadline = time.monotonic() + 10
    while dict(client.pubsub_numsub(CHANNEL)).get(CHANNEL.encode(), 0) < count:
        assert time.monotonic() < deadline, "the doorbell never subscribed"


def test_a_ring_reaches_another_process_through_redis(
    doorbell: RedisDoorbell, redis_url: str, redis_server: redis.Redis
) -> None:
    other = RedisDoorbell(redis_url)
    _until_listening(redis_server, 2)
    assert asyncio.run(_seconds_until_woken(doorbell, other, 20)) < 5
    other.close()


def test_a_ring_reaches_its_own_process_without_redis() -> None:
    bell = RedisDoorbell("redis://127.0.0.1:1/0")
    assert asyncio.run(_seconds_until_woken(bell, bell, 20)) < 5
    bell.close()


def test_a_broken_redis_delays_nobody_beyond_the_time_they_allow() -> None:
    bell = RedisDoorbell("redis://127.0.0.1:1/0")
    asyncio.run(bell.wait(0.01))
    bell.close()


def test_a_doorbell_listens_again_after_redis_dropped_it(
    doorbell: RedisDoorbell, redis_url: str, redis_server: redis.Redis
) -> None:
    dropped = [client["id"] for client in redis_server.client_list(_type="pubsub")]
    for client in dropped:
        redis_server.client_kill_filter(_id=client)
    while not {client["id"] for client in redis_server.client_list(_type="pubsub")} - set(dropped):
        time.sleep(0.01)
    _until_listening(redis_server, 1)
    other = RedisDoorbell(redis_url)
    assert asyncio.run(_seconds_until_woken(doorbell, other, 20)) < 5
    other.close()
