"""Segmentations of brain tumours: kept by patient, each account's own; images forgotten on request."""

import hashlib
from datetime import date

import orjson
from sqlalchemy import ColumnElement, false
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from schema.errors import NotFoundError
from schema.models.predictions import EXTERNAL, ModelFamily, ModelProblem, Prediction
from schema.models.segmentations import Segmentation, SegmentationStatus, SegmentedPatient
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Role, Scope
from schema.services import jobs
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.loose_files import release
from schema.services.models import deployed_version
from schema.services.once import columns_of, made_by
from schema.services.paging import Sort, page_of
from schema.services.predictions import WITHOUT_ANSWER, Predictions
from schema.services.routing import Routed
from schema.services.segmentation_desk import SegmentationOutcome, StoredSegmentation
from schema.services.segmentation_input import AskedSegmentation, SentSegmentation

TRACK_JOB = "track_segmentations"
MOST_COMPARED = 8
"""Label maps of one day that are compared with each other: the latest."""


class Segmentations:
    """One actor's way to patients and their segmentations: their own; administrators and analysts see all."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def patient(self, patient_id: int) -> SegmentedPatient:
        """Return a patient; one that is another's is missing."""
        wanted = select(SegmentedPatient).where(SegmentedPatient.id == patient_id, *self._seen())
        found = self._session.exec(wanted).first()
        if found is None:
            raise NotFoundError
        return found

    def patients(self, request: PageRequest) -> Page[SegmentedPatient]:
        """Return a page of patients, those added last first."""
        rows = select(SegmentedPatient).where(*self._seen())
        return page_of(self._session, rows, [Sort(col(SegmentedPatient.id), descending=True)], request)

    def page(self, patient_id: int, request: PageRequest) -> Page[Prediction]:
        """Return a page of a patient's segmentations, by the day of the images, the latest first."""
        self.patient(patient_id)
        rows = (
            select(Prediction)
            .join(Segmentation, col(Segmentation.prediction_id) == Prediction.id)
            .where(Segmentation.patient_id == patient_id)
        )
        order = [
            Sort(col(Segmentation.examined_on), descending=True),
            Sort(col(Prediction.id), descending=True),
        ]
        return page_of(self._session, rows.options(WITHOUT_ANSWER), order, request)

    def maps(self, patient_id: int, examined_on: date | None) -> list[tuple[Prediction, str]]:
        """Return the segmentations of one day with the keys of their label maps, the latest first.

        Of a day that is None, the latest one that several were made of.
        """
        self.patient(patient_id)
        rows = (
            select(Prediction, Segmentation.examined_on)
            .join(Segmentation, col(Segmentation.prediction_id) == Prediction.id)
            .where(Segmentation.patient_id == patient_id, col(Segmentation.figures).is_not(None))
            .order_by(col(Segmentation.examined_on).desc(), col(Prediction.id).desc())
            .options(WITHOUT_ANSWER)
        )
        by_day: dict[str, list[Prediction]] = {}
        for prediction, day in self._session.exec(rows):
            by_day.setdefault(day, []).append(prediction)
        several = [found for found in by_day.values() if len(found) > 1]
        if examined_on is None:
            chosen = several[0] if several else []
        else:
            chosen = by_day.get(examined_on.isoformat(), [])
        return [(each, each.input_sha256) for each in chosen[:MOST_COMPARED]]

    def known(self, sent: SentSegmentation) -> Prediction | None:
        """Return what was kept of the same request already; raises when its key was another's."""
        patient = select(SegmentedPatient.id).where(
            SegmentedPatient.owner_id == self._actor.account_id, SegmentedPatient.code == sent.patient
        )
        its = col(Segmentation.patient_id).in_(patient)
        row = made_by(self._session, sent.once, Segmentation, its)
        return None if row is None else self._session.get_one(Prediction, row.prediction_id)

    def keep(self, sent: SentSegmentation, stored: StoredSegmentation | None) -> Prediction:
        """Keep a segmentation, or that there is none; it is logged to MLflow soon.

        Raises
        ------
        ValidationFailedError
            When its key was used for another segmentation of the patient.
        """
        jobs.wake(self._session, self._clock, TRACK_JOB, {}, TRACK_JOB)  # also keeps others out
        known = self.known(sent)
        if known is not None:
            return known
        return self._kept(sent, stored, EXTERNAL, None if stored else ModelProblem.ANSWER_FAILED)

    def keep_asked(self, asked: AskedSegmentation, routed: Routed[SegmentationOutcome]) -> Prediction:
        """Keep what came of asking a model of this platform."""
        outcome = routed.outcome
        jobs.wake(self._session, self._clock, TRACK_JOB, {}, TRACK_JOB)
        sent = SentSegmentation(
            asked.patient,
            asked.examined_on,
            outcome.model,
            outcome.version,
            outcome.processing_s,
            SegmentationStatus.FAILED if outcome.stored is None else SegmentationStatus.SUCCEEDED,
            asked.physician,
        )
        return self._kept(sent, outcome.stored, routed.alias.value, outcome.problem, routed)

    def forget_images(self, prediction_id: int) -> Prediction:
        """Forget the images of a segmentation: no version is tried on them or learns from them any more.

        Their files are removed a day later; where there are none, nothing changes.

        Raises
        ------
        NotFoundError
            When there is no such segmentation, or it is another's.
        """
        wanted = (
            select(Segmentation)
            .join(SegmentedPatient, col(SegmentedPatient.id) == Segmentation.patient_id)
            .where(Segmentation.prediction_id == prediction_id, *self._seen())
        )
        row = self._session.exec(wanted.with_for_update(of=Segmentation)).first()
        if row is None:
            raise NotFoundError
        if row.images is not None:
            release(self._session, self._clock, row.images.values())
            row.images = None
            self._session.flush()
            audit = Audit(self._session, self._clock, self._actor)
            audit.record("segmentation.images_forgotten", "Prediction", prediction_id)
        return self._session.get_one(Prediction, prediction_id)

    def _kept(
        self,
        sent: SentSegmentation,
        stored: StoredSegmentation | None,
        alias: str,
        problem: ModelProblem | None,
        routed: Routed[SegmentationOutcome] | None = None,
    ) -> Prediction:
        patient, version = self._patient_of(sent.patient), None
        digest = routed.outcome.digest if routed else None
        placement = routed.placement if routed else None
        if digest is not None:
            version = deployed_version(self._session, ModelFamily.SEGMENTATION, digest)
        made = Predictions(self._session, self._actor, self._clock).add(
            Prediction(
                family=ModelFamily.SEGMENTATION.value,
                asked_by=self._actor.account_id,
                version_id=version,
                alias=alias,
                input_sha256=_digest(sent) if stored is None else stored.label_map_key,
                ml_available=stored is not None,
                ml_error=problem.value if problem else None,
                latency_ms=round(sent.processing_s * 1000),
                confidence=stored.figures["confidence"] if stored else None,
                slices=_slices(stored) if stored else None,
                trial_id=placement.trial_id if placement else None,
                trial_subject=placement.subject if placement else None,
                created_at=self._clock(),
            ),
            digest,
        )
        images = routed.outcome.images if routed else None
        row = Segmentation(
            prediction_id=made.id or 0,
            patient_id=patient.id or 0,
            examined_on=sent.examined_on.isoformat(),
            model_name=sent.model_name,
            model_version=sent.model_version,
            physician=sent.physician,
            status=sent.status.value,
            processing_s=sent.processing_s,
            figures=dict(stored.figures) if stored else None,
            images=dict(images) if images else None,
            **columns_of(sent.once),
        )
        self._session.add(row)
        self._session.flush()
        return made

    def _patient_of(self, code: str) -> SegmentedPatient:
        """Return the actor's patient of a code, made where there is none."""
        wanted = select(SegmentedPatient).where(
            SegmentedPatient.owner_id == self._actor.account_id, SegmentedPatient.code == code
        )
        found = self._session.exec(wanted).first()
        if found is not None:
            return found
        made = SegmentedPatient(owner_id=self._actor.account_id, code=code, created_at=self._clock())
        try:
            with self._session.begin_nested():
                self._session.add(made)
        except IntegrityError:  # another transaction made it at the same moment
            return self._session.exec(wanted).one()
        return made

    def _seen(self) -> list[ColumnElement[bool]]:
        if self._actor.is_admin or self._actor.role is Role.ANALYST:
            return []
        if self._actor.may(Scope.SEGMENTATION):
            return [col(SegmentedPatient.owner_id) == self._actor.account_id]
        return [false()]


def _slices(stored: StoredSegmentation) -> list[str]:
    """Return the groups that a label map belongs to: by the segments that it has."""
    return [f"segment:{each['segment']}" for each in stored.figures["segments"] if each["components"]]


def _digest(sent: SentSegmentation) -> str:
    """Return what stands for a label map that there is not."""
    told = [sent.patient, sent.examined_on.isoformat(), sent.model_name, sent.model_version]
    return hashlib.sha256(orjson.dumps(told)).hexdigest()
