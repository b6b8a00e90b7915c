"""What models say of recordings and visits: asked, kept, shown to whom it may be shown."""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, String, and_, exists, false, or_, true
from sqlalchemy import cast as cast_to
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from ml.beats.quality import Reason, Verdict
from schema.errors import NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.cases import Case, CaseRevision, Recording
from schema.models.models import ModelAlias, ModelVersion
from schema.models.predictions import ModelFamily, ModelProblem, Prediction
from schema.models.training import Attempt, SessionCase, TrainingSession
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Role, may_change_case, may_manage_visit, may_see_case
from schema.services.audit import Audit
from schema.services.blobs import BlobStore
from schema.services.clock import Clock
from schema.services.day_books import enter
from schema.services.deployments import Deployments, NoAnswerError
from schema.services.drift import watch
from schema.services.models import deployed_version
from schema.services.paging import Sort, page_of
from schema.services.routing import Routed
from schema.services.triage import AskedVisit, TriageOutcome, pack, slices_of

if TYPE_CHECKING:
    from ml.beats.packing import KeptBeats
    from ml.beats.predicting import BeatAnswer, BeatPredictor, Saliency
    from ml.ecg.signal import Signal
    from ml.monitoring.reference import Row as WatchedRow

PATIENCE_S = 3.0
"""How long whoever asks waits for a model that is being loaded."""
SIGNAL = "signal"
WITHOUT_ANSWER: Any = defer(Prediction.answer)  # type: ignore[arg-type]
"""Of a list, nobody needs what is kept of each beat; who does loads it by itself."""

log = logging.getLogger(__name__)


