"""What readers say that predictions should have been, as models learn from it: a line an opinion in force."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from schema.models.predictions import (
    WHOLE,
    Feedback,
    FeedbackType,
    ImportedFeedback,
    ModelFamily,
    Prediction,
)
from schema.services.predictions import kept_beats

AT_ONCE = 200


def correction_count(session: Session, family: ModelFamily) -> int:
    """Return how many opinions tell what a prediction of a family should have been."""
    mine = select(func.count()).select_from(Feedback).where(*_telling(family))
    imported = select(func.count()).select_from(ImportedFeedback).where(_TELLING_IMPORT)
    total = session.exec(mine).one()
    return total + session.exec(imported).one() if family is ModelFamily.TRIAGE else total


def corrections(session: Session, family: ModelFamily) -> Iterator[dict[str, Any]]:
    """Yield the lines, as `ml.corrections` reads them, oldest first."""
    if family is ModelFamily.TRIAGE:
        yield from _of_visits(session)
    else:
        yield from _of_beats(session)


def _of_visits(session: Session) -> Iterator[dict[str, Any]]:
    rows = select(Feedback, Prediction.visit).join(Prediction, _ITS).where(*_telling(ModelFamily.TRIAGE))
    ordered = rows.order_by(col(Feedback.id)).execution_options(yield_per=AT_ONCE)
    for feedback, visit in session.exec(ordered):
        yield _visit(feedback.reader, feedback.corrected_level or feedback.original, visit or {})
    kept = select(ImportedFeedback).where(_TELLING_IMPORT).order_by(col(ImportedFeedback.id))
    for imported in session.exec(kept.execution_options(yield_per=AT_ONCE)):
        yield _visit(imported.reader, imported.corrected_level or imported.original, imported.visit)


def _visit(reader: str, label: str | None, visit: Mapping[str, Any]) -> dict[str, Any]:
    said = {"values": visit["values"], "complaint": visit["complaint"]}
    return {"family": ModelFamily.TRIAGE.value, "reader": reader, "label": label, **said}


def _of_beats(session: Session) -> Iterator[dict[str, Any]]:
    """Yield what is said of each beat, with the recording's key: the signal lies beside the file."""
    rows = select(Feedback, Prediction.input_sha256, Prediction.answer).join(Prediction, _ITS)
    ordered = rows.where(*_telling(ModelFamily.BEATS)).order_by(col(Feedback.id))
    for feedback, signal, answer in session.exec(ordered.execution_options(yield_per=AT_ONCE)):
        if answer is None:
            continue
        kept = kept_beats(answer)
        yield {
            "family": ModelFamily.BEATS.value,
            "reader": feedback.reader,
            "label": feedback.corrected_class or feedback.original,
            "signal": signal,
            "seconds": round(float(kept.positions[feedback.target - 1]) / kept.sampling_rate_hz, 3),
        }


_ITS = col(Prediction.id) == Feedback.prediction_id
_CONFIRMED = FeedbackType.CORRECT.value
_TELLING_IMPORT = or_(
    col(ImportedFeedback.corrected_level).is_not(None), col(ImportedFeedback.type) == _CONFIRMED
)


def _telling(family: ModelFamily) -> list[ColumnElement[bool]]:
    corrected = or_(col(Feedback.corrected_class).is_not(None), col(Feedback.corrected_level).is_not(None))
    confirmed = and_(col(Feedback.type) == _CONFIRMED, col(Feedback.original).is_not(None))
    of_parts = col(Feedback.target) == WHOLE if family is ModelFamily.TRIAGE else col(Feedback.target) > WHOLE
    current = col(Feedback.current).is_(True)
    return [current, col(Feedback.family) == family.value, of_parts, or_(corrected, confirmed)]
