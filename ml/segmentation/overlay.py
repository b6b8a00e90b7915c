"""Pictures of a segmentation: a slice in each direction, as radiologists look at them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from ml.segmentation.reading import Codes, Volume
from ml.segmentation.segments import CODES, SEGMENTS, Plane, Segment

LONGEST_PX = 480
MARK_PX = 22
MARGIN_PX = 8
FILLED = 0.4
"""How far a segment's colour covers what lies below; its outline covers it wholly."""
COLOURS: dict[Segment, tuple[int, int, int]] = {
    Segment.NECROTIC: (213, 94, 0),
    Segment.EDEMA: (86, 180, 233),
    Segment.ENHANCING: (240, 228, 66),
}
"""Told apart by colour-blind readers too (Okabe and Ito)."""
BLANK = 38
PERCENTILES = (1, 99.5)


@dataclass(frozen=True, slots=True)
class Picture:
    """One slice.

    Parameters
    ----------
    number : int
        The slice, counted from 1 from below, behind or the left.
    slices : int
        How many there are.
    """

    plane: Plane
    number: int
    slices: int
    png: bytes
    width: int
    height: int


_AXES = {Plane.AXIAL: 2, Plane.CORONAL: 1, Plane.SAGITTAL: 0}
_MARKS = {Plane.AXIAL: ("R", "L"), Plane.CORONAL: ("R", "L"), Plane.SAGITTAL: ("A", "P")}


def draw(codes: Codes, volume: Volume, image: Volume | None = None) -> Iterator[Picture]:
    """Yield the slice with the most tumour in each direction; the middle one where there is no tumour.

    The patient's right is on the left, the front of a head on the left of a sagittal slice; letters say so,
    question marks where the file does not say which way its axes point.

    Parameters
    ----------
    image : Volume or None
        What to draw on, with the same voxels; a flat ground without one.
    """
    turned = nib.orientations.io_orientation(volume.affine)
    labels = nib.orientations.apply_orientation(codes, turned)
    ground = None if image is None else nib.orientations.apply_orientation(image.data, turned)
    window = _window(ground)
    sides = np.empty(3)
    sides[turned[:, 0].astype(int)] = volume.voxel_mm
    for plane, axis in _AXES.items():
        across = tuple(each for each in range(3) if each != axis)
        area = np.count_nonzero(labels, axis=across)
        at = int(area.argmax()) if area.any() else labels.shape[axis] // 2
        below = None if ground is None else _grey(_upright(_layer(ground, axis, at)), window)
        width_mm, height_mm = (sides[each] for each in across)
        drawn = _drawn(_upright(_layer(labels, axis, at)), below, width_mm, height_mm)
        _mark(drawn, _MARKS[plane] if volume.oriented else ("?", "?"))
        output = io.BytesIO()
        drawn.save(output, "PNG")
        yield Picture(plane, at + 1, labels.shape[axis], output.getvalue(), drawn.width, drawn.height)


def _layer(data: NDArray[Any], axis: int, at: int) -> NDArray[Any]:
    layer: NDArray[Any] = np.moveaxis(data, axis, 0)[at]
    return layer


def _upright(layer: NDArray[Any]) -> NDArray[Any]:
    """Return a slice of a volume whose axes point right, anterior and superior, as rows from the top."""
    return layer[::-1, ::-1].T  # what is to the right or in front comes first, and so does what is above


def _window(ground: NDArray[Any] | None) -> tuple[float, float]:
    """Return which values are black and white."""
    if ground is None:
        return 0.0, 1.0
    seen = ground[::2, ::2, ::2]
    seen = seen[np.isfinite(seen)]
    tissue = seen[seen != np.median(seen)] if seen.size else seen
    if not tissue.size:
        return 0.0, 1.0
    low, high = np.percentile(tissue, PERCENTILES)
    return float(min(low, 0.0) if low > 0 else low), float(high)


def _grey(layer: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = window
    values = np.nan_to_num(layer.astype(np.float32), nan=low, posinf=high, neginf=low)
    shares = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(np.rint(shares * 255), np.uint8)


def _drawn(
    layer: NDArray[np.uint8], below: NDArray[np.uint8] | None, width_mm: float, height_mm: float
) -> Image.Image:
    """Return a slice in true proportions, its segments filled and outlined."""
    height, width = layer.shape
    scale = LONGEST_PX / max(width * width_mm, height * height_mm)
    size = max(round(width * width_mm * scale), 1), max(round(height * height_mm * scale), 1)
    ground = np.full(layer.shape, BLANK, np.uint8) if below is None else below
    grey = Image.fromarray(np.ascontiguousarray(ground)).resize(size, Image.Resampling.BILINEAR)
    large = Image.fromarray(np.ascontiguousarray(layer)).resize(size, Image.Resampling.NEAREST)
    codes = np.asarray(large)
    pixels = np.repeat(np.asarray(grey, np.float32)[..., None], 3, axis=2)
    for segment in SEGMENTS:
        mask = codes == CODES[segment]
        colour = np.array(COLOURS[segment], np.float32)
        pixels[mask] = (1 - FILLED) * pixels[mask] + FILLED * colour
        pixels[mask & ~ndimage.binary_erosion(mask)] = colour
    return Image.fromarray(np.asarray(np.rint(pixels), np.uint8))


def _mark(picture: Image.Image, marks: tuple[str, str]) -> None:
    """Write which side is which, halfway up."""
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(MARK_PX)
    middle = picture.height / 2
    for x, anchor, mark in (
        (MARGIN_PX, "lm", marks[0]),
        (picture.width - MARGIN_PX, "rm", marks[1]),
    ):
        pen.text(
            (x, middle), mark, fill="white", font=font, anchor=anchor, stroke_width=2, stroke_fill="black"
        )
