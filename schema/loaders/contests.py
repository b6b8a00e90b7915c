"""Contests in batches."""

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from schema.loaders.grouping import grouped
from schema.models.contests import Contest, ContestState
from schema.models.training import Answer, Attempt


def contests_of_answers(session: Session, keys: list[int]) -> list[list[Contest]]:
    """Return the contests made against each answer's mark, oldest first."""
    rows = select(Contest).where(col(Contest.answer_id).in_(keys))
    return grouped(session.exec(rows.order_by(col(Contest.id))), "answer_id", keys)


def open_contest_counts(session: Session, keys: list[int]) -> list[int]:
    """Return how many contests of each training session nobody has ruled on."""
    key = col(Attempt.session_id)
    rows = session.execute(
        columns(key, func.count())
        .select_from(Contest)
        .join(Answer, col(Answer.id) == Contest.answer_id)
        .join(Attempt, col(Attempt.id) == Answer.attempt_id)
        .where(key.in_(keys), col(Contest.state) == ContestState.OPEN.value)
        .group_by(key)
    )
    found = {row[0]: row[1] for row in rows}
    return [found.get(each, 0) for each in keys]
