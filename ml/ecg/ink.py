"""Antialiased curves: a round pen following a function of x, to an eighth of a pixel, at a bounded cost."""

from itertools import pairwise
from math import ceil

import numpy as np
import numpy.typing as npt

_SUBCOLUMNS = 8

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def stroke(canvas: npt.NDArray[np.float32], x: Floats, y: Floats, *, pen: float) -> None:
    """Draw a curve with a round pen onto a canvas, over what is there.

    Parameters
    ----------
    canvas : ndarray of float32, shape (height, width)
        How much of each pixel is covered, 0 to 1; what lies outside is not drawn.
    x, y : ndarray of float, shape (n,)
        Pixel coordinates, x never decreasing; pixel 0 covers 0 to 1. NaN in y lifts the pen.
    pen : float
        Width of the line in pixels.
    """
    height, width = canvas.shape
    top, bottom = _thickened(*_spans(x, y, width * _SUBCOLUMNS), pen / 2)
    top, bottom = np.clip(top, 0, height), np.clip(bottom, 0, height)
    drawn = np.flatnonzero(top < bottom)
    if drawn.size:
        first, last = int(top[drawn].min()), ceil(bottom[drawn].max())
        coverage = _filled(
            drawn // _SUBCOLUMNS, top[drawn] - first, bottom[drawn] - first, (last - first, width)
        )
        np.maximum(canvas[first:last], coverage, out=canvas[first:last])


def _filled(column: Places, top: Floats, bottom: Floats, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return how spans cover pixels: each writes where coverage begins and ends, and a running sum fills."""
    change = np.zeros((shape[0] + 2, shape[1]), np.float32)
    for edge, sign in ((top, 1 / _SUBCOLUMNS), (bottom, -1 / _SUBCOLUMNS)):
        row = edge.astype(np.int64)
        np.add.at(change, (row, column), sign * (1 - (edge - row)))
        np.add.at(change, (row + 1, column), sign * (edge - row))
    # np.cumsum along the first axis walks column by column: five times as long on a tall canvas.
    for above, below in pairwise(change):
        np.add(below, above, out=below)
    return change[: shape[0]]


def _spans(x: Floats, y: Floats, columns: int) -> tuple[Floats, Floats]:
    """Return the curve's least and greatest y within each subcolumn; infinite where there is no curve."""
    top, bottom = np.full(columns, np.inf), np.full(columns, -np.inf)
    present = np.flatnonzero(~np.isnan(y))
    for run in np.split(present, np.flatnonzero(np.diff(present) > 1) + 1):
        if run.size:
            _add_run(x[run] * _SUBCOLUMNS, y[run], top, bottom)
    return top, bottom


def _add_run(x: Floats, y: Floats, top: Floats, bottom: Floats) -> None:
    edges = np.arange(np.ceil(x[0]), np.floor(x[-1]) + 1)
    crossing = np.interp(edges, x, y)
    for places, heights in ((np.floor(x), y), (edges, crossing), (edges - 1, crossing)):
        index = places.astype(np.int64)
        inside = (index >= 0) & (index < top.size)
        np.minimum.at(top, index[inside], heights[inside])
        np.maximum.at(bottom, index[inside], heights[inside])


def _thickened(top: Floats, bottom: Floats, radius: float) -> tuple[Floats, Floats]:
    reach = int(radius * _SUBCOLUMNS)
    padded_top = np.pad(top, reach, constant_values=np.inf)
    padded_bottom = np.pad(bottom, reach, constant_values=-np.inf)
    offsets = range(-reach, reach + 1)
    half = [float(np.sqrt(radius**2 - (offset / _SUBCOLUMNS) ** 2)) for offset in offsets]
    upper = [padded_top[i : i + top.size] - half[i] for i in range(len(half))]
    lower = [padded_bottom[i : i + top.size] + half[i] for i in range(len(half))]
    return np.min(upper, axis=0), np.max(lower, axis=0)
