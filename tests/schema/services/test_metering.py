"""Who pays for a request: tokens, accounts and networks."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from schema.policy import Actor, Role
from schema.services import metering
from schema.services.cache import LocalCache
from schema.services.metering import AHEAD, Meter, PointsSpentError, Purse, buckets_of
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


@pytest.fixture
def purse(cache: LocalCache) -> Purse:
    return Purse(cache)


def meter(purse: Purse, actor: Actor | None, address: str = "192.0.2.1") -> Meter:
    return Meter(purse, buckets_of(actor, address, POINTS, PASSWORDS))


def token(number: int) -> Actor:
    return Actor(1, Role.TEACHER, token_id=number)


def pay(purse: Purse, actor: Actor | None, points: int, address: str = "192.0.2.1") -> Meter:
    made = meter(purse, actor, address)
    asyncio.run(made.pay(points))
    return made


def test_a_stranger_has_a_tenth_of_a_token_for_their_whole_network(purse: Purse) -> None:
    assert pay(purse, None, 600, "2001:db8::1").standing == (600, 0, 60)
    with pytest.raises(PointsSpentError):
        pay(purse, None, 1, "2001:db8::2")
    assert pay(purse, None, 600, "2001:db8:1::1").requested == 600


def test_nobodys_address_is_kept(purse: Purse) -> None:
    assert "192.0.2.1" not in str(meter(purse, None).buckets)


def test_a_token_that_has_spent_its_points_leaves_the_accounts_other_tokens_theirs(purse: Purse) -> None:
    pay(purse, token(1), POINTS)
    for _ in range(3):
        with pytest.raises(PointsSpentError):
            pay(purse, token(1), 100)
    assert pay(purse, token(2), POINTS).standing == (POINTS, 0, 60)


def test_all_tokens_of_an_account_together_spend_what_is_the_accounts(purse: Purse) -> None:
    for number in (1, 2):
        pay(purse, token(number), POINTS)
    with pytest.raises(PointsSpentError):
        pay(purse, token(3), 100)
    with pytest.raises(PointsSpentError):
        pay(purse, Actor(1, Role.TEACHER), 1)
    assert pay(purse, Actor(2, Role.TEACHER), 1).standing == (2 * POINTS, 2 * POINTS - 1, 1)


def test_whoever_waits_as_long_as_told_may_ask_again(purse: Purse, seconds: Seconds) -> None:
    pay(purse, token(1), POINTS)
    with pytest.raises(PointsSpentError) as caught:
        pay(purse, token(1), 450)
    assert caught.value.retry_after == 5
    seconds.now += 5
    assert pay(purse, token(1), 450).standing == (POINTS, 50, 60)


def test_a_process_looks_into_the_bucket_only_now_and_then(cache: LocalCache, purse: Purse) -> None:
    ahead, actor = POINTS // AHEAD, token(1)
    [bucket, _account] = buckets_of(actor, "", POINTS, PASSWORDS)
    for number in range(1, 11):
        standing = pay(purse, actor, ahead // 10).standing
        assert standing is not None
        assert standing[1] == POINTS - number * ahead // 10
        assert cache.draw(bucket, 0).left == POINTS - ahead
    pay(purse, actor, 1)
    assert cache.draw(bucket, 0).left == POINTS - 2 * ahead


def test_two_processes_together_spend_no_more_than_one(cache: LocalCache) -> None:
    processes = [Purse(cache), Purse(cache)]
    spent = 0
    for number in range(2 * POINTS // 100):
        with suppress(PointsSpentError):
            pay(processes[number % 2], token(1), 100)
            spent += 100
    assert spent == POINTS


def test_requests_at_once_spend_no_more_than_there_is(purse: Purse) -> None:
    async def rush() -> list[BaseException | None]:
        payments = (meter(purse, token(1)).pay(100) for _ in range(100))
        return await asyncio.gather(*payments, return_exceptions=True)

    results = asyncio.run(rush())
    assert results.count(None) == POINTS // 100
    assert {type(each) for each in results} == {type(None), PointsSpentError}


def test_a_process_forgets_clients_it_has_not_seen_for_long(
    purse: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "CLIENTS", 3)
    for number in range(10):
        pay(purse, None, 1, f"192.0.2.{number}")
    assert len(purse._held) == 3  # noqa: SLF001


def test_what_a_process_holds_counts_with_what_the_bucket_holds(cache: LocalCache, purse: Purse) -> None:
    actor = token(1)
    pay(purse, actor, 250)
    [bucket, _account] = buckets_of(actor, "", POINTS, PASSWORDS)
    cache.draw(bucket, POINTS - POINTS // AHEAD - 60)
    assert pay(purse, actor, 110).standing == (POINTS, 0, 60)
