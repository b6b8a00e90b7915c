"""A stretch of a lead as a line to draw."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

FINEST_HZ = 250.0
"""A line is drawn through so many points a second at most."""


def svg_path(millivolts: npt.NDArray[np.float32], rate_hz: float) -> str:
    """Return a lead as SVG path data: a unit is 1 ms to the right, 1 µV down, from the lead's median.

    Where the machine recorded nothing the line is interrupted.
    """
    step = max(round(rate_hz / FINEST_HZ), 1)
    values = millivolts[::step]
    there = np.isfinite(values)
    if not there.any():
        return ""
    x = np.rint(np.arange(len(values)) * step / rate_hz * 1000).astype(int)
    y = np.rint((np.median(values[there]) - np.where(there, values, 0)) * 1000).astype(int)
    edges = np.flatnonzero(np.diff(there.astype(int), prepend=0, append=0))
    pieces = [range(start, stop) for start, stop in pairwise(edges) if there[start]]
    return "".join("M" + "L".join(f"{x[at]} {y[at]}" for at in piece) for piece in pieces)
