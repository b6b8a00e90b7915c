"""Sessions, enrolments and attempts in batches, each list in a constant number of statements."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, or_, tuple_
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from schema.loaders.grouping import grouped
from schema.models.cases import Case, CaseRevision
from schema.models.training import Answer, Attempt, Enrolment, SessionCase, TrainingSession
from schema.services.results import SessionResults, session_results


def trainings_by_id(session: Session, keys: list[int]) -> list[TrainingSession]:
    """Return each training session; a foreign key vouches for each."""
    rows = session.exec(select(TrainingSession).where(col(TrainingSession.id).in_(keys)))
    found = {row.id: row for row in rows}
    return [found[key] for key in keys]


def cases_by_id(session: Session, keys: list[int]) -> list[Row[Any]]:
    """Return each case, as a row with the columns of `Case`; a foreign key vouches for each."""
    table = Case.__table__  # type: ignore[attr-defined]
    found = {row.id: row for row in session.execute(columns(table).where(col(Case.id).in_(keys)))}
    return [found[key] for key in keys]


def case_counts(session: Session, keys: list[int]) -> list[int]:
    """Return how many cases each training session has."""
    return _counts(session, col(SessionCase.session_id), keys)


def enrolment_counts(session: Session, keys: list[int]) -> list[int]:
    """Return how many students each training session has."""
    return _counts(session, col(Enrolment.session_id), keys)


@dataclass(frozen=True, slots=True)
class AttemptCounts:
    """How many attempts at a session were begun, and how many handed in."""

    begun: int = 0
    submitted: int = 0


def attempt_counts(session: Session, keys: list[int]) -> list[AttemptCounts]:
    """Return the figures of each training session."""
    key = col(Attempt.session_id)
    rows = session.execute(
        columns(key, func.count(), func.count(col(Attempt.submitted_at))).where(key.in_(keys)).group_by(key)
    )
    found = {key: AttemptCounts(begun, submitted) for key, begun, submitted in rows}
    return [found.get(key, AttemptCounts()) for key in keys]


def cases_of_sessions(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each session's cases in order: `id`, `session_id`, `case_id`, `position`, `number`, `name`."""
    snapshot: Any = col(CaseRevision.snapshot)
    rows = (
        columns(
            col(SessionCase.id),
            col(SessionCase.session_id),
            col(SessionCase.case_id),
            col(SessionCase.position),
            col(CaseRevision.number),
            snapshot["name"].as_string().label("name"),
        )
        .join(CaseRevision, col(CaseRevision.id) == SessionCase.case_revision_id)
        .where(col(SessionCase.session_id).in_(keys))
        .order_by(col(SessionCase.position))
    )
    return grouped(session.execute(rows), "session_id", keys)


def enrolments_of_sessions(session: Session, keys: list[int]) -> list[list[Enrolment]]:
    """Return each session's enrolments, oldest first."""
    rows = select(Enrolment).where(col(Enrolment.session_id).in_(keys))
    return grouped(session.exec(rows.order_by(col(Enrolment.id))), "session_id", keys)


def results_of_sessions(session: Session, keys: list[int]) -> list[SessionResults]:
    """Return each session's results; pages ask for one at a time."""
    return [session_results(session, key) for key in keys]


def attempts_by_id(session: Session, keys: list[int]) -> list[Attempt]:
    """Return each attempt; whoever asks knows that they exist."""
    found = {row.id: row for row in session.exec(select(Attempt).where(col(Attempt.id).in_(keys)))}
    return [found[key] for key in keys]


def attempts_of_students(session: Session, keys: list[tuple[int, int]]) -> list[list[Attempt]]:
    """Return the attempts of each (session, student) in order."""
    place = tuple_(col(Attempt.session_id), col(Attempt.account_id))
    rows = select(Attempt).where(place.in_(keys)).order_by(col(Attempt.number))
    groups = defaultdict[tuple[int, int], list[Attempt]](list)
    for attempt in session.exec(rows):
        groups[attempt.session_id, attempt.account_id].append(attempt)
    return [groups[key] for key in keys]


def answered_counts(session: Session, keys: list[int]) -> list[int]:
    """Return how many answers of each attempt are not blank."""
    key = col(Answer.attempt_id)
    picked = func.json_array_length(col(Answer.concept_ids))
    written = or_(func.trim(col(Answer.text)) != "", picked > 0)
    rows = session.execute(columns(key, func.count()).where(key.in_(keys), written).group_by(key))
    found = {row[0]: row[1] for row in rows}
    return [found.get(key, 0) for key in keys]


@dataclass(frozen=True, slots=True)
class PinnedItem:
    """A student's answer beside the case it is about, as the session pins it.

    Parameters
    ----------
    snapshot
        The whole kept state, key included: only what a student may see leaves `schema.types.attempts`.
    """

    attempt_id: int
    answer: Answer
    snapshot: dict[str, Any]


def items_of_attempts(session: Session, keys: list[int]) -> list[list[PinnedItem]]:
    """Return each attempt's items in order."""
    rows = (
        select(Answer, CaseRevision.snapshot)
        .join(SessionCase, col(SessionCase.id) == Answer.session_case_id)
        .join(CaseRevision, col(CaseRevision.id) == SessionCase.case_revision_id)
        .where(col(Answer.attempt_id).in_(keys))
        .order_by(col(Answer.position))
    )
    items = [PinnedItem(answer.attempt_id, answer, dict(state)) for answer, state in session.exec(rows).all()]
    return grouped(items, "attempt_id", keys)


def _counts(session: Session, key: Any, keys: list[int]) -> list[int]:
    rows = session.execute(columns(key, func.count()).where(key.in_(keys)).group_by(key))
    found = {row[0]: row[1] for row in rows}
    return [found.get(each, 0) for each in keys]