class SignalUnreadableError(Exception):
    """A kept signal is gone, is none, or has nothing where it was to be read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A recording to ask a model about."""

    recording_id: int
    case_id: int
    signal_key: str
    from_paper: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking.

    Parameters
    ----------
    digest
        Of the version that was asked; None where none answers.
    answer
        None where there is a `problem`.
    watched
        What of the recording and the answer is held against what the version learnt from.
    """

    latency_ms: int
    digest: str | None = None
    answer: "BeatAnswer | None" = None
    problem: ModelProblem | None = None
    watched: "WatchedRow | None" = None


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """Which predictions to list; what is None does not narrow."""

    family: ModelFamily | None = None
    case_id: int | None = None
    recording_id: int | None = None
    attempt_id: int | None = None
    version_id: int | None = None
    available: bool | None = None


class Predictions:
    """One actor's way to predictions; what was said in the shadow is nobody's to see.

    Owners of a case ask and see, administrators as well; of a visit or a segmentation, whoever asked.
    Students see those of what they read once they may see their mark, and only while they have no attempt
    under way at anything with that case. Analysts see figures: whoever shows a prediction keeps the
    recording, the visit or the images from them (`shows_input`).
    """

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, family: ModelFamily, prediction_id: int) -> Prediction:
        """Return a prediction of a family; one the actor may not see is missing."""
        its = (Prediction.id == prediction_id, Prediction.family == family.value)
        wanted = select(Prediction).where(*its, *self._seen())
        found = self._session.exec(wanted.options(WITHOUT_ANSWER)).first()
        if found is None:
            raise NotFoundError
        return found

    def page(self, chosen: PredictionFilter, request: PageRequest) -> Page[Prediction]:
        """Return a page of what the actor may see, newest first."""
        rows = select(Prediction).where(*self._seen(), *_narrowed(chosen, self._actor))
        order = [Sort(col(Prediction.created_at), descending=True), Sort(col(Prediction.id), descending=True)]
        return page_of(self._session, rows.options(WITHOUT_ANSWER), order, request)

    def to_ask(self, recording_id: int) -> Asked:
        """Return what to ask a model about.

        Raises
        ------
        NotFoundError, NotAllowedError
            When the actor may not see it, or does not own the case.
        ValidationFailedError
            For a picture.
        """
        row = select(Recording, Case).join(Case, col(Case.id) == Recording.case_id)
        found = self._session.exec(row.where(Recording.id == recording_id)).first()
        if found is None:
            raise NotFoundError
        recording, case = found
        if not may_see_case(self._actor, case.owner_id, case.status):
            raise NotFoundError
        if not may_change_case(self._actor, case.owner_id):
            raise NotAllowedError
        if recording.kind != SIGNAL:
            raise ValidationFailedError.of("recordingId", "not_a_signal")
        return Asked(recording_id, recording.case_id, recording.original_key, recording.paper is not None)

    def keep(self, asked: Asked, routed: Routed[Outcome]) -> Prediction:
        """Keep what came of asking, with who was answered by which version on the trail."""
        asked, outcome = self.to_ask(asked.recording_id), routed.outcome
        version_id = self._version(ModelFamily.BEATS, outcome.digest)
        made = Prediction(
            family=ModelFamily.BEATS.value,
            case_id=asked.case_id,
            recording_id=asked.recording_id,
            asked_by=self._actor.account_id,
            version_id=version_id,
            alias=routed.alias.value,
            input_sha256=asked.signal_key,
            ml_available=outcome.answer is not None,
            ml_error=outcome.problem.value if outcome.problem else None,
            latency_ms=outcome.latency_ms,
            created_at=self._clock(),
        )
        if outcome.answer is not None:
            filled(made, outcome.answer, from_paper=asked.from_paper)
        return self._kept(made, routed)

    def keep_visit(self, asked: AskedVisit, routed: Routed[TriageOutcome]) -> Prediction:
        """Keep what came of asking about a visit."""
        outcome = routed.outcome
        made = Prediction(
            family=ModelFamily.TRIAGE.value,
            visit=asked.document(),
            asked_by=self._actor.account_id,
            version_id=self._version(ModelFamily.TRIAGE, outcome.digest),
            alias=routed.alias.value,
            input_sha256=asked.digest(),
            ml_available=outcome.answer.model_available,
            ml_error=outcome.problem.value if outcome.problem else None,
            latency_ms=outcome.latency_ms,
            quality=outcome.answer.quality,
            level=outcome.answer.level,
            confidence=outcome.answer.confidence if outcome.answer.model_available else None,
            slices=slices_of(asked.visit),
            answer=pack(outcome.answer, asked),
            created_at=self._clock(),
        )
        return self._kept(made, routed)

    def manages(self, prediction: Prediction) -> bool:
        """Return whether the actor owns the case, asked about the visit, or administers."""
        if prediction.case_id is None:
            return may_manage_visit(self._actor, prediction.asked_by)
        owner_id = self._session.get_one(Case, prediction.case_id).owner_id
        return may_change_case(self._actor, owner_id)

    def shown_with(self, prediction: Prediction) -> int | None:
        """Return the actor's latest attempt whose correction shows a prediction; None where none does."""
        wanted = select(Attempt.id).where(Prediction.id == prediction.id, *self._handed_in())
        return self._session.exec(wanted.order_by(col(Attempt.id).desc()).limit(1)).first()

    def _kept(self, made: Prediction, routed: Routed[Outcome] | Routed[TriageOutcome]) -> Prediction:
        if routed.placement is not None:
            made.trial_id, made.trial_subject = routed.placement.trial_id, routed.placement.subject
        watch(self._session, made, routed.outcome.watched)
        return self.add(made, routed.outcome.digest)

    def add(self, made: Prediction, digest: str | None = None) -> Prediction:
        """Keep a prediction, with who asked for it on the trail."""
        self._session.add(made)
        self._session.flush()
        enter(self._session, made)
        self._record(made, digest)
        return made

    def _version(self, family: ModelFamily, digest: str | None) -> int | None:
        return None if digest is None else deployed_version(self._session, family, digest)

    def _record(self, made: Prediction, digest: str | None) -> None:
        version = self._session.get(ModelVersion, made.version_id) if made.version_id else None
        Audit(self._session, self._clock, self._actor).record(
            "prediction.made",
            "Prediction",
            made.id,
            family=made.family,
            alias=made.alias,
            version=version.number if version else None,
            digest=digest,
            recording=made.recording_id,
            input=made.input_sha256,
            error=made.ml_error,
        )

    def _seen(self) -> list[ColumnElement[bool]]:
        """Return what the actor may see, as a condition."""
        return [col(Prediction.shadow_of).is_(None), *self._of_role()]

    def _of_role(self) -> list[ColumnElement[bool]]:
        if self._actor.is_admin or self._actor.role is Role.ANALYST:
            return []
        asked = and_(col(Prediction.case_id).is_(None), col(Prediction.asked_by) == self._actor.account_id)
        if self._actor.role is Role.CLINICIAN:
            return [asked]
        if self._actor.is_author:
            its = (col(Case.id) == Prediction.case_id, col(Case.owner_id) == self._actor.account_id)
            return [or_(exists().where(*its), asked)]
        return [self._corrected(), ~self._under_way()]

    def _corrected(self) -> ColumnElement[bool]:
        """Return that the actor has handed in an attempt at this very recording that shows feedback."""
        return exists().where(*self._handed_in())

    def _handed_in(self) -> list[ColumnElement[bool]]:
        """Return the conditions that join such attempts."""
        pinned = cast_to(col(CaseRevision.snapshot), String)
        return [
            *self._mine(),
            col(CaseRevision.id) == SessionCase.case_revision_id,
            pinned.contains(col(Prediction.input_sha256)),
            col(Attempt.submitted_at).is_not(None),
            col(TrainingSession.show_feedback).is_(True),
        ]

    def _under_way(self) -> ColumnElement[bool]:
        """Return that the actor has an attempt open at anything with the case."""
        return exists().where(*self._mine(), col(Attempt.submitted_at).is_(None))

    def _mine(self) -> list[ColumnElement[bool]]:
        """Return the conditions that join the actor's attempts at the prediction's case."""
        return [
            col(SessionCase.case_id) == Prediction.case_id,
            col(Attempt.session_id) == SessionCase.session_id,
            col(TrainingSession.id) == SessionCase.session_id,
            col(Attempt.account_id) == self._actor.account_id,
        ]


