"""Reading free text into concepts, with the readings shared between workers.

What a student wrote is never a key, never stored here and never logged: a reading is kept under a digest of
the text, and holds concepts and positions only.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import uuid4

import orjson

from ml.language.matching import ConceptMatcher
from ml.language.ontology import Ontology
from ml.language.types import (
    Certainty,
    Claim,
    Consultation,
    Expression,
    Fallback,
    Finding,
    FindingKind,
    LanguageHint,
    Measurement,
    Polarity,
    Reading,
    Span,
)
from schema.services.cache import Cache
from schema.services.spending import MICROEUROS

KEPT_SECONDS = 30 * 24 * 3600
SHARED_SECONDS = 5
"""How long those who waited for a reading find it, though it is not worth keeping."""
POLL_S = 0.05
_PIECE = re.compile(r"\s+|\S")
HITS, MISSES, WAITS = "matcher.hits", "matcher.misses", "matcher.waits"
SAVED_MILLISECONDS, SAVED_MICROEUROS = "matcher.saved_milliseconds", "matcher.saved_microeuros"
DROPPED = "matcher.dropped"
FALLBACKS = {cause: f"matcher.fallback.{cause.value}" for cause in Fallback}


@dataclass(frozen=True, slots=True)
class CachedReading:
    """A reading, and what it took to get it.

    Parameters
    ----------
    reading
        Its spans are positions in the text that was asked about.
    cached
        Whether somebody's earlier request had it read already.
    """

    reading: Reading
    cached: bool
    milliseconds: float


@dataclass(frozen=True, slots=True)
class MatcherStatistics:
    """How often a text had been read before, over all workers, and what that was worth.

    Parameters
    ----------
    hit_rate
        In per cent.
    waits
        Hits that came from waiting for whoever was reading the same text.
    dropped
        Claims of the language model that were refused.
    fallbacks
        Readings made without it, by cause.
    """

    hits: int
    misses: int
    hit_rate: float
    entries: int
    waits: int
    seconds_saved: float
    euros_saved: float
    dropped: int
    fallbacks: dict[Fallback, int]


class Journal(Protocol):
    """Where a reading's disputes go."""

    def keep(self, text: str, reading: Reading) -> None:
        """Keep them; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How a matcher that takes long is waited for.

    Parameters
    ----------
    seconds
        How long one worker waits for another that reads the same text.
    stand_in
        What reads at once where there is no time to wait.
    """

    seconds: float
    stand_in: Callable[[str, LanguageHint, Fallback], Reading]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A reading and what it had cost."""

    reading: Reading
    milliseconds: int
    microeuros: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A reading, whether it was there already, and whether it was waited for."""

    kept: _Kept
    cached: bool
    waited: bool = False


