"""Whole patients drawn anew, and the bounds that come of it.

What one patient says is not so many independent examples, so patients are drawn, not examples (Efron &
Tibshirani, An introduction to the bootstrap, 1993, ch. 8; Field & Welsh, Bootstrapping clustered data, J R
Stat Soc B 69:369, 2007). Of few patients the plain percentiles are too near: a resample varies by (n-1)/n as
much as a sample does, and has the normal distribution's tails. Hesterberg's expanded percentiles make both
good, so that of means the bounds are nearly Student's (What teachers should know about the bootstrap, Am Stat
69:371, 2015).
"""

from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2_000
_AT_ONCE = 100
"""Resamples that are in memory together: there may be a hundred thousand visits."""

Floats = npt.NDArray[np.float64]


def resampled(sums: npt.NDArray[Any]) -> Floats:
    """Return what resamples add up to, shape (RESAMPLES, ...), of each cluster's sums, shape (n, ...).

    The same ones each time, so that a verdict can be had again.
    """
    n, *shape = sums.shape
    flat, share = sums.reshape(n, -1).astype(np.float64), np.full(n, 1 / n)
    generator = np.random.default_rng(0)
    drawn = [
        generator.multinomial(n, share, _AT_ONCE).astype(np.float64) @ flat
        for _ in range(RESAMPLES // _AT_ONCE)
    ]
    return np.concatenate(drawn).reshape(RESAMPLES, *shape)


def bound(figures: npt.NDArray[Any], share: float, n: int) -> float:
    """Return what a share of all figures is below, by resamples of n clusters."""
    return float(np.quantile(figures, expanded(share, n)))


def expanded(share: float, n: int) -> float:
    """Return the share of resamples of n clusters, two at least, that stands for a share of all figures."""
    from scipy.special import ndtr, stdtrit  # noqa: PLC0415 - SciPy, with the first bound

    return float(ndtr(sqrt(n / (n - 1)) * stdtrit(n - 1, share)))
