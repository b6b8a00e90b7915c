"""A day's budget is shared by all workers, and never overdrawn."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schema.services.cache import Cache, LocalCache
from schema.services.redis_backends import RedisCache
from schema.services.spending import DailyBudget
from tests.schema.people import StoppedClock
from tests.support.processes import free_port

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(params=["local", "redis"])
def worker(
    request: pytest.FixtureRequest, tmp_path: Path, clock: StoppedClock
) -> Iterator[Callable[..., DailyBudget]]:
    """Return what makes one more worker's budget, over the same counts."""
    opened: list[LocalCache | RedisCache] = []
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None

    def make(calls: int = 100, euros: float = 1.0) -> DailyBudget:
        opened.append(RedisCache(url) if url else LocalCache(tmp_path / "cache.db"))
        return DailyBudget(opened[-1], clock, PARIS, calls, euros)

    yield make
    for each in opened:
        each.close()


def spent(budget: DailyBudget) -> tuple[int, float]:
    today = budget.today()
    return today.calls, today.euros


def test_what_one_worker_spends_another_has_no_more(worker: Callable[..., DailyBudget]) -> None:
    one, other = worker(euros=0.001), worker(euros=0.001)
    account = one.reserve(900)
    assert account is not None
    assert other.reserve(200) is None
    one.settle(account, 900, 400)
    assert other.reserve(200) is not None
    assert spent(one) == (2, 0.0006)


def test_only_so_many_questions_a_day(worker: Callable[..., DailyBudget]) -> None:
    budget = worker(calls=2)
    assert [budget.reserve(1) is not None for _ in range(4)] == [True, True, False, False]
    assert spent(budget) == (2, 0.000002)


def test_a_new_day_begins_at_midnight_where_the_platform_is(
    worker: Callable[..., DailyBudget], clock: StoppedClock
) -> None:
    budget = worker(calls=1)
    clock.at = clock.at.replace(hour=22, minute=59)  # 23:59 in Paris in winter
    before = budget.reserve(50)
    assert before is not None
    assert budget.reserve(50) is None
    clock.pass_(minutes=2)
    assert budget.reserve(70) is not None
    budget.settle(before, 50, 0)
    assert spent(budget) == (1, 0.00007)


def test_workers_that_ask_at_once_overdraw_nothing(worker: Callable[..., DailyBudget]) -> None:
    budgets = [worker(calls=15, euros=0.01) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda number: budgets[number % 4].reserve(1000), range(60)))
    assert 1 <= sum(each is not None for each in granted) <= 10
    calls, euros = spent(budgets[0])
    assert calls == sum(each is not None for each in granted)
    assert euros == pytest.approx(calls * 0.001)


def test_where_nobody_can_count_nothing_is_spent(clock: StoppedClock) -> None:
    cache: Cache = RedisCache(f"redis://127.0.0.1:{free_port()}/0")
    assert DailyBudget(cache, clock, PARIS, 10, 1.0).reserve(1) is None


def test_nothing_at_all_may_be_allowed(worker: Callable[..., DailyBudget]) -> None:
    assert worker(calls=0).reserve(0) is None
    assert worker(euros=0.0).reserve(1) is None


def test_what_days_have_cost_is_remembered_also_of_days_without_a_question(
    worker: Callable[..., DailyBudget], clock: StoppedClock
) -> None:
    budget = worker()
    first = clock().astimezone(PARIS).date()
    account = budget.reserve(900)
    assert account is not None
    budget.settle(account, 900, 400)
    clock.pass_(days=2)
    budget.reserve(100)
    days = budget.between(first, first + timedelta(days=2))
    assert [(each.day - first).days for each in days] == [0, 1, 2]
    assert [(each.calls, each.euros) for each in days] == [(1, 0.0004), (0, 0.0), (1, 0.0001)]


def test_a_period_until_today_in_utc_has_what_is_spent_after_midnight_where_the_platform_is(
    worker: Callable[..., DailyBudget], clock: StoppedClock
) -> None:
    budget, today = worker(), clock().astimezone(UTC).date()
    clock.pass_(hours=23.5 - clock().hour)
    budget.reserve(100)
    assert [(each.day, each.calls) for each in budget.between(today, today)] == [
        (today, 0),
        (today + timedelta(days=1), 1),
    ]
    west = DailyBudget(budget.cache, clock, ZoneInfo("America/Montreal"), 100, 1.0)
    clock.pass_(hours=1)
    west.reserve(100)
    following = today + timedelta(days=1)
    assert [(each.day, each.calls) for each in west.between(following, following)] == [(today, 1)]
