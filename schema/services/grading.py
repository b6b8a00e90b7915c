"""Marking an answer against a pinned key, and keeping the mark with all that it depends on."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlmodel import Session

from ml.language import grading as rules
from ml.language.grading import (
    Because,
    Feedback,
    Grade,
    GradedItem,
    KeyItem,
    Reason,
    Role,
    Verdict,
    WrongClaim,
)
from ml.language.judging import Judgment
from ml.language.language_model import without_suggestions
from ml.language.ontology import Ontology
from ml.language.ruling import Rulings, ruled
from ml.language.types import Fallback, Finding, FindingKind, Language, Measurement, Reading, Span
from schema.models.cases import Annotation, Case, CaseRevision
from schema.services.answers import Draft
from schema.services.revisions import annotations_of, last_revision, pinned_annotations
from schema.services.shelf import Shelf

_SIDE_BY_SIDE = 8
"""Questions to a language model at once, for one attempt."""


@dataclass(frozen=True, slots=True)
class Key:
    """What the expert expects of an answer, as one revision of the case has it."""

    revision: int
    items: tuple[KeyItem, ...]
    ontology_version: str

    @classmethod
    def of(cls, revision: CaseRevision) -> "Key":
        """Return the key in a kept revision."""
        items = _items(pinned_annotations(revision.snapshot))
        return cls(revision.number, items, revision.ontology_version)

    @classmethod
    def now(cls, session: Session, case: Case) -> "Key":
        """Return the key as the case has it now, saved or not in a training session."""
        items = _items(annotations_of(session, case.id or 0))
        return cls(case.revision, items, last_revision(session, case).ontology_version)


def _items(rows: Iterable[Annotation]) -> tuple[KeyItem, ...]:
    return tuple(KeyItem(row.concept_id, row.coefficient, Role(row.role)) for row in rows)


@dataclass(frozen=True, slots=True)
class Graded:
    """A mark out of 100, if anything could be scored, and the document that explains it."""

    score: float | None
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredGrade:
    """A mark read back.

    Parameters
    ----------
    automatic
        As the engine gave it.
    grade
        As teachers' rulings make it, which is what counts.
    picked
        Concepts the student chose from the list.
    supplementary_spans
        Where the answer states each supplementary concept.
    fallback
        Why a language model that may read answers had no part in it.
    """

    automatic: Grade
    grade: Grade
    picked: frozenset[str]
    supplementary_spans: dict[str, tuple[Span, ...]]
    key_revision: int
    ontology_version: str
    matcher_version: str
    measurements: tuple[Measurement, ...] = ()
    unresolved: tuple[Span, ...] = ()
    fallback: Fallback | None = None

    def known(self, ontology: Ontology) -> Grade:
        """Return the mark without what the ontology has dropped since."""
        return _known_part(self.grade, ontology)

    def feedback(self, ontology: Ontology, language: Language) -> Feedback:
        """Return the mark in sentences; a concept the ontology has dropped since gets an empty one."""
        return _told(self.grade, ontology, language)

    def automatic_feedback(self, ontology: Ontology, language: Language) -> Mapping[str, str]:
        """Return what the engine says of each concept it marked or found wrong."""
        told = _told(self.automatic, ontology, language)
        items = dict(zip((item.concept for item in self.automatic.items), told.items, strict=True))
        wrong = dict(zip((claim.concept for claim in self.automatic.wrong), told.wrong, strict=True))
        return items | wrong

    def automatic_spans(self, concept: str) -> tuple[Span, ...]:
        """Return the text that what the engine says of a concept rests on."""
        items = {item.concept: item.spans for item in self.automatic.items}
        wrong = {claim.concept: claim.spans for claim in self.automatic.wrong}
        return (self.supplementary_spans | items | wrong).get(concept, ())


class Grader:
    """Marks answers with the ontology their key was made in, as that ontology stands today.

    A concept of the key that it has dropped since cannot be marked: the document lists it as `unmarked` and
    the others decide the mark; where none of them is scored there is no mark.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @property
    def comments(self) -> bool:
        """Return whether a language model comments on what is marked."""
        return self._shelf.current.matchers.commenter is not None

    def grade_all(self, answers: Sequence[tuple[Draft, Key]]) -> list[Graded]:
        """Return the marks of an attempt's answers: side by side where each may wait long."""
        if not self._shelf.current.matchers.answers.takes_long:
            return [self.grade(draft, key) for draft, key in answers]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda answer: self.grade(*answer), answers))

    def grade(self, draft: Draft, key: Key, *, at_once: bool = False) -> Graded:
        """Return the mark of one answer; never raises, whatever the answer's text.

        Parameters
        ----------
        at_once
            Wait for no language model: for use within a transaction.
        """
        loaded = self._shelf.of(key.ontology_version)
        ontology, matcher = loaded.ontology, loaded.matchers.answers
        reading = Reading()
        if draft.text.strip():
            reading = without_suggestions(matcher.match(draft.text, at_once=at_once).reading)
        items = [item for item in key.items if item.concept in ontology]
        picked = [code for code in draft.concept_ids if code in ontology]
        grade = rules.grade(reading, picked, items, ontology)
        document = {
            **_document(grade, reading),
            "picked": list(draft.concept_ids),
            "unmarked": [item.concept for item in key.items if item.concept not in ontology],
            "key_revision": key.revision,
            "ontology_version": ontology.version,
            "matcher_version": reading.source or matcher.version,
        }
        return Graded(grade.score, document)


