import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schema.services.cache import Bucket, Cache, LocalCache
from schema.services.redis_backends import RedisCache
from tests.support.processes import free_port


class Seconds:
    """A clock of seconds that moves only when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(params=["local", "redis"])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, seconds: Seconds
) -> Iterator[Callable[[], LocalCache | RedisCache]]:
    """Return what opens the same cache once more, as another worker would."""
    opened: list[LocalCache | RedisCache] = []
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None

    def make() -> LocalCache | RedisCache:
        opened.append(RedisCache(url, seconds) if url else LocalCache(tmp_path / "cache.db", clock=seconds))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def cache(opened: Callable[[], Cache]) -> Cache:
    return opened()


def test_what_was_never_kept_is_missing(cache: Cache) -> None:
    assert cache.get("a") is None


def test_another_worker_finds_what_one_has_kept(opened: Callable[[], Cache]) -> None:
    opened().put("a", b"\x00 value", 60)
    assert opened().get("a") == b"\x00 value"


def test_a_later_value_replaces_an_earlier_one(cache: Cache) -> None:
    cache.put("a", b"1", 60)
    cache.put("a", b"2", 60)
    assert (cache.get("a"), cache.entries()) == (b"2", 1)


def test_workers_count_together(opened: Callable[[], Cache]) -> None:
    first, second = opened(), opened()
    first.count("hits")
    second.count("hits")
    second.count("misses")
    assert first.counters(["hits", "misses", "never"]) == [2, 1, 0]


def test_a_counter_tells_what_it_has_reached_up_and_down(opened: Callable[[], Cache]) -> None:
    first, second = opened(), opened()
    assert [first.count("euros", 5), second.count("euros", 7), first.count("euros", -2)] == [5, 12, 10]


def test_many_who_count_at_once_each_get_a_number_of_their_own(opened: Callable[[], Cache]) -> None:
    caches = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        reached = list(pool.map(lambda number: caches[number % 4].count("calls"), range(40)))
    assert sorted(each or 0 for each in reached) == list(range(1, 41))


def test_a_lock_is_one_workers_until_it_is_given_back(opened: Callable[[], Cache]) -> None:
    first, second = opened(), opened()
    assert first.take("a", "one", 60)
    assert not second.take("a", "two", 60)
    assert second.take("b", "two", 60)
    second.release("a", "two")
    assert not second.take("a", "two", 60)
    first.release("a", "one")
    assert second.take("a", "two", 60)


def test_a_local_lock_frees_itself_once_its_time_is_up(tmp_path: Path, seconds: Seconds) -> None:
    cache = LocalCache(tmp_path / "cache.db", clock=seconds)
    cache.take("a", "one", 60)
    seconds.now += 61
    assert cache.take("a", "two", 60)
    cache.release("a", "one")
    assert not cache.take("a", "three", 60)
    cache.close()


def test_redis_is_told_when_to_free_a_lock(redis_url: str) -> None:
    cache = RedisCache(redis_url)
    assert cache.take("a", "one", 60)
    assert 0 < cache._client.ttl("chevet:a") <= 60  # noqa: SLF001 - what Redis itself says
    cache.close()


def test_an_entry_no_longer_counts_once_its_time_is_up(cache: Cache, seconds: Seconds) -> None:
    cache.put("short", b"1", 60)
    cache.put("long", b"2", 3600)
    seconds.now += 61
    assert cache.entries() == 1


def test_a_local_value_is_gone_once_its_time_is_up(tmp_path: Path, seconds: Seconds) -> None:
    cache = LocalCache(tmp_path / "cache.db", clock=seconds)
    cache.put("a", b"1", 60)
    seconds.now += 59
    assert cache.get("a") == b"1"
    seconds.now += 2
    assert cache.get("a") is None
    cache.close()


def test_redis_is_told_when_to_forget(redis_url: str) -> None:
    cache = RedisCache(redis_url)
    cache.put("a", b"1", 60)
    client = cache._client  # noqa: SLF001 - what Redis itself says
    assert 0 < client.ttl("chevet:a") <= 60
    cache.close()


def test_a_local_cache_keeps_the_newest_when_it_is_full(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path / "cache.db", limit=10)
    for number in range(25):
        cache.put(str(number), b"v", 60)
    assert cache.entries() == 10
    assert [cache.get(str(number)) for number in (14, 15, 24)] == [None, b"v", b"v"]
    cache.close()


def test_a_damaged_file_is_a_miss_and_no_error(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is no database " * 500)
    cache = LocalCache(path)
    assert cache.get("a") is None
    cache.close()


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is no database " * 500)
    cache = LocalCache(path)
    cache.get("a")
    cache.put("a", b"1", 60)
    assert cache.get("a") == b"1"
    cache.close()


def test_a_file_that_cannot_be_made_is_a_miss_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = LocalCache(tmp_path / "file" / "cache.db")
    cache.put("a", b"1", 60)
    cache.count("hits")
    assert (cache.get("a"), cache.counters(["hits"]), cache.entries()) == (None, [0], 0)
    assert (cache.count("hits"), cache.take("a", "one", 60)) == (None, True)


def test_a_table_lost_under_way_is_a_miss_and_no_error(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path / "cache.db")
    cache.put("a", b"1", 60)
    other = sqlite3.connect(tmp_path / "cache.db")
    other.execute("DROP TABLE entry")
    other.close()
    assert cache.get("a") is None
    cache.close()


def test_a_redis_that_is_down_is_a_miss_and_no_error() -> None:
    cache = RedisCache(f"redis://127.0.0.1:{free_port()}/0")
    cache.put("a", b"1", 60)
    cache.count("hits")
    assert (cache.get("a"), cache.counters(["hits", "misses"]), cache.entries()) == (None, [0, 0], 0)
    assert (cache.count("hits"), cache.take("a", "one", 60)) == (None, True)
    cache.close()


BUCKET = Bucket("token:1", 600, 60)


def test_a_bucket_is_full_at_first_and_empties(cache: Cache) -> None:
    assert cache.draw(BUCKET, 250) == (True, 350)
    assert cache.draw(BUCKET, 350) == (True, 0)
    assert cache.draw(BUCKET, 1) == (False, 0)


def test_too_few_points_are_left_where_they_are(cache: Cache) -> None:
    cache.draw(BUCKET, 500)
    assert cache.draw(BUCKET, 101) == (False, 100)
    assert cache.draw(BUCKET, 100) == (True, 0)


def test_a_bucket_fills_again_and_never_overflows(cache: Cache, seconds: Seconds) -> None:
    cache.draw(BUCKET, 600)
    seconds.now += 10
    taken, left = cache.draw(BUCKET, 40)
    assert (taken, round(left, 1)) == (True, 60)
    seconds.now += 3_600
    assert cache.draw(BUCKET, 100) == (True, 500)


def test_a_clock_set_back_neither_fills_nor_empties_a_bucket(cache: Cache, seconds: Seconds) -> None:
    cache.draw(BUCKET, 300)
    seconds.now -= 1_000
    assert cache.draw(BUCKET, 100) == (True, 200)


def test_workers_draw_from_one_bucket(opened: Callable[[], Cache]) -> None:
    opened().draw(BUCKET, 400)
    assert opened().draw(BUCKET, 100) == (True, 100)


def test_buckets_of_others_stay_full(cache: Cache) -> None:
    cache.draw(BUCKET, 600)
    assert cache.draw(BUCKET._replace(name="token:2"), 600) == (True, 0)


def test_a_local_bucket_that_is_full_again_takes_no_room(tmp_path: Path, seconds: Seconds) -> None:
    cache = LocalCache(tmp_path / "cache.db", clock=seconds)
    cache.draw(BUCKET, 600)
    seconds.now += 61
    cache.draw(BUCKET._replace(name="token:2"), 1)
    cache.close()
    with sqlite3.connect(tmp_path / "cache.db") as connection:
        assert connection.execute("SELECT name FROM bucket").fetchall() == [("token:2",)]
    connection.close()


def test_a_redis_bucket_that_is_full_again_takes_no_room(redis_url: str) -> None:
    cache = RedisCache(redis_url)
    cache.draw(BUCKET, 60)
    assert 5 <= cache._client.ttl("chevet:bucket:token:1") <= 7  # noqa: SLF001
    cache.close()


def test_a_bucket_nobody_can_look_into_is_full(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = LocalCache(tmp_path / "file" / "cache.db")
    assert cache.draw(BUCKET, 600) == (True, 600)
    cache.close()
    broken = RedisCache(f"redis://127.0.0.1:{free_port()}")
    assert broken.draw(BUCKET, 600) == (True, 600)
    broken.close()
