"""What goes with predictions in batches."""

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from schema.loaders.grouping import grouped
from schema.models.cases import Case, Recording
from schema.models.predictions import Feedback, Prediction

Place = tuple[int, str, int, int]
"""A prediction, a reader, a target and the number of the opinion."""


def recordings_by_id(session: Session, keys: list[int]) -> list[Recording | None]:
    """Return each recording; None for one that has left its case."""
    found = {row.id: row for row in session.exec(select(Recording).where(col(Recording.id).in_(keys)))}
    return [found.get(key) for key in keys]


def answers_of_predictions(session: Session, keys: list[int]) -> list[bytes | None]:
    """Return what each prediction keeps of its answer; None where it has none."""
    rows = select(Prediction.id, Prediction.answer).where(col(Prediction.id).in_(keys))
    found = dict(session.exec(rows).all())
    return [found.get(key) for key in keys]


def families_of_predictions(session: Session, keys: list[int]) -> list[str]:
    """Return the family of each prediction; a foreign key vouches for each."""
    rows = select(Prediction.id, Prediction.family).where(col(Prediction.id).in_(keys))
    found = dict(session.exec(rows).all())
    return [found[key] for key in keys]


def owners_of_cases(session: Session, keys: list[int]) -> list[int]:
    """Return who owns each case; a foreign key vouches for each."""
    found = dict(session.exec(select(Case.id, Case.owner_id).where(col(Case.id).in_(keys))).all())
    return [found[key] for key in keys]


def feedback_of_predictions(session: Session, keys: list[int]) -> list[list[Feedback]]:
    """Return what is in force on each prediction, on the whole first."""
    rows = select(Feedback).where(col(Feedback.prediction_id).in_(keys), col(Feedback.current))
    ordered = rows.order_by(col(Feedback.target), col(Feedback.id))
    return grouped(session.exec(ordered), "prediction_id", keys)


def feedback_at(session: Session, keys: list[Place]) -> list[Feedback | None]:
    """Return each opinion by its place; None where there is none."""
    columns = (col(Feedback.prediction_id), col(Feedback.reader), col(Feedback.target), col(Feedback.number))
    rows = session.exec(select(Feedback).where(tuple_(*columns).in_(keys)))
    found = {(row.prediction_id, row.reader, row.target, row.number): row for row in rows}
    return [found.get(key) for key in keys]
