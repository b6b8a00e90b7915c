"""The paper laid flat: what the pen covered, on its own millimetres, with the grid taken away."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from ml.ecg.digitising.grid import BOLD_MM, Grid, Matrix, mapped
from ml.ecg.digitising.picture import Darkness, Floats

_SCALES = (8, 12, 16)
_FINER = 1.9
"""Pixels of the sheet for one of the picture: where curves are steep, edges lie between its pixels."""
_WIDEST_MM, _TALLEST_MM = 440.0, 330.0
_NEIGHBOURHOOD = 6
_LEAST_CONTRAST = 0.15
_INKED, _INKED_COARSE, _COARSE_PX_MM = 0.5, 0.4, 6.0


@dataclass(frozen=True, eq=False)
class Sheet:
    """What the pen covered.

    Attributes
    ----------
    coverage : ndarray of float32, shape (rows, columns)
        0 for paper and grid, 1 for ink; pixel (0, 0) has its centre at `left_mm`, `top_mm` of the grid.
    scale : int
        Pixels a millimetre.
    inked : float
        The coverage from which a pixel is ink; less in a coarse picture, whose pixels the pen does not fill.
    to_pixels : ndarray, shape (3, 3)
        From the grid's millimetres to pixels of the picture.
    """

    coverage: Floats
    scale: int
    left_mm: float
    top_mm: float
    inked: float
    to_pixels: Matrix

    def in_picture(self, column: npt.ArrayLike, row: npt.ArrayLike) -> tuple[Matrix, Matrix]:
        """Return where pixels of the sheet lie in the picture."""
        u = self.left_mm + np.asarray(column, np.float64) / self.scale
        v = self.top_mm + np.asarray(row, np.float64) / self.scale
        return mapped(self.to_pixels, u, v)

    def from_picture(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Matrix, Matrix]:
        """Return where pixels of the picture lie on the sheet: column and row."""
        u, v = mapped(np.asarray(np.linalg.inv(self.to_pixels), np.float64), x, y)
        return (u - self.left_mm) * self.scale, (v - self.top_mm) * self.scale


def flatten(dark: Darkness, grid: Grid) -> Sheet:
    """Lay the gridded part of a picture flat and take the grid away."""
    scale = next((each for each in _SCALES if each >= _FINER * grid.pixels_per_mm), _SCALES[-1])
    left, top = (BOLD_MM * np.floor(side / BOLD_MM) for side in grid.extent_mm[:2])
    width = min(BOLD_MM * np.ceil((grid.extent_mm[2] - left) / BOLD_MM), _WIDEST_MM)
    height = min(BOLD_MM * np.ceil((grid.extent_mm[3] - top) / BOLD_MM), _TALLEST_MM)
    size = (round(width * scale), round(height * scale))
    onto_mm = np.array([[1 / scale, 0, left], [0, 1 / scale, top], [0, 0, 1]])
    flat = _warped(dark.pen, grid.to_pixels @ onto_mm, size)
    paper = _periodic(flat, round(BOLD_MM * scale))
    inked = _INKED if grid.pixels_per_mm >= _COARSE_PX_MM else _INKED_COARSE
    return Sheet(_coverage(flat, paper), scale, float(left), float(top), inked, grid.to_pixels)


def _warped(values: Floats, to_source: Matrix, size: tuple[int, int]) -> Floats:
    """Sample an image at the places a projective map gives; what lies outside it is 0."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # Pillow counts from corners, we from centres
    matrix = half @ to_source @ np.linalg.inv(half)
    moved = Image.fromarray(values).transform(
        size,
        Image.Transform.PERSPECTIVE,
        (matrix / matrix[2, 2]).ravel()[:8].tolist(),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(moved, np.float32)


def _periodic(flat: Floats, tile: int) -> Floats:
    """Return what repeats every 5 mm around each place: the median over neighbouring tiles."""
    rows, columns = flat.shape[0] // tile, flat.shape[1] // tile
    tiles = flat[: rows * tile, : columns * tile].reshape(rows, tile, columns, tile)
    paper = np.zeros_like(tiles)
    for top in _starts(rows):
        for left in _starts(columns):
            area = np.s_[top : top + _NEIGHBOURHOOD, :, left : left + _NEIGHBOURHOOD, :]
            paper[area] = np.median(tiles[area], axis=(0, 2), keepdims=True)
    return paper.reshape(rows * tile, columns * tile)


def _starts(count: int) -> list[int]:
    """Return where neighbourhoods begin; the last may overlap the one before, so that none is small."""
    return [*range(0, max(count - _NEIGHBOURHOOD, 0), _NEIGHBOURHOOD), max(count - _NEIGHBOURHOOD, 0)]


def _coverage(flat: Floats, paper: Floats) -> Floats:
    """Return how much of each pixel is pen, given how dark the pen is and what lies below it."""
    added = flat - paper
    edge = max(added.shape[1] // 20, 1)
    pen = float(np.median(ndimage.uniform_filter1d(added, 3, axis=1)[:, edge:-edge].max(axis=0)))
    room = np.maximum(pen - paper, max(_LEAST_CONTRAST, 0.3 * pen))
    return np.asarray(np.clip(added / room, 0, 1), np.float32)
