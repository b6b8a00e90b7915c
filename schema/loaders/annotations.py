"""The annotations of each case, in order."""

from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.cases import Annotation

_COLUMNS: list[Any] = [column for column in Annotation.__table__.c if column.name != "created_at"]  # type: ignore[attr-defined]
_ROWS = (
    select(*_COLUMNS)
    .where(col(Annotation.case_id).in_(bindparam("keys", expanding=True)))
    .order_by(col(Annotation.position), col(Annotation.id))
)
"""Built once: building and hashing a statement costs as much as running it."""


def annotations_of_cases(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each case's annotations, as rows with the columns of `Annotation` but for its time."""
    return grouped(session.execute(_ROWS, {"keys": keys}), "case_id", keys)