class CachedMatcher:
    """A concept matcher whose readings are kept, and which reads one text only once at a time.

    Parameters
    ----------
    matcher
        What reads.
    ontology
        What it reads into.
    cache
        Shared by the workers; what it loses is read again.
    patience
        For a matcher that asks another machine: then workers also wait for each other. None for one that is
        quicker than asking the cache.
    journal
        Where what a language model reads differently goes.
    """

    def __init__(
        self,
        matcher: ConceptMatcher,
        ontology: Ontology,
        cache: Cache,
        patience: Patience | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._matcher = matcher
        self._ontology = ontology
        self._cache = cache
        self._patience = patience
        self._journal = journal
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[_Found]] = {}

    @property
    def version(self) -> str:
        """Return the matcher's version."""
        return self._matcher.version

    @property
    def takes_long(self) -> bool:
        """Return whether a reading may wait for another machine."""
        return self._patience is not None

    def match(self, text: str, language: LanguageHint = "auto", *, at_once: bool = False) -> CachedReading:
        """Return what a text says, from the cache where its like has been read before.

        Parameters
        ----------
        at_once
            Wait for no other machine: for use within a transaction.
        """
        started = time.perf_counter()
        even, origin = evened(text)
        found = self._at_once(even, language) if at_once else self._read(even, language)
        self._tally(found)
        milliseconds = (time.perf_counter() - started) * 1000
        return CachedReading(moved(found.kept.reading, origin), found.cached, milliseconds)

    def statistics(self) -> MatcherStatistics:
        """Return the figures of all workers together."""
        names = [HITS, MISSES, WAITS, SAVED_MILLISECONDS, SAVED_MICROEUROS, DROPPED, *FALLBACKS.values()]
        hits, misses, waits, milliseconds, microeuros, dropped, *fallbacks = self._cache.counters(names)
        return MatcherStatistics(
            hits=hits,
            misses=misses,
            hit_rate=100 * hits / (hits + misses) if hits + misses else 0.0,
            entries=self._cache.entries(),
            waits=waits,
            seconds_saved=milliseconds / 1000,
            euros_saved=microeuros / MICROEUROS,
            dropped=dropped,
            fallbacks=dict(zip(FALLBACKS, fallbacks, strict=True)),
        )

    def _tally(self, found: _Found) -> None:
        self._cache.count(HITS if found.cached else MISSES)
        consultation = found.kept.reading.consultation
        if found.waited:
            self._cache.count(WAITS)
        elif found.cached and found.kept.milliseconds:
            self._cache.count(SAVED_MILLISECONDS, found.kept.milliseconds)
        if found.cached and found.kept.microeuros:
            self._cache.count(SAVED_MICROEUROS, found.kept.microeuros)
        if consultation is not None and consultation.fallback is not None:
            self._cache.count(FALLBACKS[consultation.fallback])
        if consultation is not None and consultation.dropped and not found.cached:
            self._cache.count(DROPPED, consultation.dropped)

    def _at_once(self, text: str, language: LanguageHint) -> _Found:
        if self._patience is None:
            return self._read(text, language)
        known = self._known(self._key(text, language))
        if known is not None:
            return _Found(known, cached=True)
        return _Found(self._stand_in(self._patience, text, language, Fallback.NOT_ASKED), cached=False)

    def _read(self, text: str, language: LanguageHint) -> _Found:
        key = self._key(text, language)
        with self._lock:
            under_way = self._under_way.get(key)
            if under_way is None:
                ours = self._under_way[key] = Future[_Found]()
        if under_way is not None:
            return _Found(under_way.result().kept, cached=True, waited=True)
        try:
            found = self._look_up(key, text, language)
        except BaseException as error:
            ours.set_exception(error)
            raise
        else:
            ours.set_result(found)
            return found
        finally:
            with self._lock:
                del self._under_way[key]

    def _look_up(self, key: str, text: str, language: LanguageHint) -> _Found:
        known = self._known(key)
        if known is not None:
            return _Found(known, cached=True)
        if self._patience is None:
            return _Found(self._made(key, text, language), cached=False)
        return self._waited_for(self._patience, key, text, language)

    def _waited_for(self, patience: Patience, key: str, text: str, language: LanguageHint) -> _Found:
        """Read, unless another worker does: then return what that one finds."""
        lock, holder = f"reads:{key}", uuid4().hex
        deadline, waited = time.monotonic() + patience.seconds, False
        while not self._cache.take(lock, holder, patience.seconds):
            waited = True
            time.sleep(POLL_S)
            known = self._known(key) or self._known(f"shared:{key}")
            if known is not None:
                return _Found(known, cached=True, waited=True)
            if time.monotonic() >= deadline:
                return _Found(self._stand_in(patience, text, language, Fallback.SLOW), cached=False)
        try:
            # It may have come between looking and locking, a failure too.
            known = self._known(key) or (self._known(f"shared:{key}") if waited else None)
            if known is not None:
                return _Found(known, cached=True, waited=waited)
            made = self._made(key, text, language)
            self._cache.put(f"shared:{key}", _packed(made), SHARED_SECONDS)
            return _Found(made, cached=False)
        finally:
            self._cache.release(lock, holder)

    def _stand_in(self, patience: Patience, text: str, language: LanguageHint, cause: Fallback) -> _Kept:
        return _Kept(patience.stand_in(text, language, cause), 0, 0)

    def _made(self, key: str, text: str, language: LanguageHint) -> _Kept:
        started = time.perf_counter()
        reading = self._matcher.match(text, language)
        milliseconds = round((time.perf_counter() - started) * 1000)
        consultation = reading.consultation
        made = _Kept(reading, milliseconds, consultation.microeuros if consultation else 0)
        if reading.source == self._matcher.version:
            self._cache.put(key, _packed(made), KEPT_SECONDS)
        if self._journal is not None and consultation is not None and consultation.disputes:
            self._journal.keep(text, reading)
        return made

    def _known(self, key: str) -> _Kept | None:
        kept = self._cache.get(key)
        return None if kept is None else unpacked(kept)

    def _key(self, text: str, language: LanguageHint) -> str:
        parts = [text, language, self._ontology.version, self._matcher.version]
        return "reading:" + hashlib.sha256(orjson.dumps(parts)).hexdigest()


