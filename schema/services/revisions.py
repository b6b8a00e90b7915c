"""The numbered states of a case: what each saved change left, for ever."""

from typing import Any

from sqlmodel import Session, col, select

from schema.models.cases import Annotation, Case, CaseRevision, Recording
from schema.services.clock import Clock

CASE_FIELDS = ("name", "category", "difficulty", "description", "draft_text", "status")


def recordings_of(session: Session, case_id: int) -> list[Recording]:
    """Return a case's recordings in order."""
    rows = select(Recording).where(Recording.case_id == case_id)
    return list(session.exec(rows.order_by(col(Recording.position), col(Recording.id))))


def annotations_of(session: Session, case_id: int) -> list[Annotation]:
    """Return a case's annotations in order."""
    rows = select(Annotation).where(Annotation.case_id == case_id)
    return list(session.exec(rows.order_by(col(Annotation.position), col(Annotation.id))))


def record(session: Session, clock: Clock, case: Case, author_id: int, ontology_version: str) -> CaseRevision:
    """Keep the case as it now is, under its revision's number."""
    revision = CaseRevision(
        case_id=case.id or 0,
        number=case.revision,
        author_id=author_id,
        ontology_version=ontology_version,
        snapshot=_snapshot(session, case, ontology_version),
        created_at=clock(),
    )
    session.add(revision)
    return revision


def last_revision(session: Session, case: Case) -> CaseRevision:
    """Return what the case's latest saved change left."""
    latest = select(CaseRevision).where(CaseRevision.case_id == case.id, CaseRevision.number == case.revision)
    return session.exec(latest).one()


def version_before(session: Session, case: Case) -> str | None:
    """Return the ontology version of the case's newest revision so far; None for a new case."""
    newest = select(CaseRevision.ontology_version).where(CaseRevision.case_id == case.id)
    return session.exec(newest.order_by(col(CaseRevision.number).desc()).limit(1)).first()


def pinned_recordings(snapshot: dict[str, Any]) -> list[Recording]:
    """Return the recordings of a kept state, in order, as rows that belong to no session."""
    return [Recording.model_validate(fields) for fields in snapshot["recordings"]]


def pinned_annotations(snapshot: dict[str, Any]) -> list[Annotation]:
    """Return the annotations of a kept state, in order, as rows that belong to no session."""
    return [Annotation.model_validate(fields) for fields in snapshot["annotations"]]


def _snapshot(session: Session, case: Case, ontology_version: str) -> dict[str, Any]:
    key = case.id or 0
    return {
        **{field: getattr(case, field) for field in CASE_FIELDS},
        "recordings": [row.model_dump(mode="json") for row in recordings_of(session, key)],
        "annotations": [row.model_dump(mode="json") for row in annotations_of(session, key)],
        "ontology_version": ontology_version,
    }
