"""Segmentations of brain tumours: measured away from this process, kept by patient, compared."""

import hashlib
import logging
import math
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import ColumnElement, false
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from ml.ecg.decoding import MAX_FILE_BYTES
from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.segments import BRATS, Labels, Segment
from ml.segmentation.sent import LABEL_MAP, Measured, VolumeReader, image_file
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.models import ModelAlias
from schema.models.predictions import EXTERNAL, ModelFamily, ModelProblem, Prediction
from schema.models.segmentations import Segmentation, SegmentationStatus, SegmentedPatient
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Role, Scope
from schema.services import jobs
from schema.services.audit import Audit
from schema.services.blobs import BlobMissingError, BlobStore
from schema.services.clock import Clock
from schema.services.deployments import Deployments, NoAnswerError
from schema.services.loose_files import release
from schema.services.models import deployed_version
from schema.services.paging import Sort, page_of
from schema.services.predictions import PATIENCE_S, WITHOUT_ANSWER, Predictions
from schema.services.routing import Routed
from schema.services.text import line

if TYPE_CHECKING:
    from ml.segmentation.predicting import UNetPredictor
    from ml.segmentation.reading import Codes, Volume

TRACK_JOB = "track_segmentations"
LONGEST_CODE = 40
LONGEST_MODEL = 100
LONGEST_VERSION = 50
LONGEST_KEY = 100
LONGEST_PROCESSING_S = 86_400.0
EARLIEST = date(1990, 1, 1)
LARGEST_LABEL = 1_000_000
MOST_LABELS = 50
MOST_COMPARED = 8
"""Label maps of one day that are compared with each other: the latest."""
LABEL_MAP_TYPE, IMAGE_TYPE, PICTURE_TYPE = "application/gzip", "application/gzip", "image/png"
_CHUNK = 1 << 20

log = logging.getLogger(__name__)

_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_STUDY_WORDS = frozenset(
    {
        *(
            "case",
            "patient",
            "phantom",
            "pseudo",
            "subj",
            "subject",
            "sujet",
            "test",
            "training",
            "validation",
        ),
        *(
            "brats",
            "btup",
            "cptac",
            "glioma",
            "gliome",
            "ivygap",
            "lumiere",
            "rembrandt",
            "tcga",
            "ucsf",
            "upenn",
        ),
        *("anon", "demo"),
    }
)
"""What longer words the codes of studies have."""
_NIR = re.compile(r"[1-478]\d{2}(?:0[1-9]|[1-9]\d)(?:\d{2}|2[ABab])\d{6}(?:\d{2})?")
_DAYS = ("%d%m%Y", "%Y%m%d", "%m%d%Y")


@dataclass(frozen=True, slots=True)
class SentSegmentation:
    """What somebody sent of a segmentation, but its files.

    Parameters
    ----------
    patient, physician
        Codes that name nobody.
    labels
        What each number of the label map stands for.
    processing_s
        How long the model took.
    """

    patient: str
    examined_on: date
    model_name: str
    model_version: str
    processing_s: float
    status: SegmentationStatus = SegmentationStatus.SUCCEEDED
    physician: str | None = None
    labels: Labels | None = None
    idempotency_key: str | None = None


def read_sent(sent: SentSegmentation, files: Mapping[str, object], today: date) -> SentSegmentation:
    """Return what was sent, tidied.

    Raises
    ------
    ValidationFailedError
        With every field that cannot be taken, each beside its name.
    """
    problems = _common_problems(sent.patient, sent.physician, sent.examined_on, today)
    model_name, faults = line(sent.model_name, "modelName", LONGEST_MODEL)
    model_version, more = line(sent.model_version, "modelVersion", LONGEST_VERSION)
    problems += [*faults, *more, *_label_problems(sent.labels)]
    if not (math.isfinite(sent.processing_s) and 0 <= sent.processing_s <= LONGEST_PROCESSING_S):
        limits = (("minimum", "0"), ("maximum", f"{LONGEST_PROCESSING_S:.0f}"))
        problems.append(FieldProblem(("processingSeconds",), "out_of_range", limits))
    if sent.idempotency_key is not None and not 0 < len(sent.idempotency_key) <= LONGEST_KEY:
        problems.append(FieldProblem(("idempotencyKey",), "too_long", (("maximum", str(LONGEST_KEY)),)))
    failed = sent.status is SegmentationStatus.FAILED
    if failed:
        problems += [FieldProblem((name,), "failed_has_no_file") for name in files]
    elif LABEL_MAP not in files:
        problems.append(FieldProblem((LABEL_MAP,), "required"))
    if problems:
        raise ValidationFailedError(problems)
    return SentSegmentation(
        sent.patient.strip(),
        sent.examined_on,
        model_name,
        model_version,
        sent.processing_s,
        sent.status,
        sent.physician.strip() if sent.physician else None,
        sent.labels or BRATS,
        sent.idempotency_key,
    )


