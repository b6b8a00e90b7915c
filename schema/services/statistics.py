"""The library's figures."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from schema.models.cases import Case, CaseStatus
from schema.models.training import Attempt, SessionStatus, TrainingSession
from schema.services.clock import Clock


@dataclass(frozen=True, slots=True)
class LibraryStatistics:
    """How much there is; what is archived does not count."""

    case_count: int
    validated_case_count: int
    session_count: int
    open_session_count: int
    attempt_count: int
    submitted_attempt_count: int


def library_statistics(session: Session, clock: Clock) -> LibraryStatistics:
    """Count the library in one statement."""
    now = clock()
    begun = or_(col(TrainingSession.opens_at).is_(None), col(TrainingSession.opens_at) <= now)
    lasting = or_(col(TrainingSession.closes_at).is_(None), col(TrainingSession.closes_at) > now)
    status = col(TrainingSession.status)
    counts = (
        _count(col(Case.id), col(Case.status) != CaseStatus.ARCHIVED.value),
        _count(col(Case.id), col(Case.status) == CaseStatus.VALIDATED.value),
        _count(col(TrainingSession.id), status != SessionStatus.ARCHIVED.value),
        _count(col(TrainingSession.id), status == SessionStatus.OPEN.value, begun, lasting),
        _count(col(Attempt.id)),
        _count(col(Attempt.id), col(Attempt.submitted_at).is_not(None)),
    )
    return LibraryStatistics(*session.execute(select(*counts)).one())


def _count(key: Any, *conditions: Any) -> Any:
    return select(func.count(key)).where(*conditions).scalar_subquery()
