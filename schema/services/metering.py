"""Who pays for a request to the API: a token, its account, and for strangers their network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from anyio import to_thread

from schema.errors import DomainError
from schema.policy import Actor
from schema.services.cache import Bucket, Cache
from schema.services.passwords import Passwords
from schema.services.throttle import network

SECONDS = 60
"""How long an empty bucket takes to fill."""
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


@dataclass
class Meter:
    """What one request costs, and what its payer has left.

    Parameters
    ----------
    requested
        Points of what was asked; 0 until it is known.
    remaining
        Points left in the fullest-used bucket; None until something was paid.
    """

    cache: Cache
    buckets: Sequence[Bucket]
    requested: int = 0
    remaining: int | None = None
    retry_after: int | None = field(default=None)

    @property
    def limit(self) -> int:
        """Return how many points the smallest bucket holds when it is full."""
        return self.buckets[0].size

    @property
    def reset(self) -> int:
        """Return whole seconds until the smallest bucket is full again."""
        left = self.limit if self.remaining is None else self.remaining
        return math.ceil((self.limit - left) / self.buckets[0].rate)

    async def pay(self, points: int) -> None:
        """Take points from every bucket.

        Raises
        ------
        PointsSpentError
            When one of them holds too few.
        """
        self.requested = points
        await to_thread.run_sync(self._draw, points)

    def _draw(self, points: int) -> None:
        for bucket in self.buckets:
            drawn = self.cache.draw(bucket, points)
            left = math.floor(drawn.left)
            self.remaining = left if self.remaining is None else min(self.remaining, left)
            if not drawn.taken:
                self.retry_after = max(1, math.ceil((points - drawn.left) / bucket.rate))
                raise PointsSpentError(self.retry_after)