class Asking:
    """Asks models about recordings. Slow, so in a thread, and never inside a transaction."""

    def __init__(self, deployments: Deployments, blobs: BlobStore) -> None:
        self._deployments = deployments
        self._blobs = blobs

    def beats(self, asked: Asked, alias: ModelAlias) -> Outcome:
        """Return what the beat classifier says of a recording, or why it says nothing; never fails."""
        began = time.perf_counter()

        def latency() -> int:
            return round((time.perf_counter() - began) * 1000)

        try:
            loaded = self._deployments.serving(ModelFamily.BEATS, alias.value, PATIENCE_S)
        except NoAnswerError as error:
            return Outcome(latency(), problem=error.problem)
        digest = loaded.deployed.digest
        try:
            signal = self.signal(asked.signal_key)
        except SignalUnreadableError:
            log.exception("the signal of recording %s cannot be read", asked.recording_id)
            return Outcome(latency(), digest, problem=ModelProblem.SIGNAL_UNREADABLE)
        try:
            answer = cast("BeatPredictor", loaded.predictor).predict(signal)
        except Exception:
            log.exception("the beat classifier failed on recording %s", asked.recording_id)
            return Outcome(latency(), digest, problem=ModelProblem.ANSWER_FAILED)
        return Outcome(latency(), digest, answer, watched=_watched(signal, answer))

    def saliency(
        self, prediction: Prediction, digest: str | None, beats: "KeptBeats", number: int
    ) -> "Saliency | None":
        """Return what the class of a beat hangs on; None where the version that answered is not loaded.

        Parameters
        ----------
        digest
            Of the version that answered.
        number
            The beat, counted from 1.
        """
        try:
            loaded = self._deployments.serving(ModelFamily.BEATS, prediction.alias, PATIENCE_S)
        except NoAnswerError:
            return None
        if loaded.deployed.digest != digest:
            return None
        try:
            signal = self.signal(prediction.input_sha256)
            predictor = cast("BeatPredictor", loaded.predictor)
            answered = int(beats.labels[number - 1])
            return predictor.saliency(signal, beats.positions, number - 1, beats.leads, label=answered)
        except Exception:
            log.exception("what a beat of prediction %s hangs on cannot be told", prediction.id)
            return None

    def signal(self, key: str) -> "Signal":
        """Return a kept signal, as long as models read."""
        from ml.beats.predicting import MAX_DURATION_S  # noqa: PLC0415 - NumPy, with the first signal

        return self.stretch(key, 0, MAX_DURATION_S + 1)  # a second more, so that the cut is noticed

    def stretch(self, key: str, start_s: float, stop_s: float, *leads: str) -> "Signal":
        """Return a stretch of a kept signal: of these leads, or of all; raises SignalUnreadableError."""
        from ml.ecg.readers import read_stretch  # noqa: PLC0415 - NumPy, with the first signal

        try:
            with self._blobs.open(key) as file:
                return read_stretch(file, start_s, stop_s, leads)
        except Exception as error:
            raise SignalUnreadableError from error


