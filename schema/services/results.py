"""What a session's students found and missed, case by case and concept by concept."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from ml.language.grading import Verdict
from ml.language.ruling import RuledVerdict
from schema.models.cases import CaseRevision
from schema.models.contests import Contest
from schema.models.training import Answer, Attempt, SessionCase
from schema.services.grading import stored_grade

Verdicts = list[tuple[str, str]]
Mark = tuple[float | None, Verdicts]


@dataclass(frozen=True, slots=True)
class ConceptResults:
    """How many submitted answers found a concept of the key, found it in part, missed or contradicted it."""

    concept_id: str
    found: int
    partial: int
    missed: int
    contradicted: int


@dataclass(frozen=True, slots=True)
class CaseResults:
    """One case of a session over all submitted attempts; the average is None before the first."""

    position: int
    case_id: int
    title: str
    average_score: float | None
    concepts: tuple[ConceptResults, ...]


@dataclass(frozen=True, slots=True)
class SessionResults:
    """A session over all submitted attempts; the average is None before the first."""

    average_score: float | None
    items: tuple[CaseResults, ...]


def session_results(session: Session, session_id: int) -> SessionResults:
    """Return a session's results, in four statements; nobody is asked who may see them."""
    submitted = col(Attempt.submitted_at).is_not(None) & (col(Attempt.session_id) == session_id)
    scores = session.exec(select(Attempt.score).where(submitted)).all()
    marked = session.exec(
        select(Answer.id, Answer.session_case_id, Answer.score, Answer.grade).join(Attempt).where(submitted)
    ).all()
    ruled = session.exec(
        select(Contest.answer_id, Contest.concept_id, Contest.verdict)
        .join(Answer, col(Answer.id) == Contest.answer_id)
        .join(Attempt, col(Attempt.id) == Answer.attempt_id)
        .where(submitted, col(Contest.verdict).is_not(None))
    ).all()
    cases = session.exec(
        select(SessionCase, CaseRevision.snapshot)
        .join(CaseRevision, col(CaseRevision.id) == SessionCase.case_revision_id)
        .where(SessionCase.session_id == session_id)
        .order_by(col(SessionCase.position))
    ).all()
    rulings = defaultdict[int, dict[str, RuledVerdict]](dict)
    for ruled_id, concept, verdict in ruled:
        rulings[ruled_id][concept] = RuledVerdict(verdict or "")
    marks = defaultdict[int, list[Mark]](list)
    for answer_id, key, score, grade in marked:
        marks[key].append((score, _verdicts(grade, rulings.get(answer_id or 0))))
    items = [_case_results(case, snapshot, marks[case.id or 0]) for case, snapshot in cases]
    return SessionResults(_average(scores), tuple(items))


def _case_results(case: SessionCase, snapshot: Mapping[str, Any], marks: list[Mark]) -> CaseResults:
    verdicts = Counter(each for _, said in marks for each in said)
    concepts = [
        ConceptResults(concept, *(verdicts[concept, verdict.value] for verdict in Verdict))
        for concept in (annotation["concept_id"] for annotation in snapshot["annotations"])
    ]
    average = _average([score for score, _ in marks])
    return CaseResults(case.position, case.case_id, snapshot["name"], average, tuple(concepts))


def _verdicts(document: Mapping[str, Any] | None, rulings: Mapping[str, RuledVerdict] | None) -> Verdicts:
    if document is None:
        return []
    if rulings is None:  # most answers: spare reading the whole document back
        return [(item["concept"], item["verdict"]) for item in document["items"]]
    return [(item.concept, item.verdict.value) for item in stored_grade(dict(document), rulings).grade.items]


def _average(scores: Any) -> float | None:
    known = [score for score in scores if score is not None]
    return round(sum(known) / len(known), 1) if known else None
