"""How far the chance a model gives its likeliest answer is from how often that is right.

One binning for every family: ten bins of equal mass, which bins of equal width are not near 1, where most
answers of a good model lie (Nixon et al., Measuring calibration in deep learning, CVPR workshops 2019).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BINS = 10

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Curve = list[tuple[float, float, float]]


def curve(confidence: Floats, right: Bools, weights: npt.NDArray[np.int64] | None = None) -> Curve:
    """Return mean confidence, share that is right and share of all, in ten bins of equal mass."""
    weights = np.ones(len(right), np.int64) if weights is None else weights
    order = np.argsort(confidence, kind="stable")
    mass = weights[order].astype(np.float64)
    before = np.cumsum(mass) - mass
    places = np.minimum((before * BINS / mass.sum()).astype(np.int64), BINS - 1)
    total = np.bincount(places, mass, BINS)
    filled = total > 0
    sure = np.bincount(places, mass * confidence[order], BINS)[filled] / total[filled]
    true = np.bincount(places, mass * right[order], BINS)[filled] / total[filled]
    share = total[filled] / mass.sum()
    return list(zip(sure.tolist(), true.tolist(), share.tolist(), strict=True))


def ece(bins: Sequence[tuple[float, float, float]]) -> float:
    """Return the expected calibration error of a curve."""
    return sum(share * abs(sure - true) for sure, true, share in bins)
