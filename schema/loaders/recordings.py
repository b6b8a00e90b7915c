"""The recordings of each case, in order."""

from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.cases import Recording

_UNUSED = ("created_at", "unedited_key", "steps")
_COLUMNS: list[Any] = [column for column in Recording.__table__.c if column.name not in _UNUSED]  # type: ignore[attr-defined]
_ROWS = (
    select(*_COLUMNS)
    .where(col(Recording.case_id).in_(bindparam("keys", expanding=True)))
    .order_by(col(Recording.position), col(Recording.id))
)


def recordings_of_cases(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each case's recordings, as rows with the columns of `Recording` but `_UNUSED`."""
    return grouped(session.execute(_ROWS, {"keys": keys}), "case_id", keys)
