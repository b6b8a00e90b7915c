"""Following a curve across the sheet: which ink of each column is its own, and where the pen's middle was."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ml.ecg.digitising.sheet import Sheet

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_JUMP, _SKIP, _AWAY = 1.0, 1.2, 0.02
"""Costs, a millimetre each: of a leap between inks, of columns without any, of keeping off the base line."""
_MEMORY_MM = 1.6
_PIN = 1e6
_AT_POINT_MM, _DOT_MM = 0.4, 0.15
_FINER = 4
"""Places a column at which the pen is rolled back."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Every unbroken stretch of ink in every column of a sheet, column by column.

    Attributes
    ----------
    column : ndarray of int
        Ascending.
    top, bottom : ndarray of float
        Where coverage passes `Sheet.inked`, in rows of the sheet, to a fraction of one.
    first : ndarray of int, shape (columns + 1,)
        Where each column's runs begin.
    """

    column: Indices
    top: Array
    bottom: Array
    first: Indices


class Envelope(NamedTuple):
    """The upper and lower edge of a curve's ink in each column; NaN where it has none."""

    top: Array
    bottom: Array


def find_runs(sheet: Sheet) -> Runs:
    """Return the runs of a sheet."""
    turned = np.ascontiguousarray(sheet.coverage.T)
    columns, rows = turned.shape
    padded = np.zeros((columns, rows + 2), np.float32)
    padded[:, 1:-1] = turned
    inked = padded >= sheet.inked
    column, before = np.nonzero(inked[:, 1:] & ~inked[:, :-1])
    _, last = np.nonzero(inked[:, :-1] & ~inked[:, 1:])
    outer, inner = padded[column, before], padded[column, before + 1]
    top = before + (sheet.inked - outer) / (inner - outer) - 1
    inner, outer = padded[column, last], padded[column, last + 1]
    bottom = last + (inner - sheet.inked) / (inner - outer) - 1
    first = np.searchsorted(column, np.arange(columns + 1))
    return Runs(column, top.astype(np.float64), bottom.astype(np.float64), first)


def within(runs: Runs, top: float, bottom: float) -> tuple[Runs, Indices]:
    """Return the runs that reach into a band of rows, and which of all they are."""
    kept = np.flatnonzero((runs.bottom >= top) & (runs.top <= bottom))
    first = np.searchsorted(runs.column[kept], np.arange(len(runs.first)))
    return Runs(runs.column[kept], runs.top[kept], runs.bottom[kept], first), kept


def with_points(
    runs: Runs, names: Indices, points: Sequence[tuple[float, float]], scale: int
) -> tuple[Runs, Indices, npt.NDArray[np.bool_]]:
    """Return runs with a dot of ink wherever a point has none, and which of them points lie on.

    A dot is nobody's run: its name is -1.
    """
    column, top, bottom = runs.column, runs.top, runs.bottom
    near, dot = _AT_POINT_MM * scale, _DOT_MM * scale
    wide = round(near)  # a dot narrower than the pen would be rolled over
    spots = [(round(x) + beside, y) for x, y in points for beside in range(-wide, wide + 1)]
    spots = [spot for spot in spots if 0 <= spot[0] < len(runs.first) - 1]
    for spot in spots:
        if not _on_point(column, top, bottom, spot, near).any():
            place = int(np.searchsorted(column, spot[0]))
            column = np.insert(column, place, spot[0])
            top, bottom = np.insert(top, place, spot[1] - dot), np.insert(bottom, place, spot[1] + dot)
            names = np.insert(names, place, -1)
    pinned = np.zeros(len(column), np.bool_)
    for spot in spots:
        pinned |= _on_point(column, top, bottom, spot, near)
    first = np.searchsorted(column, np.arange(len(runs.first)))
    return Runs(column, top, bottom, first), names, pinned


def _on_point(
    column: Indices, top: Array, bottom: Array, point: tuple[int, float], near: float
) -> npt.NDArray[np.bool_]:
    return np.asarray((column == point[0]) & (top - near <= point[1]) & (point[1] <= bottom + near))


