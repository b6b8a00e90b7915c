"""What is sent to be measured, and what comes back: files in a folder, a line of JSON and raw bytes."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.decoding import DecoderPool
from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.segments import BRATS, Labels, Segment, SegmentFigures

LABEL_MAP, PROBABILITIES, IMAGE = "labelMap", "probabilities", "image"
"""What the files are called, in the folder and in errors."""
IMAGES = "images"
REQUEST = "request.json"
TIMEOUT_S = 60.0
MEMORY_MB = 3000
_FAULTS = {
    DecodeFailure.TOO_LARGE: Fault.TOO_LARGE,
    DecodeFailure.TIMED_OUT: Fault.TIMED_OUT,
    DecodeFailure.CRASHED: Fault.CRASHED,
}


@dataclass(frozen=True, slots=True)
class PictureFigures:
    """One slice as a picture, as `ml.segmentation.overlay.Picture` says."""

    plane: str
    number: int
    slices: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A label map that was read and measured.

    Parameters
    ----------
    shape : tuple of int
        Voxels in each direction.
    voxel_mm : tuple of float
        Sides of a voxel.
    axes : str
        Which way the axes point: RAS, LPS.
    oriented : bool
        Whether the file says so.
    segments : tuple of SegmentFigures
        In the order of `SEGMENTS`.
    components : int
        Of the whole tumour.
    confidence, segment_confidence : float or None
        Over all voxels of the tumour, and the mean of the segments'; None without a probability map.
    label_map : bytes
        What is kept, as `ml.segmentation.kept` writes it.
    pictures : tuple
        Each with its PNG.
    """

    shape: tuple[int, int, int]
    voxel_mm: tuple[float, float, float]
    axes: str
    oriented: bool
    segments: tuple[SegmentFigures, ...]
    components: int
    confidence: float | None
    segment_confidence: float | None
    label_map: bytes
    pictures: tuple[tuple[PictureFigures, bytes], ...]

    @property
    def volume_cm3(self) -> float:
        """Return the volume of the whole tumour."""
        return sum(each.volume_cm3 for each in self.segments)


class VolumeReader:
    """Has label maps measured in child processes that nothing spreads from; starts with the first.

    Parameters
    ----------
    pool : DecoderPool or None
        Runs the children; one of its own when None.
    """

    def __init__(self, pool: DecoderPool | None = None) -> None:
        self._pool = pool
        self._lock = threading.Lock()

    def measure(self, folder: Path, labels: Labels = BRATS) -> Measured:
        """Measure what lies in a folder under `LABEL_MAP`, and `PROBABILITIES` and `IMAGE` where there are.

        Raises
        ------
        VolumeError
            For whatever keeps a file from being read, or from fitting the others.
        """
        named = {str(value): segment.value for value, segment in labels.items()}
        return unpack(self._answer(folder, {"labels": named}, LABEL_MAP))

    def images(self, folder: Path, names: Sequence[str]) -> bytearray:
        """Return what a child says of images of the same voxels, for `ml.segmentation.handed.volumes`.

        They lie in a folder under `image_file`, in their order.

        Raises
        ------
        VolumeError
            When no child answers.
        """
        return self._answer(folder, {IMAGES: list(names)}, names[0])

    def _answer(self, folder: Path, request: Mapping[str, Any], file: str) -> bytearray:
        (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
        with self._lock:
            if self._pool is None:
                decoder = "ml.segmentation.decoder:read_sent"
                self._pool = DecoderPool(timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB, decoder=decoder)
        try:
            return self._pool.answer(folder)
        except DecodeError as error:
            raise VolumeError(_FAULTS.get(error.code, Fault.DAMAGED), file) from None

    def close(self) -> None:
        """Stop the children."""
        if self._pool is not None:
            self._pool.close()


def image_file(place: int) -> str:
    """Return what an image is called in the folder: never by a name that somebody sent."""
    return f"{IMAGE}-{place}"


def pack(document: Mapping[str, Any], blobs: tuple[bytes, ...] = ()) -> bytes:
    """Return an answer as it is sent."""
    header = {**document, "sizes": [len(each) for each in blobs]}
    return json.dumps(header).encode() + b"\n" + b"".join(blobs)


def unpack(message: bytes | bytearray) -> Measured:
    """Read what was measured.

    Raises
    ------
    VolumeError
        The fault that it tells, or CRASHED when it is incomplete or makes no sense.
    """
    header, blobs = opened(message)
    try:
        return _measured(header, blobs)
    except (ValueError, TypeError, LookupError, AttributeError):
        raise VolumeError(Fault.CRASHED, LABEL_MAP) from None


def opened(message: bytes | bytearray) -> tuple[dict[str, Any], list[bytes]]:
    """Return what an answer's line says, and what follows it; raises VolumeError as `unpack`."""
    line, _, _ = message.partition(b"\n")
    try:
        header: dict[str, Any] = json.loads(line)
        if "failure" in header:
            refusal = VolumeError(_FAULTS.get(DecodeFailure(header["failure"]), Fault.DAMAGED), LABEL_MAP)
        elif "fault" in header:
            refusal = VolumeError(Fault(header["fault"]), header["file"], **header["values"])
        else:
            return header, _blobs(header.pop("sizes"), memoryview(message)[len(line) + 1 :])
    except (ValueError, TypeError, LookupError, AttributeError):
        refusal = VolumeError(Fault.CRASHED, LABEL_MAP)
    raise refusal


def _blobs(sizes: list[int], body: memoryview) -> list[bytes]:
    ends = list(accumulate(sizes))
    if ends[-1] != len(body):
        raise ValueError("incomplete")
    return [bytes(body[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _measured(header: dict[str, Any], blobs: list[bytes]) -> Measured:
    pictures = (PictureFigures(**each) for each in header.pop("pictures"))
    segments = [each | {"segment": Segment(each["segment"])} for each in header.pop("segments")]
    return Measured(
        **header | {"shape": tuple(header["shape"]), "voxel_mm": tuple(header["voxel_mm"])},
        segments=tuple(SegmentFigures(**each) for each in segments),
        label_map=blobs[0],
        pictures=tuple(zip(pictures, blobs[1:], strict=True)),
    )