def mean_score(scores: Iterable[float | None]) -> float | None:
    """Return an attempt's mark: the mean of its answers' marks, None where none has one."""
    marks = [score for score in scores if score is not None]
    return sum(marks) / len(marks) if marks else None


def stored_grade(document: dict[str, Any], rulings: Rulings | None = None) -> StoredGrade:
    """Read a kept document, which is the automatic mark, with the rulings on its concepts."""
    grade = Grade(
        score=document["score"],
        items=tuple(_item(fields) for fields in document["items"]),
        wrong=tuple(
            WrongClaim(fields["concept"], _spans(fields["spans"]), _because(fields))
            for fields in document["wrong"]
        ),
        supplementary=tuple(fields["concept"] for fields in document["supplementary"]),
        judgment=Judgment(document["judgment"]) if document.get("judgment") else None,
        findings=tuple(
            Finding(FindingKind(fields["kind"]), tuple(fields["concepts"]), _spans(fields["spans"]))
            for fields in document.get("findings", ())
        ),
        grader_version=document["grader_version"],
    )
    return StoredGrade(
        automatic=grade,
        grade=ruled(grade, rulings or {}),
        picked=frozenset(document["picked"]),
        supplementary_spans={each["concept"]: _spans(each["spans"]) for each in document["supplementary"]},
        key_revision=document["key_revision"],
        ontology_version=document["ontology_version"],
        matcher_version=document["matcher_version"],
        measurements=tuple(
            Measurement(**fields | {"span": Span(*fields["span"])})
            for fields in document.get("measurements", ())
        ),
        unresolved=_spans(document.get("unresolved", ())),
        fallback=Fallback(document["fallback"]) if document.get("fallback") else None,
    )


def _known_part(grade: Grade, ontology: Ontology) -> Grade:
    return replace(
        grade,
        items=tuple(item for item in grade.items if _known(item, ontology)),
        wrong=tuple(claim for claim in grade.wrong if _known(claim, ontology)),
        supplementary=tuple(concept for concept in grade.supplementary if concept in ontology),
        findings=tuple(
            finding for finding in grade.findings if all(concept in ontology for concept in finding.concepts)
        ),
    )


def _told(grade: Grade, ontology: Ontology, language: Language) -> Feedback:
    known = _known_part(grade, ontology)
    told = rules.feedback(known, ontology, language)
    items = dict(zip((item.concept for item in known.items), told.items, strict=True))
    wrong = dict(zip((claim.concept for claim in known.wrong), told.wrong, strict=True))
    return Feedback(
        items=tuple(items.get(item.concept, "") for item in grade.items),
        wrong=tuple(wrong.get(claim.concept, "") for claim in grade.wrong),
        findings=told.findings,
        judgment=told.judgment,
        summary=told.summary,
    )


def _document(grade: Grade, reading: Reading) -> dict[str, Any]:
    stated = {claim.concept: claim.spans for claim in reading.claims}
    return {
        "score": grade.score,
        "items": [
            {
                "concept": item.concept,
                "verdict": item.verdict.value,
                "credit": item.credit,
                "coefficient": item.coefficient,
                "role": item.role.value,
                **_grounds(item),
            }
            for item in grade.items
        ],
        "wrong": [{"concept": claim.concept, **_grounds(claim)} for claim in grade.wrong],
        "supplementary": [
            {"concept": concept, "spans": _pairs(stated.get(concept, ()))} for concept in grade.supplementary
        ],
        "judgment": grade.judgment.value if grade.judgment else None,
        "findings": [
            {"kind": each.kind.value, "concepts": list(each.concepts), "spans": _pairs(each.spans)}
            for each in grade.findings
        ],
        "measurements": [
            {**asdict(each), "span": [each.span.start, each.span.end]} for each in reading.measurements
        ],
        "unresolved": _pairs(reading.unresolved),
        "fallback": fallback.value if (fallback := _fallback(reading)) else None,
        "grader_version": grade.grader_version,
    }


def _fallback(reading: Reading) -> Fallback | None:
    return reading.consultation.fallback if reading.consultation else None


def _grounds(marked: GradedItem | WrongClaim) -> dict[str, Any]:
    return {
        "spans": _pairs(marked.spans),
        "reason": marked.because.reason.value,
        "because": marked.because.concept,
    }


def _item(fields: dict[str, Any]) -> GradedItem:
    return GradedItem(
        concept=fields["concept"],
        verdict=Verdict(fields["verdict"]),
        credit=fields["credit"],
        coefficient=fields["coefficient"],
        role=Role(fields["role"]),
        spans=_spans(fields["spans"]),
        because=_because(fields),
    )


def _because(fields: dict[str, Any]) -> Because:
    return Because(Reason(fields["reason"]), fields["because"])


def _pairs(spans: Iterable[Span]) -> list[list[int]]:
    return [[span.start, span.end] for span in spans]


def _spans(pairs: Iterable[list[int]]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in pairs)


def _known(marked: GradedItem | WrongClaim, ontology: Ontology) -> bool:
    return marked.concept in ontology and (
        marked.because.concept is None or marked.because.concept in ontology
    )
