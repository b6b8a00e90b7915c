"""What a label map of a brain tumour tells apart, and how it is looked at. Light: no NumPy, no nibabel."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Segment(StrEnum):
    """A part of a glioma, as BraTS names them."""

    NECROTIC = "necrotic"
    EDEMA = "edema"
    ENHANCING = "enhancing"


Labels = Mapping[int, Segment]
"""What each number of a label map stands for; 0 is the background."""

SEGMENTS = tuple(Segment)
CODES: Mapping[Segment, int] = {segment: code for code, segment in enumerate(SEGMENTS, start=1)}
"""The numbers of what is kept, whatever numbers it came with: those of BraTS since 2023."""
BRATS: Labels = {
    1: Segment.NECROTIC,
    2: Segment.EDEMA,
    3: Segment.ENHANCING,
    4: Segment.ENHANCING,
}
"""Enhancing tumour was 4 until 2022 and is 3 since."""


class Plane(StrEnum):
    """Which way a slice lies."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


@dataclass(frozen=True, slots=True)
class SegmentFigures:
    """What there is of one segment.

    Parameters
    ----------
    components : int
        Connected by faces, edges or corners.
    confidence : float or None
        Mean probability of the segment over its voxels; None without a probability map, or without voxels.
    """

    segment: Segment
    voxels: int
    volume_cm3: float
    components: int
    confidence: float | None
