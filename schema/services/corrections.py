"""What readers say that predictions should have been, as models learn from it: a line an opinion in force."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from ml.corrections import SIGNALS, VOLUMES
from schema.models.predictions import (
    WHOLE,
    Feedback,
    FeedbackType,
    ImportedFeedback,
    ModelFamily,
    Prediction,
)
from schema.models.segmentations import Segmentation
from schema.services.predictions import kept_beats

AT_ONCE = 200


def correction_count(session: Session, family: ModelFamily) -> int:
    """Return how many opinions tell what a prediction of a family should have been."""
    if family is ModelFamily.SEGMENTATION:
        return sum(each["label"] is not None for each in _of_segmentations(session))
    mine = select(func.count()).select_from(Feedback).where(*_telling(family))
    imported = select(func.count()).select_from(ImportedFeedback).where(_TELLING_IMPORT)
    total = session.exec(mine).one()
    return total + session.exec(imported).one() if family is ModelFamily.TRIAGE else total


def corrections(session: Session, family: ModelFamily) -> Iterator[dict[str, Any]]:
    """Yield the lines, as `ml.corrections` reads them, oldest first."""
    lines = {
        ModelFamily.BEATS: _of_beats,
        ModelFamily.TRIAGE: _of_visits,
        ModelFamily.SEGMENTATION: _of_segmentations,
    }
    yield from lines[family](session)


def files_of(line: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the folder and the key of each file that a line is about."""
    if "signal" in line:
        yield SIGNALS, line["signal"]
    if "images" in line:
        for key in (*line["images"].values(), line["label"]):
            yield VOLUMES, key


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


def _of_segmentations(session: Session) -> Iterator[dict[str, Any]]:
    """Yield what is said of label maps: with the images, of one that is called correct and whose are kept.

    They need not have been sent with it: a map that somebody drew anew, recorded for the same patient and day
    with the same voxels, is learnt from with the images that a model of this site was sent. Any other opinion
    tells nothing to learn, and has no label.
    """
    kept = _kept_images(session)
    rows = select(Feedback, Prediction.input_sha256, Segmentation)
    rows = rows.join(Prediction, _ITS).join(Segmentation, col(Segmentation.prediction_id) == Prediction.id)
    wanted = rows.where(
        col(Feedback.current), Feedback.family == ModelFamily.SEGMENTATION.value, Feedback.target == WHOLE
    )
    for feedback, label_map, row in session.exec(wanted.order_by(col(Feedback.id))):
        line: dict[str, Any] = {"family": feedback.family, "reader": feedback.reader, "label": None}
        images = row.images or (kept.get(_voxels(row)) if row.figures else None)
        if feedback.type == _CONFIRMED and row.figures and images:
            line |= {"label": label_map, "images": images}
        yield line


def _kept_images(session: Session) -> dict[tuple[Any, ...], dict[str, str]]:
    """Return the images that are kept by whose they are, of which day and voxels; the last that were sent."""
    rows = select(Segmentation).where(
        col(Segmentation.images).is_not(None), col(Segmentation.figures).is_not(None)
    )
    ordered = session.exec(rows.order_by(col(Segmentation.prediction_id)))
    return {_voxels(row): row.images for row in ordered if row.images}


def _voxels(row: Segmentation) -> tuple[Any, ...]:
    figures = row.figures or {}
    sizes = (round(each, 3) for each in figures["voxel_mm"])
    return (row.patient_id, row.examined_on, *figures["shape"], *sizes, figures["axes"])


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