def code_problems(code: str, path: str) -> list[FieldProblem]:
    """Return what is wrong with a code that is to name nobody: it must not look like who it stands for."""
    code = code.strip()
    if not code:
        return [FieldProblem((path,), "required")]
    if len(code) > LONGEST_CODE:
        return [FieldProblem((path,), "too_long", (("maximum", str(LONGEST_CODE)),))]
    if not _CODE.fullmatch(code) or not any(each.isdigit() for each in code):
        return [FieldProblem((path,), "not_a_code")]
    return [FieldProblem((path,), "may_identify")] if _may_identify(code) else []


def _may_identify(code: str) -> bool:
    """Return whether a code may hold a name, a NIR, a date or a telephone number."""
    for word in re.findall(r"[A-Za-z]+", code):
        if len(word) > 3 and word.lower() not in _STUDY_WORDS:
            return True
    packed = re.sub(r"[._-]", "", code)
    if _NIR.fullmatch(packed) or re.fullmatch(r"0[1-9]\d{8}", packed):
        return True
    return any(_is_day(each) for each in (packed, *re.findall(r"\d{8}", packed)))


def _is_day(digits: str) -> bool:
    if len(digits) != 8:
        return False
    for form in _DAYS:
        try:
            found = datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if 1900 <= found.year <= 2100:
            return True
    return False


def _label_problems(labels: Labels | None) -> list[FieldProblem]:
    if labels is None:
        return []
    if not labels:
        return [FieldProblem(("labels",), "required")]
    if len(labels) > MOST_LABELS:
        return [FieldProblem(("labels",), "too_many", (("maximum", str(MOST_LABELS)),))]
    if not all(0 < value <= LARGEST_LABEL for value in labels):
        limits = (("minimum", "1"), ("maximum", str(LARGEST_LABEL)))
        return [FieldProblem(("labels",), "out_of_range", limits)]
    return []


@dataclass(frozen=True, slots=True)
class AskedSegmentation:
    """Images that a model of this platform is to segment.

    Parameters
    ----------
    patient, physician
        Codes that name nobody.
    keep_images
        Whether they may be kept, to try new versions on and to learn from.
    """

    patient: str
    examined_on: date
    physician: str | None = None
    keep_images: bool = False

    def subject(self, account_id: int) -> str:
        """Return what names the examination in an A/B test: it stays where it fell."""
        return f"examination {account_id} {self.examined_on} {self.patient}"


def read_asked(asked: AskedSegmentation, today: date) -> AskedSegmentation:
    """Return what was asked, tidied; raises ValidationFailedError as `read_sent`."""
    problems = _common_problems(asked.patient, asked.physician, asked.examined_on, today)
    if problems:
        raise ValidationFailedError(problems)
    physician = asked.physician.strip() if asked.physician else None
    return replace(asked, patient=asked.patient.strip(), physician=physician)


def _common_problems(
    patient: str, physician: str | None, examined_on: date, today: date
) -> list[FieldProblem]:
    problems = code_problems(patient, "patient")
    if physician:
        problems += code_problems(physician, "physician")
    if not EARLIEST <= examined_on <= today + timedelta(days=1):
        limits = (("minimum", EARLIEST.isoformat()), ("maximum", today.isoformat()))
        problems.append(FieldProblem(("examinedOn",), "out_of_range", limits))
    return problems


@dataclass(frozen=True, slots=True)
class SegmentationOutcome:
    """What came of asking a model of this platform.

    Parameters
    ----------
    model, version
        Which one was asked; what stands for one where none answers.
    digest
        Of the version that was asked; None where none answers.
    images
        Keys of the images by what they are called; None where they are not kept.
    """

    processing_s: float
    model: str = "–"
    version: str = "–"
    digest: str | None = None
    stored: "StoredSegmentation | None" = None
    problem: ModelProblem | None = None
    images: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ShadowedSegmentation:
    """What came of asking a version in the shadow.

    Parameters
    ----------
    agreement
        The mean Dice of the parts that either of both label maps has, 1 where neither has any.
    """

    latency_ms: int
    agreement: float | None = None
    problem: ModelProblem | None = None


