"""Antialiased curves: a round pen following a function of x, to an eighth of a pixel, at a bounded cost."""

import numpy as np
import numpy.typing as npt

_SUBCOLUMNS = 8

Floats = npt.NDArray[np.float64]


def stroke(x: Floats, y: Floats, *, shape: tuple[int, int], pen: float) -> npt.NDArray[np.float32]:
    """Draw a curve with a round pen.

    Parameters
    ----------
    x, y : ndarray of float, shape (n,)
        Pixel coordinates, x never decreasing; pixel 0 covers 0 to 1. NaN in y lifts the pen.
    shape : (height, width)
        Of the result; what lies outside is not drawn.
    pen : float
        Width of the line in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width)
        The part of each pixel that is covered, 0 to 1.
    """
    height, width = shape
    top, bottom = _spans(x, y, width * _SUBCOLUMNS)
    top, bottom = _thickened(top, bottom, pen / 2)
    coverage = np.zeros((height, width), np.float32)
    drawn = top < bottom
    if not drawn.any():
        return coverage
    first, last = max(int(top[drawn].min()), 0), min(int(bottom[drawn].max()) + 1, height)
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    for sub in range(_SUBCOLUMNS):
        upper = np.maximum(rows, top[sub::_SUBCOLUMNS].astype(np.float32))
        lower = np.minimum(rows + 1, bottom[sub::_SUBCOLUMNS].astype(np.float32))
        coverage[first:last] += np.clip(lower - upper, 0, 1) / _SUBCOLUMNS
    return coverage


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
