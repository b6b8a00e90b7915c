"""The shadow: a version that is asked what the others were, after they have answered, and shown to nobody.

It follows behind what is kept, so that it takes no time of whoever asks and its failures reach nobody. What
it cannot keep up with is left out: of each family the newest are asked first, and nothing older than a day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from ml.triage.features import Visit
from schema.database import Database
from schema.models.models import Deployment, Model, ModelAlias
from schema.models.predictions import ModelFamily, ModelProblem, Prediction
from schema.models.segmentations import Segmentation
from schema.services.clock import Clock
from schema.services.day_books import enter
from schema.services.drift import watch
from schema.services.jobs import NEVER, Again, Claim
from schema.services.predictions import Asked, Asking, Outcome, agreement_of_beats, filled
from schema.services.segmentation_desk import SegmentationDesk, ShadowedSegmentation
from schema.services.triage import AskedVisit, TriageDesk, TriageOutcome, pack

AT_ONCE = 20
"""Predictions of a family that are asked about before others' work has its turn."""
EVERY = timedelta(seconds=10)
OLDEST = timedelta(days=1)
NOT_LOADED = {ModelProblem.NOT_DEPLOYED, ModelProblem.LOADING, ModelProblem.LOAD_FAILED}
"""What says nothing of a version's answers: it is asked again."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A version in the shadow."""

    family: ModelFamily
    version_id: int
    since: datetime


class Shadows:
    """The standing job; it keeps its own transactions, and none is open while a model is asked."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        asking: Asking,
        desk: TriageDesk,
        segmentations: SegmentationDesk,
    ) -> None:
        self._database = database
        self._clock = clock
        self._asking = asking
        self._desk = desk
        self._segmentations = segmentations

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Ask the versions in the shadow about what they have not seen."""
        more = False
        for slot in self._slots():
            waiting = self._waiting(slot)
            asked = sum(1 for each in waiting if self._ask(slot, each))
            more |= asked == AT_ONCE
        return Again(lambda session: self._due(session, more=more))

    def _due(self, session: Session, *, more: bool) -> datetime:
        if session.exec(_SLOTS.limit(1)).first() is None:
            return NEVER
        return self._clock() if more else self._clock() + EVERY

    def _slots(self) -> list[_Slot]:
        with self._database.read() as session:
            rows = session.exec(_SLOTS).all()
        return [_Slot(ModelFamily(family), row.version_id, row.changed_at) for row, family in rows]

    def _waiting(self, slot: _Slot) -> list[Prediction]:
        """Return what people were answered since, and this version was not asked."""
        seen = aliased(Prediction)
        asked = exists().where(
            col(seen.shadow_of) == col(Prediction.id), col(seen.version_id) == slot.version_id
        )
        wanted = select(Prediction).where(
            Prediction.family == slot.family.value,
            col(Prediction.shadow_of).is_(None),
            col(Prediction.ml_available),
            col(Prediction.version_id) != slot.version_id,
            col(Prediction.created_at) >= max(slot.since, self._clock() - OLDEST),
            ~asked,
            *_ASKABLE.get(slot.family, ()),
        )
        with self._database.read() as session:
            return list(session.exec(wanted.order_by(col(Prediction.id).desc()).limit(AT_ONCE)))

    def _ask(self, slot: _Slot, of: Prediction) -> bool:
        """Ask about one and keep what is said; False where nobody was there to be asked."""
        made = Prediction(
            family=of.family,
            case_id=of.case_id,
            recording_id=of.recording_id,
            asked_by=of.asked_by,
            version_id=slot.version_id,
            alias=ModelAlias.SHADOW.value,
            input_sha256=of.input_sha256,
            shadow_of=of.id,
            ml_available=False,
            latency_ms=0,
            created_at=self._clock(),
        )
        outcome: Outcome | TriageOutcome | ShadowedSegmentation
        match slot.family:
            case ModelFamily.BEATS:
                outcome = self._of_beats(made, of)
            case ModelFamily.TRIAGE:
                outcome = self._of_visit(made, of)
            case ModelFamily.SEGMENTATION:
                outcome = self._of_images(made, of)
        if outcome.problem in NOT_LOADED:
            return False
        made.latency_ms, made.ml_available = outcome.latency_ms, outcome.problem is None
        made.ml_error = outcome.problem.value if outcome.problem else None
        with self._database.write() as session:
            if not isinstance(outcome, ShadowedSegmentation):
                watch(session, made, outcome.watched)
            if session.get(Prediction, of.id, with_for_update=True) is not None:  # its case may be gone
                session.add(made)
                enter(session, made)
        return True

    def _of_beats(self, made: Prediction, of: Prediction) -> Outcome:
        asked = Asked(of.recording_id or 0, of.case_id or 0, of.input_sha256)
        outcome = self._asking.beats(asked, ModelAlias.SHADOW)
        if outcome.answer is not None:
            filled(made, outcome.answer, from_paper="from_paper" in of.quality_reasons)
            made.agreement = agreement_of_beats(of.answer or b"", made.answer or b"")
        return outcome

    def _of_visit(self, made: Prediction, of: Prediction) -> TriageOutcome:
        visit = of.visit or {}
        asked = AskedVisit(Visit(visit["values"], visit["complaint"], visit["answers"]), visit["chosen"])
        outcome = self._desk.answer(asked, ModelAlias.SHADOW)
        if outcome.problem is None:
            made.level, made.quality = outcome.answer.level, outcome.answer.quality
            made.answer = pack(outcome.answer, asked)
            made.agreement = float(made.level == of.level)
        return outcome

    def _of_images(self, made: Prediction, of: Prediction) -> ShadowedSegmentation:
        with self._database.read() as session:
            row = session.get_one(Segmentation, of.id)
        outcome = self._segmentations.shadowed(row.images or {}, of.input_sha256)
        made.agreement = outcome.agreement
        return outcome


_ASKABLE: Mapping[ModelFamily, Sequence[ColumnElement[bool]]] = {
    ModelFamily.SEGMENTATION: (
        exists().where(
            col(Segmentation.prediction_id) == col(Prediction.id), col(Segmentation.images).is_not(None)
        ),
    )
}
"""What there must be to be asked about again: of a segmentation, the images, if they were kept."""
_SLOTS = (
    select(Deployment, Model.family)
    .join(Model, col(Model.id) == Deployment.model_id)
    .where(Deployment.alias == ModelAlias.SHADOW.value)
)
