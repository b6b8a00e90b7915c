"""Which concepts keys hold that students are being marked by."""

from sqlmodel import Session, col, select

from schema.models.cases import CaseRevision
from schema.models.training import SessionCase, SessionStatus, TrainingSession
from schema.services.revisions import pinned_annotations


def in_open_session(session: Session, concept_id: str) -> bool:
    """Return whether the key of a case in an open session has a concept."""
    pinned = (
        select(SessionCase.case_revision_id)
        .join(TrainingSession, col(TrainingSession.id) == SessionCase.session_id)
        .where(TrainingSession.status == SessionStatus.OPEN.value)
    )
    snapshots = session.exec(select(CaseRevision.snapshot).where(col(CaseRevision.id).in_(pinned)))
    return any(row.concept_id == concept_id for each in snapshots for row in pinned_annotations(dict(each)))
