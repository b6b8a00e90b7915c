"""Who pays for a request: tokens, accounts and networks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.policy import Actor, Role
from schema.services.cache import LocalCache
from schema.services.metering import Meter, PointsSpentError, buckets_of
from schema.services.passwords import Passwords
from tests.schema.services.test_cache import Seconds

POINTS = 6_000
PASSWORDS = Passwords(b"one key")


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def cache(tmp_path: Path, seconds: Seconds) -> Iterator[LocalCache]:
    made = LocalCache(tmp_path / "cache.db", clock=seconds)
    yield made
    made.close()


def meter(cache: LocalCache, actor: Actor | None, address: str = "192.0.2.1") -> Meter:
    return Meter(cache, buckets_of(actor, address, POINTS, PASSWORDS))


def token(number: int) -> Actor:
    return Actor(1, Role.TEACHER, token_id=number)


def pay(cache: LocalCache, actor: Actor | None, points: int, address: str = "192.0.2.1") -> Meter:
    made = meter(cache, actor, address)
    asyncio.run(made.pay(points))
    return made


def test_a_stranger_has_a_tenth_of_a_token_for_their_whole_network(cache: LocalCache) -> None:
    assert pay(cache, None, 600, "2001:db8::1").standing == (600, 0, 60)
    with pytest.raises(PointsSpentError):
        pay(cache, None, 1, "2001:db8::2")
    assert pay(cache, None, 600, "2001:db8:1::1").requested == 600


def test_nobodys_address_is_kept(cache: LocalCache) -> None:
    assert "192.0.2.1" not in str(meter(cache, None).buckets)


def test_a_token_that_has_spent_its_points_leaves_the_accounts_other_tokens_theirs(cache: LocalCache) -> None:
    pay(cache, token(1), POINTS)
    for _ in range(3):
        with pytest.raises(PointsSpentError):
            pay(cache, token(1), 100)
    assert pay(cache, token(2), POINTS).standing == (POINTS, 0, 60)


def test_all_tokens_of_an_account_together_spend_what_is_the_accounts(cache: LocalCache) -> None:
    for number in (1, 2):
        pay(cache, token(number), POINTS)
    with pytest.raises(PointsSpentError):
        pay(cache, token(3), 100)
    with pytest.raises(PointsSpentError):
        pay(cache, Actor(1, Role.TEACHER), 1)
    assert pay(cache, Actor(2, Role.TEACHER), 1).standing == (2 * POINTS, 2 * POINTS - 1, 1)


def test_whoever_waits_as_long_as_told_may_ask_again(cache: LocalCache, seconds: Seconds) -> None:
    pay(cache, token(1), POINTS)
    with pytest.raises(PointsSpentError) as caught:
        pay(cache, token(1), 450)
    assert caught.value.retry_after == 5
    seconds.now += 5
    assert pay(cache, token(1), 450).standing == (POINTS, 50, 60)
