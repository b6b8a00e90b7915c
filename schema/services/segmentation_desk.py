"""Where label maps are measured and compared, and models asked: slow, away from any transaction."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ml.ecg.decoding import MAX_FILE_BYTES
from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.segments import Labels, Segment
from ml.segmentation.sent import Measured, VolumeReader, image_file
from schema.errors import ValidationFailedError
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily, ModelProblem
from schema.services.blobs import BlobMissingError, BlobStore, key_of
from schema.services.deployments import Deployments, NoAnswerError
from schema.services.predictions import PATIENCE_S
from schema.services.segmentation_input import AskedSegmentation

if TYPE_CHECKING:
    from ml.segmentation.predicting import UNetPredictor
    from ml.segmentation.reading import Codes, Volume

LABEL_MAP_TYPE, IMAGE_TYPE, PICTURE_TYPE = "application/gzip", "application/gzip", "image/png"
_CHUNK = 1 << 20

log = logging.getLogger(__name__)


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
    """Measures and compares label maps, and asks models. Slow: in a thread, never inside a transaction.

    Parameters
    ----------
    expect
        Told the keys of blobs before they are stored: the rows that name them are written later, if at all.
    """

    def __init__(
        self,
        reader: VolumeReader,
        blobs: BlobStore,
        deployments: Deployments,
        expect: Callable[[Iterable[str]], None],
    ) -> None:
        self._reader = reader
        self._blobs = blobs
        self._deployments = deployments
        self._expect = expect

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

        keys = self._put_all([(write_image(image), IMAGE_TYPE) for image in images])
        return dict(zip(names, keys, strict=True))

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
        pictures = [(png, PICTURE_TYPE) for _, png in measured.pictures]
        label_map, *keys = self._put_all([(measured.label_map, LABEL_MAP_TYPE), *pictures])
        return StoredSegmentation(label_map, _figures(measured, keys))

    def _put_all(self, files: Sequence[tuple[bytes, str]]) -> list[str]:
        """Store files given with their types; return their keys."""
        self._expect([key_of(data) for data, _ in files])
        return [self._blobs.put(data, media_type) for data, media_type in files]

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


def _figures(measured: Measured, keys: Sequence[str]) -> dict[str, Any]:
    """Return what is kept of what was measured, with the keys of its pictures."""
    pictures = [
        {**asdict(figures), "key": key} for (figures, _), key in zip(measured.pictures, keys, strict=True)
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
