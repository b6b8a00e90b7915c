"""NIfTI volumes, read distrustfully: nothing is believed of a header that its data does not bear out.

Of a file only numbers are taken: voxels and where they lie. What else a header says (`descrip`, `db_name`,
`aux_file`, `intent_name`, extensions) may name a patient and is never looked at.
"""

import gzip
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.segments import BRATS, CODES, SEGMENTS, Labels, Segment

MAX_DATA_BYTES = 600_000_000
"""Of the voxels once inflated: 240×240×155 voxels of four 64-bit probabilities are 286 million."""
MAX_EXTENSION_BYTES = 16_000_000
MAX_VOXELS = 64_000_000
"""400 in each direction."""
LEAST_VOXEL_MM, MOST_VOXEL_MM = 0.05, 50.0
FARTHEST_MM = 10_000.0
LEAST_STRAIGHT = 0.5
"""A voxel's volume over the product of its sides: 1 for a box, near 0 for one that has no volume."""
SAME_SIDE = 0.05
"""How far the sides that a header states twice may differ."""
SAME_PLACE = 0.01
"""How far corners of two volumes of the same voxels may lie from each other, in voxels."""
_SIZES: Mapping[int, tuple[type[Nifti1Header], int, bytes]] = {
    348: (Nifti1Header, 344, b"n+1\0"),
    540: (Nifti2Header, 4, b"n+2\0\r\n\x1a\n"),
}
_PAIRS = (b"ni1\0", b"ni2\0")
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_TOLERANCE = 1e-3

