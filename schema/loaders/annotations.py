"""The annotations of each case, in order."""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.cases import Annotation


def annotations_of_cases(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each case's annotations, as rows with the columns of `Annotation`."""
    rows = select(Annotation.__table__).where(col(Annotation.case_id).in_(keys))  # type: ignore[attr-defined]
    ordered = rows.order_by(col(Annotation.position), col(Annotation.id))
    return grouped(session.execute(ordered), "case_id", keys)
