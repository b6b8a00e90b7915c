"""Who pays for a request to the API: a token, its account, and for strangers their network."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread

from schema.errors import DomainError, ValidationFailedError
from schema.policy import Actor
from schema.services.cache import Bucket, Cache, Drawn
from schema.services.passwords import Passwords
from schema.services.throttle import network

SECONDS = 60
"""How long an empty bucket takes to fill."""
AHEAD, MOST_AHEAD = 20, 20_000
"""A process draws one part in so many of a bucket ahead, and so many points at most."""
NOTHING = (0.0, 0.0)
CLIENTS = 10_000
"""Clients a process holds points for."""
TRIES = 20
"""How often an account may guess in a minute, at a join code for instance."""
REFUSED = 100
"""Points of a document that is refused unread: it had to be parsed."""


class PointsSpentError(DomainError):
    """A bucket holds too few points.

    Parameters
    ----------
    retry_after
        Whole seconds until it holds enough, at least 1.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


def buckets_of(actor: Actor | None, address: str, points: int, passwords: Passwords) -> list[Bucket]:
    """Return the buckets a request is paid from, the smallest first.

    Parameters
    ----------
    points
        What a token may spend in a minute: twice as many an account with all its tokens and browsers, a tenth
        of it a stranger's network.
    """
    if actor is None:
        name = passwords.keyed("address", network(address))
        return [Bucket(f"address:{name}", points // 10, SECONDS)]
    account = Bucket(f"account:{actor.account_id}", 2 * points, SECONDS)
    if actor.token_id is None:
        return [account]
    return [Bucket(f"token:{actor.token_id}", points, SECONDS), account]


def count_try(cache: Cache, actor: Actor, path: str) -> None:
    """Count one of an account's guesses at what the input's `path` names.

    Raises
    ------
    ValidationFailedError
        After too many.
    """
    bucket = Bucket(f"try:{path}:{actor.account_id}", TRIES, SECONDS)
    drawn = cache.draw(bucket, 1)
    if not drawn.taken:
        seconds = max(1, math.ceil((1 - drawn.left) / bucket.rate))
        raise ValidationFailedError.of(path, "too_many_attempts", seconds=seconds)


class Purse:
    """Spends from buckets without looking into them each time: it draws a little ahead, and spends from that.

    What was drawn ahead is lost when the process ends, and drips back into the bucket within seconds. For one
    event loop.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._held: dict[str, tuple[float, float]] = {}
        self._lock = asyncio.Lock()

    async def spend(self, bucket: Bucket, points: int) -> Drawn:
        """Take points as `Cache.draw` does."""
        if self._held.get(bucket.name, NOTHING)[0] < points:
            async with self._lock:
                await self._fill(bucket, points)
        held, left = self._held.get(bucket.name, NOTHING)
        if held < points:
            return Drawn(taken=False, left=held + left)
        self._held[bucket.name] = held - points, left
        return Drawn(taken=True, left=held - points + left)

    async def _fill(self, bucket: Bucket, points: int) -> None:
        """Draw ahead, or just what is needed where the bucket holds no more."""
        for ahead in (min(bucket.size // AHEAD, MOST_AHEAD), 0):
            missing = math.ceil(points - self._held.get(bucket.name, NOTHING)[0])
            if missing <= 0:
                return
            wanted = max(missing, ahead)
            drawn = await to_thread.run_sync(self._cache.draw, bucket, wanted)
            held, _left = self._held.pop(bucket.name, NOTHING)
            self._keep(bucket.name, held + wanted * drawn.taken, drawn.left)

    def _keep(self, name: str, held: float, left: float) -> None:
        """Hold points for a client, and forget whoever has not been seen for longest."""
        self._held[name] = held, left
        if len(self._held) > CLIENTS:
            del self._held[next(iter(self._held))]


@dataclass
class Meter:
    """What one request costs, and what its payer has left.

    Parameters
    ----------
    requested
        Points of what was asked; 0 until it is known.
    scarcest
        The bucket that holds the least, and how much; None until something was paid.
    retry_after
        Whole seconds until the request could have been paid; None when it was.
    """

    purse: Purse
    buckets: Sequence[Bucket]
    requested: int = 0
    scarcest: tuple[Bucket, float] | None = None
    retry_after: int | None = None

    @property
    def standing(self) -> tuple[int, int, int] | None:
        """Return points of the scarcest bucket when full, points left in it, and seconds until it is full."""
        if self.scarcest is None:
            return None
        bucket, left = self.scarcest
        return bucket.size, math.floor(left), math.ceil((bucket.size - left) / bucket.rate)

    async def pay(self, points: int) -> None:
        """Take points from every bucket, or raise PointsSpentError at the first that holds too few."""
        self.requested = points
        for bucket in self.buckets:
            drawn = await self.purse.spend(bucket, points)
            if self.scarcest is None or drawn.left < self.scarcest[1]:
                self.scarcest = bucket, drawn.left
            if not drawn.taken:
                self.retry_after = max(1, math.ceil((points - drawn.left) / bucket.rate))
                raise PointsSpentError(self.retry_after)
