import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.language.ontology import Ontology
from ml.language.types import Consultation, Dispute, Fallback, LanguageHint, Polarity, Reading
from schema.services.cache import LocalCache
from schema.services.matching import CachedMatcher, Patience, evened
from schema.services.redis_backends import RedisCache
from tests.support.language import the_matcher

TEXT = "BAV du 2e degré Mobitz 1, fréquence à 60 bpm, axe normal, pas d'onde Q pathologique"


class CountingMatcher:
    """The embedded matcher, and how often it was really asked; `within` runs while it reads."""

    def __init__(self, version: str, within: Callable[[], None]) -> None:
        self.version = version
        self.texts: list[str] = []
        self._within = within
        self._inner = the_matcher()

    @property
    def ontology(self) -> Ontology:
        return self._inner.ontology

    def match(self, text: str, language: LanguageHint = "auto") -> Reading:
        self.texts.append(text)
        self._within()
        return replace(self._inner.match(text, language), source=self.version)


def counting(version: str = "1", within: Callable[[], None] = lambda: None) -> CountingMatcher:
    return CountingMatcher(version, within)


def worker(matcher: CountingMatcher, cache: LocalCache) -> CachedMatcher:
    return CachedMatcher(matcher, matcher.ontology, cache)


@pytest.fixture
def cache(tmp_path: Path) -> LocalCache:
    return LocalCache(tmp_path / "cache.db")


def test_a_text_is_read_once_and_found_by_every_worker_afterwards(cache: LocalCache) -> None:
    matcher = counting()
    first = worker(matcher, cache).match(TEXT)
    second = worker(matcher, cache).match(TEXT)
    assert (first.cached, second.cached, len(matcher.texts)) == (False, True, 1)
    assert first.reading == second.reading


def test_what_is_found_again_is_what_the_matcher_reads(cache: LocalCache) -> None:
    matcher = counting()
    cached = worker(matcher, cache)
    cached.match(TEXT)
    expected = replace(the_matcher().match(TEXT), source="1")
    assert cached.match(TEXT).reading == expected
    assert any(claim.polarity is Polarity.PRESENT for claim in expected.claims)


def test_hits_and_misses_are_counted_over_all_workers(cache: LocalCache) -> None:
    matcher = counting()
    one, other = worker(matcher, cache), worker(matcher, cache)
    assert one.statistics().hit_rate == 0.0
    for reader in (one, other, one, other):
        reader.match(TEXT)
    other.match("rythme sinusal")
    figures = one.statistics()
    assert (figures.hits, figures.misses, figures.entries) == (3, 2, 2)
    assert figures.hit_rate == pytest.approx(60.0)


def test_blanks_make_no_new_text_and_spans_stay_those_of_the_text_asked_about(cache: LocalCache) -> None:
    cached = worker(counting(), cache)
    plain = "BAV du 1er degré avec PR allongé à 240ms"
    spread = " \n BAV  du 1er\u00a0degré   avec PR allongé\tà 240ms \r\n"
    first, second = cached.match(plain), cached.match(spread)
    assert second.cached
    assert [claim.concept for claim in second.reading.claims] == [
        claim.concept for claim in first.reading.claims
    ]
    for ours, theirs in zip(second.reading.claims, first.reading.claims, strict=True):
        words = [" ".join(spread[span.start : span.end].split()) for span in ours.spans]
        assert words == [plain[span.start : span.end] for span in theirs.spans]


@given(st.text(alphabet=" \n\t\u00a0\rab", max_size=40))
@settings(max_examples=200, deadline=None)
def test_evening_a_text_keeps_each_character_and_where_it_was(text: str) -> None:
    even, origin = evened(text)
    assert even.split() == text.split()
    assert evened(even)[0] == even
    assert len(origin) == len(even)
    assert all(
        text[place] == character for place, character in zip(origin, even, strict=True) if character in "ab"
    )
    assert origin == sorted(set(origin))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_text_read_in_another_language_is_read_anew(cache: LocalCache, language: LanguageHint) -> None:
    cached = worker(counting(), cache)
    cached.match(TEXT)
    assert not cached.match(TEXT, language).cached


def test_another_version_of_the_matcher_reads_anew(cache: LocalCache) -> None:
    worker(counting("1"), cache).match(TEXT)
    assert not worker(counting("2"), cache).match(TEXT).cached


def test_the_text_itself_is_never_stored(cache: LocalCache, tmp_path: Path) -> None:
    worker(counting(), cache).match("Monsieur Untel, BAV du 1er degré, sans particularité notable")
    cache.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Untel" not in stored
    assert "degré".encode() not in stored
    assert b"notable" not in stored


