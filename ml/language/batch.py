"""Reading answers in bulk, with the project's ontology or another one: JSON objects in, JSON objects out.

A line in is `{"id", "text"}`, optionally with `language`, and with `key` (`[{"concept", "coefficient",
"role"}]`) or `anchor`, the case's diagnosis in words, which is read into a key. A line out is::

    {"id", "claims": [{"concept", "polarity", "certainty", "expression", "confidence", "spans", "method"}],
     "measurements": [{"name", "value", "unit", "span", "meaning", "agrees"}],
     "findings": [{"kind", "concepts", "spans"}], "unresolved": [span],
     "judgment": one of `ml.language.judging.Judgment` or null, "ms": 1.9}

and, where something is expected, `"grade": {"score", "items", "wrong", "supplementary", "grader_version"}`.
A span is `[start, end]` in characters of the text. Concepts are those of the ontology asked for. A line that
cannot be read gives `{"id", "error"}`.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ml.language.checking import Fault
from ml.language.crosswalk import Crosswalk, project
from ml.language.grading import Grade, KeyItem, Role, grade
from ml.language.implying import firm
from ml.language.importing import import_ontology
from ml.language.judging import judge
from ml.language.matching import ConceptMatcher, EmbeddedMatcher, merged
from ml.language.ontology import load_ontology
from ml.language.types import Claim, LanguageHint, Reading, Span

STATED_CONFIDENCE = 50.0


class LineError(ValueError):
    """A line of input that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """Reads answers with one ontology; `crosswalk` translates where that is somebody else's."""

    matcher: ConceptMatcher
    crosswalk: Crosswalk | None = None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return what is wrong with the ontology that is read with."""
        return self.crosswalk.faults if self.crosswalk else ()

    def claims(self, reading: Reading) -> tuple[Claim, ...]:
        """Return what a reading states more likely than not, in the identifiers asked for."""
        stated = [claim for claim in reading.claims if claim.confidence >= STATED_CONFIDENCE]
        return merged(project(stated, self.crosswalk)) if self.crosswalk else tuple(stated)

    def line(self, given: Mapping[str, Any], language: LanguageHint = "auto") -> dict[str, Any]:
        """Read one line; never raises for what it holds."""
        start = time.perf_counter()
        try:
            text, hint = _text(given), _hint(given.get("language", language))
            key = self._key(given, hint)
        except LineError as error:
            return {"id": given.get("id"), "error": str(error)}
        reading = self.matcher.match(text, hint)
        ontology = self.matcher.ontology
        marked = grade(reading, (), key, ontology) if key else None
        judgment = marked.judgment if marked else judge(reading, (), ontology)
        found: dict[str, Any] = {
            "id": given.get("id"),
            "claims": [_claim(claim) for claim in self.claims(reading)],
            "measurements": [
                {
                    "name": each.name,
                    "value": each.value,
                    "unit": each.unit,
                    "span": _span(each.span),
                    "meaning": self._first_out(each.meaning),
                    "agrees": each.agrees,
                }
                for each in reading.measurements
            ],
            "findings": [
                {
                    "kind": each.kind.value,
                    "concepts": [out for concept in each.concepts for out in self._out(concept)],
                    "spans": _spans(each.spans),
                }
                for each in reading.findings
            ],
            "unresolved": _spans(reading.unresolved),
            "judgment": judgment.value if judgment else None,
        }
        if marked:
            found["grade"] = self._grade(marked)
        return found | {"ms": round((time.perf_counter() - start) * 1000, 2)}

    def _out(self, concept: str) -> tuple[str, ...]:
        return self.crosswalk.outward(concept) if self.crosswalk else (concept,)

    def _first_out(self, concept: str | None) -> str | None:
        return next(iter(self._out(concept)), None) if concept else None

    def _key(self, given: Mapping[str, Any], hint: LanguageHint) -> list[KeyItem]:
        if given.get("key") is not None:
            return list(self._listed(given["key"]))
        anchor = given.get("anchor")
        if anchor is None:
            return []
        if not isinstance(anchor, str):
            raise LineError("'anchor' is not a text")
        claims = firm(self.matcher.match(anchor, hint).claims)
        return [KeyItem(concept) for concept in dict.fromkeys(claim.concept for claim in claims)]

    def _listed(self, key: object) -> Iterator[KeyItem]:
        if not isinstance(key, list):
            raise LineError("'key' is not a list")
        for item in key:
            if not isinstance(item, dict) or not isinstance(item.get("concept"), str):
                raise LineError("'key' has an item without a 'concept'")
            named = item["concept"]
            concept = self.crosswalk.inward(named) if self.crosswalk else named
            if concept is None or concept not in self.matcher.ontology:
                raise LineError(f"'key' names the unknown concept {named}")
            try:
                yield KeyItem(concept, float(item.get("coefficient", 1.0)), Role(item.get("role", "scored")))
            except (TypeError, ValueError) as error:
                raise LineError(f"'key' has a bad item: {error}") from error

    def _grade(self, marked: Grade) -> dict[str, Any]:
        return {
            "score": marked.score,
            "items": [
                {
                    "concept": self._first_out(item.concept) or item.concept,
                    "verdict": item.verdict.value,
                    "credit": item.credit,
                    "coefficient": item.coefficient,
                    "role": item.role.value,
                    "reason": item.because.reason.value,
                    "claimed": self._first_out(item.because.concept),
                    "spans": _spans(item.spans),
                }
                for item in marked.items
            ],
            "wrong": [
                {
                    "concept": self._first_out(claim.concept) or claim.concept,
                    "reason": claim.because.reason.value,
                    "spans": _spans(claim.spans),
                }
                for claim in marked.wrong
            ],
            "supplementary": [out for concept in marked.supplementary for out in self._out(concept)],
            "grader_version": marked.grader_version,
        }


def answer_reader(path: Path | None = None) -> AnswerReader:
    """Return a reader for an ontology file, by default the project's own.

    Raises
    ------
    OntologyError
        When the file is not an ontology of a known form, or is the project's form and unsound.
    OSError
        When it cannot be read.
    """
    if path is None:
        return AnswerReader(EmbeddedMatcher(load_ontology()))
    found = import_ontology(path)
    return AnswerReader(EmbeddedMatcher(found.ontology), found.crosswalk)


def read_lines(
    lines: Iterable[str], reader: AnswerReader, language: LanguageHint = "auto"
) -> Iterator[dict[str, Any]]:
    """Read JSON lines; blank ones are passed over, one that is no JSON object gives an error in its place."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except ValueError:
            given = None
        if isinstance(given, dict):
            yield reader.line(given, language)
        else:
            yield {"id": None, "error": f"line {number} is not a JSON object"}


def _text(given: Mapping[str, Any]) -> str:
    text = given.get("text")
    if not isinstance(text, str):
        raise LineError("'text' is missing or is not a text")
    return text


def _hint(value: object) -> LanguageHint:
    for hint in get_args(LanguageHint):
        if value == hint:
            return hint  # type: ignore[no-any-return]
    raise LineError("'language' is none of auto, fr, en")


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "concept": claim.concept,
        "polarity": claim.polarity.value,
        "certainty": claim.certainty.value,
        "expression": claim.expression.value,
        "confidence": claim.confidence,
        "spans": _spans(claim.spans),
        "method": claim.method,
    }


def _span(span: Span) -> list[int]:
    return [span.start, span.end]


def _spans(spans: Sequence[Span]) -> list[list[int]]:
    return [_span(span) for span in spans]