def evened(text: str) -> tuple[str, list[int]]:
    """Return the text without needless blanks, and where each of its characters was.

    A run of blanks becomes one space, or one line end if it holds one; none is kept at either end.
    """
    start, stop = len(text) - len(text.lstrip()), len(text.rstrip())
    pieces = [(each.start(), _evened(each[0])) for each in _PIECE.finditer(text, start, stop)]
    return "".join(piece for _, piece in pieces), [place for place, _ in pieces]


def _evened(piece: str) -> str:
    return piece if not piece.isspace() else "\n" if "\n" in piece else " "


def moved(reading: Reading, origin: list[int]) -> Reading:
    """Return a reading with its spans moved to where each character was."""

    def span(at: Span) -> Span:
        return Span(origin[at.start], origin[at.end - 1] + 1)

    return replace(
        reading,
        claims=tuple(replace(claim, spans=tuple(map(span, claim.spans))) for claim in reading.claims),
        measurements=tuple(replace(each, span=span(each.span)) for each in reading.measurements),
        findings=tuple(replace(each, spans=tuple(map(span, each.spans))) for each in reading.findings),
        unresolved=tuple(map(span, reading.unresolved)),
    )


def _packed(kept: _Kept) -> bytes:
    """Return what the cache holds: of a consultation only why it failed, never a word of the text."""
    consultation = kept.reading.consultation
    fallback = consultation.fallback if consultation else None
    reading = replace(kept.reading, consultation=None)
    return orjson.dumps(
        {
            "reading": reading,
            "fallback": fallback,
            "milliseconds": kept.milliseconds,
            "microeuros": kept.microeuros,
        }
    )


def unpacked(data: bytes) -> _Kept | None:
    """Return a kept reading, or None for what is none of ours."""
    try:
        kept = orjson.loads(data)
        fields = kept["reading"]
        reading = Reading(
            claims=tuple(_claim(claim) for claim in fields["claims"]),
            measurements=tuple(
                Measurement(**each | {"span": Span(**each["span"])}) for each in fields["measurements"]
            ),
            findings=tuple(_finding(finding) for finding in fields["findings"]),
            unresolved=tuple(Span(**span) for span in fields["unresolved"]),
            source=fields["source"],
            consultation=Consultation(Fallback(kept["fallback"])) if kept["fallback"] else None,
        )
        return _Kept(reading, int(kept["milliseconds"]), int(kept["microeuros"]))
    except (ValueError, KeyError, TypeError):
        return None


def _finding(fields: dict[str, Any]) -> Finding:
    return Finding(
        kind=FindingKind(fields["kind"]),
        concepts=tuple(fields["concepts"]),
        spans=tuple(Span(**span) for span in fields["spans"]),
    )


def _claim(fields: dict[str, Any]) -> Claim:
    typed = {
        "polarity": Polarity(fields["polarity"]),
        "certainty": Certainty(fields["certainty"]),
        "expression": Expression(fields["expression"]),
        "spans": tuple(Span(**span) for span in fields["spans"]),
    }
    return Claim(**fields | typed)
