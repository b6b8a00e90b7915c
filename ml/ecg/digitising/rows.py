"""Where the curves of a page run, and where each begins and ends."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ml.ecg.digitising.following import Array
from ml.ecg.digitising.sheet import Sheet

_NEAR_MM = 3.0
_CLOSEST_MM = 9.0
_LEAST_SHARE = 0.55
_EDGE_MM = 4.0


def find_baselines(sheet: Sheet) -> list[float]:
    """Return the rows of the sheet that curves run along, from above.

    A curve has ink near its base line in nearly every column; letters and lines across do not.
    """
    ink = sheet.coverage >= sheet.inked
    near = ndimage.maximum_filter1d(ink, 2 * round(_NEAR_MM * sheet.scale) + 1, axis=0)
    columns = near.sum(axis=1).astype(np.float64)
    # Where a band of many columns is equally good, its ink decides.
    density = ndimage.gaussian_filter1d(ink.sum(axis=1).astype(np.float64), 0.5 * sheet.scale)
    edge = round(_EDGE_MM * sheet.scale)
    columns[:edge] = columns[len(columns) - edge :] = 0
    span = float(np.quantile(columns, 0.98))
    if span < 0.15 * ink.shape[1]:
        return []
    left, apart = columns.copy(), round(_CLOSEST_MM * sheet.scale)
    found: list[float] = []
    while left.max() >= _LEAST_SHARE * span:
        level = left.max()
        best = np.flatnonzero(left > 0.97 * level)
        at = int(best[np.argmax(density[best])])
        found.append(float(at))
        left[max(at - apart, 0) : at + apart + 1] = 0
    return sorted(found)


def extent(top: Array, scale: int, *, gap_mm: float = 4.0) -> tuple[int, int]:
    """Return first and last column of a followed curve, without what stands far to its side."""
    there = ~np.isnan(top)
    joined = ndimage.binary_closing(np.pad(there, 200), np.ones(round(gap_mm * scale)))[200:-200]
    labels, count = ndimage.label(joined)
    if not count:
        return 0, -1
    sizes = np.bincount(labels.ravel())[1:]
    columns = np.flatnonzero((labels == 1 + int(np.argmax(sizes))) & there)
    return int(columns[0]), int(columns[-1])


def find_pulses(heights_mm: npt.NDArray[np.float64], scale: int) -> tuple[tuple[int, int], float] | None:
    """Return first and last column of the calibration pulse and its height in millimetres.

    Parameters
    ----------
    heights_mm : ndarray, shape (curves, columns)
        Of each curve above its own base line; NaN where it is not.

    Notes
    -----
    All curves do the same there and nowhere else: a flat top 5, 10 or 20 mm high and 2.5 to 6 mm wide.
    """
    with np.errstate(invalid="ignore"):
        middle = np.nanmedian(np.where(np.isnan(heights_mm).all(axis=0), 0.0, heights_mm), axis=0)
        agree = (np.abs(heights_mm - middle) < 0.8).mean(axis=0) >= 0.7
    for height in (10.0, 5.0, 20.0):
        flat = agree & (np.abs(middle - height) < 0.08 * height + 0.2)
        labels, count = ndimage.label(ndimage.binary_closing(np.pad(flat, 5), np.ones(3))[5:-5])
        for index in range(1, count + 1):
            columns = np.flatnonzero(labels == index)
            if 2.0 * scale <= len(columns) <= 7.0 * scale:
                return (int(columns[0]), int(columns[-1])), float(np.median(middle[columns]))
    return None