@dataclass(frozen=True, slots=True)
class StoredSegmentation:
    """A label map that was measured, and whose blobs are kept."""

    label_map_key: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComparedMaps:
    """Two segmentations of one day; without figures where their voxels are not the same.

    Parameters
    ----------
    first, second
        Keys of the predictions.
    """

    first: int
    second: int
    segments: Mapping[Segment, float | None] | None = None
    tumour: float | None = None


class SegmentationDesk:
    """Measures and compares label maps, and asks models. Slow: in a thread, never inside a transaction."""

    def __init__(self, reader: VolumeReader, blobs: BlobStore, deployments: Deployments) -> None:
        self._reader = reader
        self._blobs = blobs
        self._deployments = deployments

    def store(self, files: Mapping[str, IO[bytes]], labels: Labels) -> StoredSegmentation:
        """Measure files by what they are called, and keep the label map and the pictures.

        Raises
        ------
        ValidationFailedError
            At the file that cannot be read or does not fit, with the way as its code.
        """
        with tempfile.TemporaryDirectory(prefix="chevet-") as folder:
            try:
                for name, stream in files.items():
                    _copy(stream, Path(folder) / name, name)
                measured = self._reader.measure(Path(folder), labels)
            except VolumeError as error:
                raise _refusal(error.file, error) from None
        return self._stored(measured)

    def predict(
        self, files: Mapping[str, IO[bytes]], alias: ModelAlias, *, keep_images: bool = False
    ) -> SegmentationOutcome:
        """Have a model of this platform segment images by what they are called.

        Raises
        ------
        ValidationFailedError
            At `images`, where one that the model is shown is missing or cannot be read. Whatever else keeps
            it from answering is told in what it returns.
        """
        began = time.perf_counter()

        def taken() -> float:
            return time.perf_counter() - began

        try:
            loaded = self._deployments.serving(ModelFamily.SEGMENTATION, alias.value, PATIENCE_S)
        except NoAnswerError as error:
            return SegmentationOutcome(taken(), problem=error.problem)
        predictor = cast("UNetPredictor", loaded.predictor)
        images = self._images(files, predictor.images)
        told = ("unet-2d", str(loaded.deployed.version), loaded.deployed.digest)
        try:
            from ml.segmentation.handed import measured  # noqa: PLC0415 - NumPy, with the first images

            stored = self._stored(measured(images, predictor.segment(images)))
        except Exception:
            log.exception("the model of segmentations failed")
            return SegmentationOutcome(taken(), *told, problem=ModelProblem.ANSWER_FAILED)
        outcome = SegmentationOutcome(taken(), *told, stored=stored)
        return replace(outcome, images=self._put(predictor.images, images)) if keep_images else outcome

    def routed(
        self, files: Mapping[str, IO[bytes]], asked: AskedSegmentation, arm: ModelAlias
    ) -> SegmentationOutcome:
        """Do as `predict` for an arm of an A/B test; a challenger that wants other images does not answer.

        Raises
        ------
        ValidationFailedError
            As `predict`, of any but the challenger.
        """
        try:
            return self.predict(files, arm, keep_images=asked.keep_images)
        except ValidationFailedError:
            if arm is not ModelAlias.CHALLENGER:
                raise
            return SegmentationOutcome(0, problem=ModelProblem.SIGNAL_UNREADABLE)

    def shadowed(self, images: Mapping[str, str], label_map: str) -> ShadowedSegmentation:
        """Ask the version in the shadow about images that are kept, and hold its map against the one kept."""
        began = time.perf_counter()

        def taken() -> int:
            return round((time.perf_counter() - began) * 1000)

        try:
            loaded = self._deployments.serving(ModelFamily.SEGMENTATION, ModelAlias.SHADOW.value, PATIENCE_S)
        except NoAnswerError as error:
            return ShadowedSegmentation(taken(), problem=error.problem)
        predictor = cast("UNetPredictor", loaded.predictor)
        try:
            with ExitStack() as stack:
                files = {name: stack.enter_context(self._blobs.open(key)) for name, key in images.items()}
                volumes = self._images(files, predictor.images)
        except (ValidationFailedError, BlobMissingError):
            log.exception("the images that were kept cannot be read")
            return ShadowedSegmentation(taken(), problem=ModelProblem.SIGNAL_UNREADABLE)
        try:
            codes = predictor.segment(volumes).codes
            return ShadowedSegmentation(taken(), self._agreement(codes, label_map))
        except Exception:
            log.exception("the model of segmentations in the shadow failed")
            return ShadowedSegmentation(taken(), problem=ModelProblem.ANSWER_FAILED)

    def _agreement(self, codes: "Codes", label_map: str) -> float:
        from ml.segmentation.agreement import agreement  # noqa: PLC0415 - NumPy, with the first comparison
        from ml.segmentation.reading import read_stream  # noqa: PLC0415 - the same

        with self._blobs.open(label_map) as file:
            told = agreement(codes, read_stream(file).data)
        known = [each for each in told.segments.values() if each is not None]
        return sum(known) / len(known) if known else 1.0

    def _put(self, names: Sequence[str], images: "Sequence[Volume]") -> dict[str, str]:
        from ml.segmentation.kept import write_image  # noqa: PLC0415 - NumPy, with the first images

        return {
            name: self._blobs.put(write_image(image), IMAGE_TYPE)
            for name, image in zip(names, images, strict=True)
        }

    def _images(self, files: Mapping[str, IO[bytes]], wanted: Sequence[str]) -> "list[Volume]":
        from ml.segmentation.handed import volumes  # noqa: PLC0415 - NumPy, with the first images

        missing = [name for name in wanted if name not in files]
        if missing:
            raise ValidationFailedError.of("images", "missing_images", images=", ".join(missing))
        with tempfile.TemporaryDirectory(prefix="chevet-") as folder:
            try:
                for place, name in enumerate(wanted):
                    _copy(files[name], Path(folder) / image_file(place), name)
                return volumes(self._reader.images(Path(folder), wanted))
            except VolumeError as error:
                raise _refusal("images", error) from None

    def _stored(self, measured: Measured) -> StoredSegmentation:
        return StoredSegmentation(
            self._blobs.put(measured.label_map, LABEL_MAP_TYPE), _figures(measured, self._blobs)
        )

    def compare(self, maps: Sequence[tuple[int, str]]) -> Iterator[ComparedMaps]:
        """Yield how far each two label maps agree, given as (prediction, key)."""
        from ml.segmentation.agreement import agreements  # noqa: PLC0415 - NumPy, with the first comparison
        from ml.segmentation.reading import overlaid, read_stream  # noqa: PLC0415 - the same

        opened = []
        with ExitStack() as stack:
            opened = [read_stream(stack.enter_context(self._blobs.open(key))) for _, key in maps]
        for at, (first, _) in enumerate(maps):
            alike = [other for other in range(at + 1, len(maps)) if overlaid(opened[at], opened[other])]
            for other in range(at + 1, len(maps)):
                if other not in alike:
                    yield ComparedMaps(first, maps[other][0])
                    continue
                [(_, _, told)] = agreements([opened[at].data, opened[other].data])
                yield ComparedMaps(first, maps[other][0], told.segments, told.tumour)


