"""The saved states of each case, without their contents."""

from typing import Any

from sqlalchemy import Row, func, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.cases import CaseRevision

LATEST = 100


def revisions_of_cases(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each case's latest hundred revisions, newest first.

    Rows have `id`, `case_id`, `number`, `author_id`, `created_at`, `name`, `recording_count` and
    `annotation_count`; the database takes them out of the kept state, which may be long.
    """
    snapshot: Any = col(CaseRevision.snapshot)
    case_id, number = col(CaseRevision.case_id), col(CaseRevision.number)
    age = func.row_number().over(partition_by=case_id, order_by=number.desc())
    columns: tuple[Any, ...] = (
        col(CaseRevision.id),
        case_id,
        number,
        col(CaseRevision.author_id),
        col(CaseRevision.created_at),
    )
    latest = select(*columns, snapshot, age.label("age")).where(case_id.in_(keys)).subquery()
    state: Any = latest.c.snapshot
    rows = select(
        *(latest.c[column.key] for column in columns),
        state["name"].as_string().label("name"),
        func.json_array_length(state["recordings"]).label("recording_count"),
        func.json_array_length(state["annotations"]).label("annotation_count"),
    ).where(latest.c.age <= LATEST)
    return grouped(session.execute(rows.order_by(latest.c.number.desc())), "case_id", keys)
