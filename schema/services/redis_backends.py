"""Cache and doorbell in a Redis that several machines share; imported only where one is configured."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from schema.services.cache import Bucket, Drawn
from schema.services.events import LocalDoorbell

T = TypeVar("T")
CHANNEL = "chevet:doorbell"
RETRY_SECONDS = 1.0
_PREFIX = "chevet:"
_INDEX = _PREFIX + "entries"
_COUNTERS = _PREFIX + "counters"
_RELEASE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1])"
_BUCKETS = _PREFIX + "bucket:"
_DRAW_IN_REDIS = """
local size, rate, points, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'held', 'at')
local held = size
if kept[1] then held = math.min(size, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate) end
if held < points then return {0, tostring(held)} end
held = held - points
redis.call('HSET', KEYS[1], 'held', string.format('%.3f', held), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((size - held) / rate) + 1)
return {1, tostring(held)}
"""

log = logging.getLogger(__name__)


class RedisCache:
    """A cache in Redis, shared by every machine.

    Parameters
    ----------
    url
        `redis://host:port/number`.
    clock
        Seconds since the epoch.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._client = redis.Redis.from_url(
            url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1)
        )
        self._draw = self._client.register_script(_DRAW_IN_REDIS)

    def get(self, key: str) -> bytes | None:
        """Return the value."""
        value: Any = self._try(lambda: self._client.get(_PREFIX + key), None)
        return None if value is None else bytes(value)

    def put(self, key: str, value: bytes, seconds: int) -> None:
        """Keep the value; Redis forgets it by itself, its name in the index goes with the next value."""
        now = self._clock()

        def write() -> None:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.set(_PREFIX + key, value, ex=seconds)
            pipeline.zadd(_INDEX, {key: now + seconds})
            pipeline.zremrangebyscore(_INDEX, "-inf", now)
            pipeline.execute()

        self._try(write, None)

    def count(self, name: str, amount: int = 1) -> int | None:
        """Add to a counter and return what it has reached."""
        reached: Any = self._try(lambda: self._client.hincrby(_COUNTERS, name, amount), None)
        return None if reached is None else int(reached)

    def counters(self, names: Sequence[str]) -> list[int]:
        """Return what each counter has reached."""
        nothing: list[Any] = [0] * len(names)
        reached = self._try(lambda: list(self._client.hmget(_COUNTERS, list(names))), nothing)
        return [int(value or 0) for value in reached]

    def entries(self) -> int:
        """Return how many values have not expired."""
        return self._try(lambda: int(self._client.zcount(_INDEX, self._clock(), "+inf")), 0)

    def take(self, key: str, holder: str, seconds: float) -> bool:
        """Take a lock; Redis gives it back by itself once its time is up."""
        milliseconds = max(int(seconds * 1000), 1)
        return self._try(
            lambda: bool(self._client.set(_PREFIX + key, holder, nx=True, px=milliseconds)), otherwise=True
        )

    def release(self, key: str, holder: str) -> None:
        """Give a lock back."""
        self._try(lambda: self._client.eval(_RELEASE, 1, _PREFIX + key, holder), None)

    def draw(self, bucket: Bucket, points: int) -> Drawn:
        """Take points."""
        numbers = [bucket.size, bucket.rate, points, self._clock()]
        taken, left = self._try(
            lambda: self._draw(keys=[_BUCKETS + bucket.name], args=numbers), (1, bucket.size)
        )
        return Drawn(bool(taken), float(left))

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _try(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except redis.RedisError as error:
            log.warning("the Redis cache cannot be used: %s", type(error).__name__)
            return otherwise


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