def test_a_value_that_makes_no_sense_is_read_anew(tmp_path: Path) -> None:
    class Spoilt(LocalCache):
        """A cache that another program writes to."""

        def get(self, key: str) -> bytes | None:
            return b'{"claims": [{"concept": 3}]}' if super().get(key) else None

    cached = worker(counting(), Spoilt(tmp_path / "cache.db"))
    cached.match(TEXT)
    again = cached.match(TEXT)
    assert not again.cached
    assert again.reading == replace(the_matcher().match(TEXT), source="1")


def test_the_same_text_asked_at_once_is_read_once(cache: LocalCache) -> None:
    together = threading.Barrier(2)

    def wait_for_a_second_reading() -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait(0.3)

    matcher = counting(within=wait_for_a_second_reading)
    cached, found = worker(matcher, cache), list[Reading]()
    threads = [threading.Thread(target=lambda: found.append(cached.match(TEXT).reading)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(matcher.texts) == 1
    assert len(found) == 6
    assert all(reading == found[0] for reading in found)
    assert (cached.statistics().misses, cached.statistics().hits) == (1, 5)


def test_a_failed_reading_fails_who_asked_and_is_tried_again_next_time(cache: LocalCache) -> None:
    failures = [RuntimeError("the model is away")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    cached = worker(counting(within=fail_once), cache)
    with pytest.raises(RuntimeError, match="away"):
        cached.match(TEXT)
    assert not cached.match(TEXT).cached


def test_a_reading_made_by_a_stand_in_is_not_kept(cache: LocalCache) -> None:
    class Failing(CountingMatcher):
        def match(self, text: str, language: LanguageHint = "auto") -> Reading:
            return replace(super().match(text, language), source="the rules alone")

    reader = worker(Failing("a language model", lambda: None), cache)
    assert [reader.match(TEXT).cached, reader.match(TEXT).cached] == [False, False]


class Asking(CountingMatcher):
    """A matcher that asks somewhere else: what it costs, and why it falls back if it does."""

    fallback: Fallback | None = None
    disputes: tuple[Dispute, ...] = ()

    def match(self, text: str, language: LanguageHint = "auto") -> Reading:
        reading = super().match(text, language)
        consultation = Consultation(self.fallback, 250, dropped=2, disputes=self.disputes)
        source = "the rules alone" if self.fallback else self.version
        return replace(reading, source=source, consultation=consultation)

    def unasked(self, text: str, language: LanguageHint, cause: Fallback) -> Reading:
        return replace(self._inner.match(text, language), consultation=Consultation(cause))


class Kept:
    """A journal."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, tuple[Dispute, ...]]] = []

    def keep(self, text: str, reading: Reading) -> None:
        assert reading.consultation is not None
        self.entries.append((text, reading.consultation.disputes))


class Workers:
    """Makes one more worker, with a connection of its own to the cache they share."""

    def __init__(self, connect: Callable[[], LocalCache | RedisCache]) -> None:
        self._connect = connect
        self.opened: list[LocalCache | RedisCache] = []
        self.waiting = threading.Semaphore(0)

    def __call__(self, matcher: Asking, seconds: float = 30.0) -> CachedMatcher:
        cache = self._connect()
        self.opened.append(cache)
        take, told = cache.take, threading.Event()

        def tell(key: str, holder: str, seconds: float) -> bool:
            """Take a lock, and tell the first time that another worker has it."""
            got = take(key, holder, seconds)
            if not got and not told.is_set():
                told.set()
                self.waiting.release()
            return got

        cache.take = tell  # type: ignore[method-assign]
        return CachedMatcher(matcher, matcher.ontology, cache, Patience(seconds, matcher.unasked))

    def together(
        self, readers: list[CachedMatcher], started: threading.Event, go_on: threading.Event
    ) -> list[Reading]:
        """Have each worker read one text, the others once the first is under way."""
        found: list[Reading] = []
        threads = [
            threading.Thread(target=lambda reader=reader: found.append(reader.match(TEXT).reading))
            for reader in readers
        ]
        threads[0].start()
        assert started.wait(30)
        for thread in threads[1:]:
            thread.start()
            assert self.waiting.acquire(timeout=30)
        go_on.set()
        for thread in threads:
            thread.join()
        return found


@pytest.fixture(params=["local", "redis"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = Workers(lambda: RedisCache(url) if url else LocalCache(tmp_path / "cache.db"))
    yield made
    for each in made.opened:
        each.close()


@pytest.fixture
def slow() -> tuple[Asking, threading.Event, threading.Event]:
    """Return a matcher that waits halfway, what says that it does, and what lets it go on."""
    started, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        assert go_on.wait(30)

    return Asking("1", wait), started, go_on


def test_workers_that_read_the_same_text_at_once_ask_once(
    workers: Workers, slow: tuple[Asking, threading.Event, threading.Event]
) -> None:
    matcher, started, go_on = slow
    readers = [workers(matcher) for _ in range(3)]
    found = workers.together(readers, started, go_on)
    assert len(matcher.texts) == 1
    assert [reading.claims for reading in found] == [found[0].claims] * 3
    figures = readers[0].statistics()
    assert (figures.misses, figures.hits, figures.waits) == (1, 2, 2)
    assert figures.euros_saved == pytest.approx(0.0005)


def test_workers_that_waited_for_a_failure_do_not_ask_again(
    workers: Workers, slow: tuple[Asking, threading.Event, threading.Event]
) -> None:
    matcher, started, go_on = slow
    matcher.fallback = Fallback.SLOW
    readers = [workers(matcher) for _ in range(2)]
    found = workers.together(readers, started, go_on)
    assert len(matcher.texts) == 1
    assert [reading.consultation and reading.consultation.fallback for reading in found] == [
        Fallback.SLOW
    ] * 2
    assert readers[0].statistics().fallbacks[Fallback.SLOW] == 2


def test_a_worker_waits_for_another_no_longer_than_its_patience(
    workers: Workers, slow: tuple[Asking, threading.Event, threading.Event]
) -> None:
    matcher, started, go_on = slow
    first = threading.Thread(target=workers(matcher).match, args=(TEXT,))
    first.start()
    assert started.wait(30)
    waited = workers(matcher, 0.1).match(TEXT)
    go_on.set()
    first.join()
    assert waited.reading.consultation == Consultation(Fallback.SLOW)
    assert waited.reading.claims
    assert not waited.cached
    assert len(matcher.texts) == 1


def test_a_lock_left_by_a_worker_that_died_is_waited_for_once(workers: Workers) -> None:
    matcher = Asking("1", lambda: None)
    reader = workers(matcher, 0.2)
    key = reader._key(evened(TEXT)[0], "auto")  # noqa: SLF001 - what the dead worker held
    assert reader._cache.take(f"reads:{key}", "the dead", 0.1)  # noqa: SLF001 - the same
    assert reader.match(TEXT).reading.source == "1"


def test_what_a_hit_saves_and_what_a_model_may_not_say_is_counted(
    workers: Workers,
) -> None:
    reader = workers(Asking("1", lambda: time.sleep(0.02)))
    for _ in range(3):
        reader.match(TEXT)
    figures = reader.statistics()
    assert (figures.misses, figures.hits, figures.dropped, figures.waits) == (1, 2, 2, 0)
    assert figures.euros_saved == pytest.approx(0.0005)
    assert figures.seconds_saved >= 0.04
    assert set(figures.fallbacks.values()) == {0}


@pytest.mark.parametrize("cause", Fallback)
def test_each_cause_of_a_fallback_is_counted_and_the_reading_says_it(
    cache: LocalCache, cause: Fallback
) -> None:
    matcher = Asking("1", lambda: None)
    matcher.fallback = cause
    reader = CachedMatcher(matcher, matcher.ontology, cache, Patience(30, matcher.unasked))
    reading = reader.match(TEXT).reading
    assert reading.consultation is not None
    assert reading.consultation.fallback is cause
    assert {each for each, times in reader.statistics().fallbacks.items() if times} == {cause}


def test_who_cannot_wait_gets_what_is_kept_or_the_stand_ins_reading(cache: LocalCache) -> None:
    matcher = Asking("1", lambda: None)
    reader = CachedMatcher(matcher, matcher.ontology, cache, Patience(30, matcher.unasked))
    found = reader.match(TEXT, at_once=True)
    assert found.reading.consultation == Consultation(Fallback.NOT_ASKED)
    assert matcher.texts == []
    reader.match(TEXT)
    assert reader.match(TEXT, at_once=True).reading.source == "1"
    assert reader.match(TEXT, at_once=True).cached


def test_what_is_read_differently_is_noted_once(cache: LocalCache) -> None:
    matcher, journal = Asking("1", lambda: None), Kept()
    matcher.disputes = (Dispute("LBBB", Polarity.PRESENT, None, "a sentence"),)
    reader = CachedMatcher(matcher, matcher.ontology, cache, Patience(30, matcher.unasked), journal)
    for _ in range(3):
        reader.match(f"  {TEXT}")
    assert journal.entries == [(TEXT, matcher.disputes)]


def test_no_sentence_of_a_dispute_reaches_the_cache(cache: LocalCache, tmp_path: Path) -> None:
    matcher = Asking("1", lambda: None)
    matcher.disputes = (Dispute("LBBB", Polarity.PRESENT, None, "une phrase notable"),)
    CachedMatcher(matcher, matcher.ontology, cache, Patience(30, matcher.unasked)).match(TEXT)
    cache.close()
    assert b"notable" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