Codes = NDArray[np.uint8]
Stream: TypeAlias = IO[bytes] | gzip.GzipFile


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and where they lie.

    Parameters
    ----------
    data : ndarray
        As they are stored, without scaling where there is none.
    affine : ndarray of float64, shape (4, 4)
        From places in `data` to millimetres, right, anterior and superior being positive.
    oriented : bool
        Whether the file says which way its axes point; where not, left and right cannot be told apart.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    oriented: bool

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Return the sides of a voxel."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_mm3(self) -> float:
        """Return the volume of a voxel, whichever way its axes point."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def axes(self) -> str:
        """Return which way each axis points: RAS, LPS."""
        return "".join(str(each) for each in nib.orientations.aff2axcodes(self.affine))


def read(path: Path) -> Volume:
    """Read a NIfTI file, plain or gzipped.

    Raises
    ------
    VolumeError
        When it cannot be read, or its geometry is none.
    """
    with path.open("rb") as file:
        return read_stream(file)


def read_stream(file: IO[bytes]) -> Volume:
    """Read a NIfTI file from a stream that can be sought in; raises VolumeError as `read`."""
    start = file.read(2)
    file.seek(0)
    if not start:
        raise VolumeError(Fault.EMPTY)
    try:
        if start != b"\x1f\x8b":
            return _volume(file)
        with gzip.GzipFile(fileobj=file) as inflated:
            return _volume(inflated)
    except VolumeError:
        raise
    except MemoryError:
        raise VolumeError(Fault.TOO_LARGE) from None
    except (ArithmeticError, EOFError, HeaderDataError, LookupError, OSError, ValueError, zlib.error):
        raise VolumeError(Fault.DAMAGED) from None


def segments_of(volume: Volume, labels: Labels = BRATS) -> Codes:
    """Return a label map with each voxel's segment by its code; 0 is the background.

    Raises
    ------
    VolumeError
        When it is not of three dimensions, has other values than whole numbers, or one that stands for
        nothing.
    """
    data = volume.data
    if data.ndim != 3:
        raise VolumeError(Fault.NOT_3D)
    if data.size > MAX_VOXELS:
        raise VolumeError(Fault.TOO_LARGE)
    found = np.empty(data.shape, np.uint8, order="F")
    unknown: set[int] = set()
    for at in range(data.shape[2]):
        found[..., at] = _coded(data[..., at], labels, unknown)
    if unknown:
        raise VolumeError(Fault.UNKNOWN_LABELS, labels=", ".join(map(str, sorted(unknown)[:5])))
    return found


def probabilities_of(volume: Volume, segments: Volume) -> Mapping[Segment, NDArray[Any]]:
    """Return how likely each segment is, voxel by voxel.

    A map of three dimensions holds the probability of whatever label each voxel has; a fourth dimension
    has a channel for each segment, after one for the background or without it.

    Raises
    ------
    VolumeError
        When it does not fit the label map, or holds no probabilities.
    """
    data = volume.data
    if data.ndim not in {3, 4} or data.shape[:3] != segments.data.shape:
        raise VolumeError(Fault.OTHER_SHAPE, shape=_shape(volume), other=_shape(segments))
    same_place(volume, segments)
    channels = data.shape[3] if data.ndim == 4 else 1
    if data.ndim == 4 and channels not in {len(SEGMENTS), len(SEGMENTS) + 1}:
        raise VolumeError(Fault.OTHER_SHAPE, shape=_shape(volume), other=_shape(segments))
    low, high = float(data.min()), float(data.max())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # NaN is neither
        raise VolumeError(Fault.NOT_PROBABILITIES)
    if data.ndim == 3:
        return dict.fromkeys(SEGMENTS, data)
    first = channels - len(SEGMENTS)
    return {segment: data[..., first + place] for place, segment in enumerate(SEGMENTS)}


def same_place(volume: Volume, other: Volume) -> None:
    """Refuse a volume whose voxels do not lie where another's do.

    Raises
    ------
    VolumeError
        When its shape is another, or a corner lies elsewhere.
    """
    if volume.data.shape[:3] != other.data.shape[:3]:
        raise VolumeError(Fault.OTHER_SHAPE, shape=_shape(volume), other=_shape(other))
    if not overlaid(volume, other):
        raise VolumeError(Fault.OTHER_GEOMETRY)


def overlaid(volume: Volume, other: Volume) -> bool:
    """Return whether the voxels of two volumes lie in the same places."""
    if volume.data.shape[:3] != other.data.shape[:3]:
        return False
    ends = np.array([(x, y, z, 1) for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
    ends[:, :3] *= np.array(volume.data.shape[:3]) - 1
    apart = (ends @ (volume.affine - other.affine).T)[:, :3]
    return bool(np.abs(apart).max() <= SAME_PLACE * min(volume.voxel_mm))


def _coded(layer: NDArray[Any], labels: Labels, unknown: set[int]) -> Codes:
    """Return the codes of one layer; whatever labels stand for nothing are added to `unknown`."""
    if layer.dtype.kind == "f":
        whole = np.rint(layer)
        if not np.isfinite(layer).all() or np.abs(layer - whole).max(initial=0) > _TOLERANCE:
            raise VolumeError(Fault.NOT_LABELS)
        if np.abs(whole).max(initial=0) > 2**31:
            raise VolumeError(Fault.NOT_LABELS)
        layer = whole.astype(np.int64)
    if layer.dtype == np.uint8:
        present = np.flatnonzero(np.bincount(layer.ravel(order="K"), minlength=256))
    else:
        present = np.unique(layer)
    coded = np.zeros(layer.shape, np.uint8)
    for value in present.tolist():
        if value in labels:
            coded[layer == value] = CODES[labels[value]]
        elif value:
            unknown.add(int(value))
    return coded


def _shape(volume: Volume) -> str:
    return "×".join(str(each) for each in volume.data.shape)


def _volume(file: Stream) -> Volume:
    header, offset, read_bytes = _header(file)
    shape = _dimensions(header)
    kind = header.get_data_dtype()
    if kind.kind not in "iuf" or kind.itemsize > 8:
        raise VolumeError(Fault.UNSUPPORTED)
    size = math.prod(shape) * kind.itemsize
    if size > MAX_DATA_BYTES:
        raise VolumeError(Fault.TOO_LARGE)
    _exactly(file, offset - read_bytes)
    data = np.frombuffer(_exactly(file, size), kind).reshape(shape, order="F")
    if file.read(1):  # also has gzip compare its checksum
        raise VolumeError(Fault.DAMAGED)
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept) != (1, 0):
        data = data * np.float32(slope) + np.float32(intercept or 0)
    affine, oriented = _geometry(header)
    return Volume(data, affine, oriented)


def _header(file: Stream) -> tuple[Nifti1Header, int, int]:
    """Return the header, where the voxels begin, and how much was read."""
    start = file.read(4)
    for order in ("little", "big"):
        size = int.from_bytes(start, order)
        if len(start) == 4 and size in _SIZES:
            kind, place, magic = _SIZES[size]
            block = start + _exactly(file, size - 4)
            break
    else:
        raise VolumeError(Fault.NOT_NIFTI)
    written = block[place : place + len(magic)]
    if written[:4] in _PAIRS:
        raise VolumeError(Fault.UNSUPPORTED)
    if written != magic:
        raise VolumeError(Fault.NOT_NIFTI)
    header = kind(block, check=False)
    stated = float(header["vox_offset"])
    offset = size + 4 if stated == 0 else stated
    if not (size <= offset <= size + MAX_EXTENSION_BYTES and offset == int(offset)):
        raise VolumeError(Fault.DAMAGED)
    return header, int(offset), size


def _dimensions(header: Nifti1Header) -> tuple[int, ...]:
    """Return the shape, single further dimensions dropped."""
    number = int(header["dim"][0])
    if not 1 <= number <= 7:
        raise VolumeError(Fault.DAMAGED)
    shape = [int(each) for each in header["dim"][1 : number + 1]]
    if min(shape) < 1:
        raise VolumeError(Fault.DAMAGED)
    spatial, further = shape[:3], [each for each in shape[3:] if each != 1]
    if len(spatial) < 3 or len(further) > 1:
        raise VolumeError(Fault.NOT_3D)
    return (*spatial, *further)


def _geometry(header: Nifti1Header) -> tuple[NDArray[np.float64], bool]:
    """Return the affine in millimetres, and whether the header says which way axes point."""
    affine = np.array(header.get_best_affine(), np.float64)
    affine[:3] *= _MILLIMETRES.get(int(header["xyzt_units"]) & 7, math.nan)
    oriented = bool(header["sform_code"] > 0 or header["qform_code"] > 0)
    if not np.isfinite(affine).all() or np.abs(affine[:3, 3]).max() > FARTHEST_MM:
        raise VolumeError(Fault.BAD_GEOMETRY)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if sides.min() < LEAST_VOXEL_MM or sides.max() > MOST_VOXEL_MM:
        raise VolumeError(Fault.BAD_GEOMETRY)
    if abs(np.linalg.det(affine[:3, :3])) < LEAST_STRAIGHT * sides.prod():
        raise VolumeError(Fault.BAD_GEOMETRY)
    stated = np.array(header["pixdim"][1:4], np.float64) * _MILLIMETRES[int(header["xyzt_units"]) & 7]
    if not np.allclose(np.abs(stated), sides, rtol=SAME_SIDE, atol=0):
        raise VolumeError(Fault.CONTRADICTING_GEOMETRY)
    return affine, oriented


def _exactly(file: Stream, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise VolumeError(Fault.DAMAGED)
    return data
