"""The recordings of each case, in order."""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.cases import Recording


def recordings_of_cases(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each case's recordings, as rows with the columns of `Recording`."""
    rows = select(Recording.__table__).where(col(Recording.case_id).in_(keys))  # type: ignore[attr-defined]
    ordered = rows.order_by(col(Recording.position), col(Recording.id))
    return grouped(session.execute(ordered), "case_id", keys)