def _refusal(path: str, error: VolumeError) -> ValidationFailedError:
    values = error.values_named
    if error.fault is Fault.TOO_LARGE:
        values = {"megabytes": str(MAX_FILE_BYTES // 1_000_000)}
    return ValidationFailedError.of(path, f"volume_{error.fault.value}", **values)


def _figures(measured: Measured, blobs: BlobStore) -> dict[str, Any]:
    """Return what is kept of what was measured, with the keys of its pictures."""
    pictures = [
        {**asdict(figures), "key": blobs.put(png, PICTURE_TYPE)} for figures, png in measured.pictures
    ]
    return {
        "volume_cm3": measured.volume_cm3,
        "components": measured.components,
        "confidence": measured.confidence,
        "segment_confidence": measured.segment_confidence,
        "segments": [asdict(each) | {"segment": each.segment.value} for each in measured.segments],
        "shape": list(measured.shape),
        "voxel_mm": list(measured.voxel_mm),
        "axes": measured.axes,
        "oriented": measured.oriented,
        "pictures": pictures,
    }


def _copy(stream: IO[bytes], target: Path, name: str) -> None:
    stream.seek(0)  # another arm of an A/B test may have read it
    size = 0
    with target.open("wb") as staged:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise VolumeError(Fault.TOO_LARGE, name)
            staged.write(chunk)


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
        """Return what was kept under the key already."""
        if sent.idempotency_key is None:
            return None
        wanted = (
            select(Prediction)
            .join(Segmentation, col(Segmentation.prediction_id) == Prediction.id)
            .join(SegmentedPatient, col(SegmentedPatient.id) == Segmentation.patient_id)
            .where(
                SegmentedPatient.owner_id == self._actor.account_id,
                SegmentedPatient.code == sent.patient,
                Segmentation.idempotency_key == sent.idempotency_key,
            )
        )
        return self._session.exec(wanted).first()

    def keep(self, sent: SentSegmentation, stored: StoredSegmentation | None) -> Prediction:
        """Keep a segmentation, or that there is none; it is logged to MLflow soon."""
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
            idempotency_key=sent.idempotency_key,
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
