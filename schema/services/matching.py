"""Reading free text into concepts, with the readings shared between workers.

What a student wrote is never a key, never stored here and never logged: a reading is kept under a digest of
the text, and holds concepts and positions only.
"""

import hashlib
import re
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ml.language.matching import ConceptMatcher
from ml.language.ontology import Ontology
from ml.language.types import (
    Certainty,
    Claim,
    Expression,
    Finding,
    FindingKind,
    LanguageHint,
    Measurement,
    Polarity,
    Reading,
    Span,
)
from schema.services.cache import Cache

KEPT_SECONDS = 30 * 24 * 3600
_PIECE = re.compile(r"\s+|\S")
HITS, MISSES = "matcher.hits", "matcher.misses"


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
    """How often a text had been read before, over all workers; `hit_rate` in per cent."""

    hits: int
    misses: int
    hit_rate: float
    entries: int


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
    """

    def __init__(self, matcher: ConceptMatcher, ontology: Ontology, cache: Cache) -> None:
        self._matcher = matcher
        self._ontology = ontology
        self._cache = cache
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Reading]] = {}

    @property
    def version(self) -> str:
        """Return the matcher's version."""
        return self._matcher.version

    def match(self, text: str, language: LanguageHint = "auto") -> CachedReading:
        """Return what a text says, from the cache where its like has been read before."""
        started = time.perf_counter()
        even, origin = evened(text)
        reading, cached = self._read(even, language)
        self._cache.count(HITS if cached else MISSES)
        milliseconds = (time.perf_counter() - started) * 1000
        return CachedReading(moved(reading, origin), cached, milliseconds)

    def statistics(self) -> MatcherStatistics:
        """Return the figures of all workers together."""
        hits, misses = self._cache.counters((HITS, MISSES))
        rate = 100 * hits / (hits + misses) if hits + misses else 0.0
        return MatcherStatistics(hits, misses, rate, self._cache.entries())

    def _read(self, text: str, language: LanguageHint) -> tuple[Reading, bool]:
        key = self._key(text, language)
        with self._lock:
            under_way = self._under_way.get(key)
            if under_way is None:
                ours = self._under_way[key] = Future[Reading]()
        if under_way is not None:
            return under_way.result(), True
        try:
            reading, cached = self._look_up(key, text, language)
        except BaseException as error:
            ours.set_exception(error)
            raise
        else:
            ours.set_result(reading)
            return reading, cached
        finally:
            with self._lock:
                del self._under_way[key]

    def _look_up(self, key: str, text: str, language: LanguageHint) -> tuple[Reading, bool]:
        kept = self._cache.get(key)
        known = None if kept is None else unpacked(kept)
        if known is not None:
            return known, True
        reading = self._matcher.match(text, language)
        if reading.source == self._matcher.version:
            self._cache.put(key, orjson.dumps(reading), KEPT_SECONDS)
        return reading, False

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


def unpacked(data: bytes) -> Reading | None:
    """Return a kept reading, or None for what is none of ours."""
    try:
        fields = orjson.loads(data)
        return Reading(
            claims=tuple(_claim(claim) for claim in fields["claims"]),
            measurements=tuple(
                Measurement(**each | {"span": Span(**each["span"])}) for each in fields["measurements"]
            ),
            findings=tuple(_finding(finding) for finding in fields["findings"]),
            unresolved=tuple(Span(**span) for span in fields["unresolved"]),
            source=fields["source"],
        )
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
