"""How far two label maps of the same voxels agree."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.segmentation.measuring import bounds
from ml.segmentation.reading import Codes
from ml.segmentation.segments import CODES, SEGMENTS, Segment

Mask = NDArray[np.bool_]


def dice(first: Codes, second: Codes) -> Mapping[Segment, float | None]:
    """Return Dice's coefficient of each segment; None where neither map has any of it."""
    box = tuple(
        slice(min(one.start, other.start), max(one.stop, other.stop))
        for one, other in zip(bounds(first), bounds(second), strict=True)
    )
    a, b = first[box], second[box]
    return {segment: overlap(a == CODES[segment], b == CODES[segment]) for segment in SEGMENTS}


def tumour_dice(first: Codes, second: Codes) -> float | None:
    """Return Dice's coefficient of the whole tumour; None where neither map has any."""
    return overlap(first > 0, second > 0)


def overlap(first: Mask, second: Mask) -> float | None:
    """Return Dice's coefficient of two masks; None where both are empty."""
    size = np.count_nonzero(first) + np.count_nonzero(second)
    return float(2 * np.count_nonzero(first & second) / size) if size else None


def hausdorff_95(first: Mask, second: Mask, voxel_mm: tuple[float, float, float]) -> float | None:
    """Return the 95th percentile of the distances between two surfaces, in mm; None where one is empty."""
    if not first.any() or not second.any():
        return None
    ends = [(slice_.start, slice_.stop) for slice_ in bounds((first | second).astype(np.uint8))]
    box = tuple(slice(max(start - 1, 0), stop + 1) for start, stop in ends)
    a, b = _surface(first[box]), _surface(second[box])
    to_a = ndimage.distance_transform_edt(~a, sampling=voxel_mm)
    to_b = ndimage.distance_transform_edt(~b, sampling=voxel_mm)
    return float(np.percentile(np.concatenate([to_b[a], to_a[b]]), 95))


def _surface(mask: Mask) -> Mask:
    surface: Mask = mask & ~ndimage.binary_erosion(mask)
    return surface
