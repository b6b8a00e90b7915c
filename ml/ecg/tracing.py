"""A stretch of a lead as a line to draw."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FINEST_HZ = 250.0
"""A line is drawn through so many points a second at most."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """A lead to draw, about its median.

    Parameters
    ----------
    path : str
        SVG path data: a unit is 1 ms to the right, 1 µV down. Interrupted where nothing was recorded.
    lowest_mv, highest_mv : float
        What it reaches.
    """

    path: str = ""
    lowest_mv: float = 0.0
    highest_mv: float = 0.0


def tracing(millivolts: npt.NDArray[np.float32], rate_hz: float) -> Tracing:
    """Return a lead to draw."""
    step = max(round(rate_hz / FINEST_HZ), 1)
    values = millivolts[::step]
    there = np.isfinite(values)
    if not there.any():
        return Tracing()
    x = np.rint(np.arange(len(values)) * step / rate_hz * 1000).astype(int)
    y = np.rint((np.median(values[there]) - np.where(there, values, 0)) * 1000).astype(int)
    edges = np.flatnonzero(np.diff(there.astype(int), prepend=0, append=0))
    pieces = [range(start, stop) for start, stop in pairwise(edges) if there[start]]
    path = "".join("M" + "L".join(f"{x[at]} {y[at]}" for at in piece) for piece in pieces)
    return Tracing(path, -y[there].max() / 1000, -y[there].min() / 1000)
