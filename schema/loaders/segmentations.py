"""What goes with segmentations in batches."""

from sqlalchemy import func
from sqlmodel import Session, col, select

from schema.models.segmentations import Segmentation, SegmentedPatient


def segmentations_of_predictions(session: Session, keys: list[int]) -> list[Segmentation]:
    """Return what goes with each prediction; every one of the family has it."""
    rows = session.exec(select(Segmentation).where(col(Segmentation.prediction_id).in_(keys)))
    found = {row.prediction_id: row for row in rows}
    return [found[key] for key in keys]


def segmented_patients_by_id(session: Session, keys: list[int]) -> list[SegmentedPatient]:
    """Return each patient; a foreign key vouches for each."""
    rows = session.exec(select(SegmentedPatient).where(col(SegmentedPatient.id).in_(keys)))
    found = {row.id: row for row in rows}
    return [found[key] for key in keys]


def days_of_patients(session: Session, keys: list[int]) -> list[tuple[int, str]]:
    """Return how many segmentations each patient has, and the latest day of their images."""
    rows = (
        select(Segmentation.patient_id, func.count(), func.max(Segmentation.examined_on))
        .where(col(Segmentation.patient_id).in_(keys))
        .group_by(col(Segmentation.patient_id))
    )
    found = {patient: (count, latest) for patient, count, latest in session.exec(rows)}
    return [found.get(key, (0, "")) for key in keys]
