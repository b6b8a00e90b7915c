"""How far two label maps of the same voxels agree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.segmentation.measuring import bounds
from ml.segmentation.reading import Codes
from ml.segmentation.segments import CODES, SEGMENTS, Segment

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two maps agree.

    Parameters
    ----------
    segments : mapping
        Dice's coefficient of each segment; None where neither map has any of it.
    tumour : float or None
        The same of the whole tumour.
    """

    segments: Mapping[Segment, float | None]
    tumour: float | None


def agreements(maps: Sequence[Codes]) -> Iterator[tuple[int, int, Agreement]]:
    """Yield, of each two maps of the same voxels, their places and how far they agree."""
    boxes = [bounds(each) for each in maps]
    sides = zip(*boxes, strict=True)
    box = tuple(slice(min(each.start for each in side), max(each.stop for each in side)) for side in sides)
    inner = [each[box] for each in maps]
    for one, other in combinations(range(len(maps)), 2):
        yield one, other, agreement(inner[one], inner[other])


def agreement(first: Codes, second: Codes) -> Agreement:
    """Return how far two maps of the same voxels agree."""
    segments = {each: overlap(first == CODES[each], second == CODES[each]) for each in SEGMENTS}
    return Agreement(segments, overlap(first > 0, second > 0))


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
