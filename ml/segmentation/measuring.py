"""What a label map amounts to: volumes, connected components, and how sure its model was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.segmentation.reading import Codes
from ml.segmentation.segments import CODES, SEGMENTS, Segment, SegmentFigures

CUBIC_MM = 1000.0
"""In a cubic centimetre."""
NEIGHBOURS = np.ones((3, 3, 3), bool)
"""Voxels that share a face, an edge or a corner are connected: 26 neighbours."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is in all.

    Parameters
    ----------
    components : int
        Of everything that is not background, whichever segment it is.
    confidence : float or None
        Mean over all voxels of the tumour of the probability of the label that each has.
    """

    segments: tuple[SegmentFigures, ...]
    components: int
    confidence: float | None

    @property
    def volume_cm3(self) -> float:
        """Return the volume of the whole tumour."""
        return sum(each.volume_cm3 for each in self.segments)

    @property
    def segment_confidence(self) -> float | None:
        """Return the mean of the confidences of the segments there are."""
        known = [each.confidence for each in self.segments if each.confidence is not None]
        return sum(known) / len(known) if known else None


Box = tuple[slice, slice, slice]


def measure(
    codes: Codes, voxel_mm3: float, probabilities: Mapping[Segment, NDArray[Any]] | None = None
) -> Figures:
    """Measure a label map.

    Parameters
    ----------
    codes : ndarray of uint8
        As `segments_of` returns them.
    voxel_mm3 : float
        The volume of a voxel.
    probabilities : mapping or None
        As `probabilities_of` returns them.
    """
    box = bounds(codes)
    inner = codes[box]
    counts = np.bincount(inner.ravel(order="K"), minlength=len(SEGMENTS) + 1)
    found, sums = [], 0.0
    for segment in SEGMENTS:
        count, mask = int(counts[CODES[segment]]), inner == CODES[segment]
        confidence = None
        if probabilities is not None and count:
            likely = float(probabilities[segment][box][mask].sum(dtype=np.float64))
            confidence, sums = min(max(likely / count, 0.0), 1.0), sums + likely
        found.append(
            SegmentFigures(segment, count, count * voxel_mm3 / CUBIC_MM, _components(mask), confidence)
        )
    total = int(counts[1:].sum())
    known = probabilities is not None and total > 0
    confidence = min(max(sums / total, 0.0), 1.0) if known else None
    return Figures(tuple(found), _components(inner > 0), confidence)


def bounds(codes: Codes) -> Box:
    """Return the smallest box that holds all that is not background; an empty one where nothing is."""
    sides = []
    for axis in range(3):
        others = tuple(each for each in range(3) if each != axis)
        found = np.flatnonzero(codes.any(axis=others))
        sides.append(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0))
    return sides[0], sides[1], sides[2]


def _components(mask: NDArray[np.bool_]) -> int:
    return int(ndimage.label(mask, NEIGHBOURS)[1]) if mask.size else 0