def follow(runs: Runs, baseline: float, scale: int, pinned: npt.NDArray[np.bool_]) -> Indices:
    """Return the run that a curve takes in each column, -1 where it takes none.

    Notes
    -----
    The cheapest path from the first column to the last: ink that touches the ink before costs nothing, a
    leap costs its height, a column passed over its width, and straying from the base line a little, so that
    a gap does not lead to a neighbour's curve. It goes through what is `pinned`, whatever that costs.
    """
    columns = len(runs.first) - 1
    chosen = np.full(columns, -1, np.int64)
    total = len(runs.column)
    if not total:
        return chosen
    jump, skip, away = _JUMP / scale, _SKIP / scale, _AWAY / scale / scale
    memory = max(round(_MEMORY_MM * scale), 2)
    middle = (runs.top + runs.bottom) / 2
    beside = np.maximum(np.maximum(runs.top - baseline, baseline - runs.bottom), 0)
    own = away * np.minimum(np.abs(middle - baseline), beside + scale)
    own = own - _PIN * pinned
    cost, origin = np.empty(total), np.full(total, -1, np.int64)
    filled = np.flatnonzero(np.diff(runs.first))
    previous = -1
    for column in filled.tolist():
        start, stop = runs.first[column], runs.first[column + 1]
        here = skip * column + 0.3 * jump * beside[start:stop]
        if previous >= 0:
            low = min(runs.first[max(column - memory, 0)], runs.first[previous])
            gap = np.maximum(
                runs.top[start:stop, None] - runs.bottom[None, low:start],
                runs.top[None, low:start] - runs.bottom[start:stop, None],
            )
            reached = cost[None, low:start] + skip * (column - 1 - runs.column[None, low:start])
            reached = reached + jump * np.maximum(gap, 0)
            best = reached.argmin(axis=1)
            cheapest = reached[np.arange(stop - start), best]
            better = cheapest < here
            here = np.where(better, cheapest, here)
            origin[start:stop] = np.where(better, low + best, -1)
        cost[start:stop] = here + own[start:stop]
        previous = column
    at = int(np.argmin(cost + skip * (columns - 1 - runs.column)))
    while at >= 0:
        chosen[runs.column[at]] = at
        at = origin[at]
    return chosen


def envelope(runs: Runs, chosen: Indices) -> Envelope:
    """Return the edges of the runs a curve takes."""
    there = chosen >= 0
    top = np.where(there, runs.top[chosen], np.nan)
    return Envelope(top, np.where(there, runs.bottom[chosen], np.nan))


def settle_shared(
    edges: Sequence[Envelope], taken: Sequence[Indices]
) -> list[tuple[Envelope, npt.NDArray[np.bool_]]]:
    """Give ink that several curves took to the one that was on its way there, and say where that was.

    Where a tall wave crosses the next row, its ink and that row's are one. The curve whose ink is tall on
    both sides of the crossing is the wave; the other runs on beneath, unseen.
    """
    heights = [np.nan_to_num(each.bottom - each.top) for each in edges]
    tops, bottoms = [each.top.copy() for each in edges], [each.bottom.copy() for each in edges]
    shared = [np.zeros(len(each.top), np.bool_) for each in edges]
    for one, other in combinations(range(len(edges)), 2):
        together = (taken[one] >= 0) & (taken[one] == taken[other])
        labels, count = ndimage.label(together)
        for index in range(1, count + 1):
            columns = np.flatnonzero(labels == index)
            before, after = int(columns[0]), int(columns[-1])
            beside = [before - 1, max(before - 2, 0), after + 1, after + 2]
            beside = [at for at in beside if 0 <= at < len(together) and not together[at]]
            reach = [max((float(heights[curve][at]) for at in beside), default=0.0) for curve in (one, other)]
            loser = other if reach[0] >= reach[1] else one
            tops[loser][columns] = bottoms[loser][columns] = np.nan
            shared[one][columns] = shared[other][columns] = True
    return [(Envelope(*sides), where) for *sides, where in zip(tops, bottoms, shared, strict=True)]


def pen_middle(edges: Envelope, radius: float) -> Array:
    """Return the path of a round pen's middle from the edges of its ink; NaN where there is none.

    Notes
    -----
    A pen that follows y(x) inks from the least to the greatest y it has nearby, and its own radius. Rolling
    the pen back along the upper edge gives y but for downward spikes, which it fills; along the lower edge,
    but for upward ones. Their sum, less what has both filled, has both.
    """
    there = ~np.isnan(edges.top)
    if there.sum() < 2:
        return np.full(len(there), np.nan)
    at = np.arange(len(there))
    fine = np.arange((len(there) - 1) * _FINER + 1) / _FINER
    top, bottom = (np.interp(fine, at[there], side[there]) for side in edges)
    middle = (top + bottom) / 2
    # A line thinner than the pen has lost ink on both sides.
    top, bottom = np.minimum(top, middle - radius), np.maximum(bottom, middle + radius)
    above = _greatest(top, radius)
    below = _least(bottom, radius)
    filled = (_greatest(_least(below, radius), radius) + _least(_greatest(above, radius), radius)) / 2
    return np.where(there, (above + below - filled)[::_FINER], np.nan)


def _greatest(edge: Array, radius: float) -> Array:
    """Return the lowest place of a pen's middle whose ink reaches up to an edge and nowhere beyond."""
    return np.asarray(np.maximum.reduce(_over_pen(edge, radius, 1)))


def _least(edge: Array, radius: float) -> Array:
    """Return the same from the other side."""
    return np.asarray(np.minimum.reduce(_over_pen(edge, radius, -1)))


def _over_pen(values: Array, radius: float, sign: int) -> list[Array]:
    """Return values moved to each side by as much as the pen is wide, and by half its height there."""
    reach = int(radius * _FINER)
    padded = np.pad(values, reach, mode="edge")
    return [
        padded[reach + d : reach + d + len(values)] + sign * np.sqrt(radius**2 - (d / _FINER) ** 2)
        for d in range(-reach, reach + 1)
    ]