def _watched(signal: "Signal", answer: "BeatAnswer") -> "WatchedRow | None":
    """Return what is watched of a recording; None where that fails, which is no reason not to answer."""
    from ml.beats.monitored import row  # noqa: PLC0415 - NumPy, with the first answer

    try:
        return row(signal, answer)
    except Exception:
        log.exception("what is watched of a recording cannot be told")
        return None


def shows_input(actor: Actor) -> bool:
    """Return whether the actor is shown more than figures."""
    return actor.role is not Role.ANALYST


def kept_beats(answer: bytes) -> "KeptBeats":
    """Return the beats of what a prediction keeps."""
    from ml.beats.packing import unpack  # noqa: PLC0415 - NumPy, with the first prediction

    return unpack(answer)


def agreement_of_beats(one: bytes, other: bytes) -> float:
    """Return the share of beats that two kept answers name alike; 0 where they found different ones."""
    first, second = kept_beats(one), kept_beats(other)
    if len(first) != len(second) or (first.positions != second.positions).any():
        return 0.0
    names = [[kept.classes[label] for label in kept.labels.tolist()] for kept in (first, second)]
    alike = sum(a == b for a, b in zip(*names, strict=True))
    return alike / len(first) if len(first) else 1.0


def filled(made: Prediction, answer: "BeatAnswer", *, from_paper: bool) -> None:
    """Put an answer about beats into its row."""
    from ml.beats.packing import pack, unpack  # noqa: PLC0415 - NumPy, with the first prediction

    made.answer = pack(answer)
    made.counts = unpack(made.answer).counts()
    made.confidence = float(answer.confidences.mean()) if len(answer.confidences) else None
    made.slices = [f"leads:{len(answer.leads)}"] if answer.leads else []
    made.quality = answer.quality.verdict.value
    made.quality_reasons = [reason.value for reason in answer.quality.reasons]
    if from_paper:  # never trusted as much as what was measured, whatever it looks like
        made.quality = Verdict.MEDIUM.value if answer.quality.verdict is Verdict.HIGH else made.quality
        made.quality_reasons = [*made.quality_reasons, Reason.FROM_PAPER.value]


def _narrowed(chosen: PredictionFilter, actor: Actor) -> list[ColumnElement[bool]]:
    """Return what a filter asks for, as conditions; what the actor may not see narrows to nothing."""
    of_cases = chosen.case_id is not None or chosen.recording_id is not None
    conditions: list[ColumnElement[bool]] = [false()] if of_cases and not actor.is_author else []
    if chosen.family is not None:
        conditions.append(col(Prediction.family) == chosen.family.value)
    for column, value in (
        (col(Prediction.case_id), chosen.case_id),
        (col(Prediction.version_id), chosen.version_id),
        (col(Prediction.ml_available), chosen.available),
    ):
        if value is not None:
            conditions.append(column == value)
    if chosen.recording_id is not None:
        same = and_(
            col(Recording.id) == Prediction.recording_id, col(Recording.case_id) == Prediction.case_id
        )
        there = exists().where(same, col(Recording.original_key) == Prediction.input_sha256)
        conditions += [col(Prediction.recording_id) == chosen.recording_id, there]
    if chosen.attempt_id is not None:
        conditions.append(_read_in(chosen.attempt_id, actor))
    return conditions


def _read_in(attempt_id: int, actor: Actor) -> ColumnElement[bool]:
    """Return that an attempt of the actor's, or at a session of theirs, was at the very recording."""
    mine = or_(col(Attempt.account_id) == actor.account_id, col(TrainingSession.owner_id) == actor.account_id)
    return exists().where(
        true() if actor.is_admin else mine,
        col(TrainingSession.id) == Attempt.session_id,
        col(Attempt.id) == attempt_id,
        col(SessionCase.session_id) == Attempt.session_id,
        col(SessionCase.case_id) == Prediction.case_id,
        col(CaseRevision.id) == SessionCase.case_revision_id,
        cast_to(col(CaseRevision.snapshot), String).contains(col(Prediction.input_sha256)),
    )
