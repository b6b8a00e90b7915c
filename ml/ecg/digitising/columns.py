"""Where a page's rows change from one lead to the next."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ml.ecg.digitising.following import Array
from ml.ecg.digitising.sheet import Sheet

_FOOT_MM = 4.0
BESIDE_MM, ASTRAY_MM = 2.5, 8.0
_TICK_MM = (1.0, 9.0)
_LEAST_TICK_MM = 1.5


@dataclass(frozen=True)
class Span:
    """First and last column that curves take, and the pulse's, where there is one."""

    first: int
    last: int
    pulse: tuple[int, int] | None = None


def begin(span: Span, total: float, scale: int, inked: npt.NDArray[np.bool_]) -> float:
    """Return the column that ten seconds begin at.

    Parameters
    ----------
    span : Span
        What the curves take, the pulse with them.
    total : float
        Columns that all leads of a row should take.
    scale : int
        Columns a millimetre.
    inked : ndarray of bool, shape (columns,)
        Where the curves have ink.

    Notes
    -----
    Behind the pulse there is a foot of unknown length. Where the curves end tells, if they are whole;
    else a gap; else they begin with the pulse's edge.
    """
    if span.pulse is None or span.pulse[0] > (span.first + span.last) / 2:
        return float(span.first)
    edge = span.pulse[1] + 1
    start = span.last + 1 - total
    if edge - 0.7 * scale <= start <= edge + _FOOT_MM * scale:
        return start
    foot = inked[edge : edge + round(_FOOT_MM * scale)]
    gap = np.flatnonzero(~foot)
    if gap.size:
        beyond = np.flatnonzero(foot[gap[-1] :])
        return float(edge + gap[-1] + (beyond[0] if beyond.size else 0))
    return float(edge)


def settle(start: float, pitch: float, count: int, marks: Array, reach: float) -> float:
    """Move the beginning, by `reach` columns at most, to where leads meet at the marks printed there."""
    if count < 2:
        return start
    moves = np.arange(-reach, reach + 0.1, 0.25)
    heights = [
        np.interp(start + index * pitch + moves, np.arange(len(marks)), marks) for index in range(1, count)
    ]
    together = np.mean(heights, axis=0)
    if together.max() < 1:
        return start
    # The middle of the mark: it is some pixels wide.
    wide = together > 0.5 * together.max()
    labels, _ = ndimage.label(wide)
    wide = labels == labels[int(np.argmax(together))]
    return start + float(np.average(moves[wide], weights=together[wide]))


def marks(sheet: Sheet, baselines: list[float], tops: list[Array]) -> Array:
    """Return how much thin ink stands upright beside the curves of most rows, 1 for a mark's least."""
    near, far = (round(side * sheet.scale) for side in _TICK_MM)
    amounts = []
    for baseline, top in zip(baselines, tops, strict=True):
        middle = round(baseline)
        band = sheet.coverage[max(middle - far, 0) : middle + far + 1] >= sheet.inked
        curve = np.where(np.isnan(top), middle, top) - max(middle - far, 0)
        rows = np.arange(len(band))[:, None]
        amounts.append((band & (np.abs(rows - curve[None, :]) > near)).sum(axis=0))
    amount = np.median(amounts, axis=0)
    # A mark is thin: what is as tall a little to its side is a letter or a wave.
    beside = round(1.2 * sheet.scale)
    padded = np.pad(amount, beside, mode="edge")
    thin = amount - np.maximum(padded[: -2 * beside], padded[2 * beside :])
    return np.asarray(np.maximum(thin, 0) / (_LEAST_TICK_MM * sheet.scale), np.float64)
