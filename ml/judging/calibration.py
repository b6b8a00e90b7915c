"""How far the chance a model gives its likeliest answer is from how often that is right.

One binning for every family: ten bins of equal mass, which bins of equal width are not near 1, where most
answers of a good model lie (Nixon et al., Measuring calibration in deep learning, CVPR workshops 2019).

The error is a sum of distances, so that whatever chance adds makes it larger: a resample's is larger than the
sample's, which is larger than the truth. No shift of the resamples' percentiles makes that good where a model
is calibrated, since the error then lies where it cannot fall (of BCa, the interval held no truth of 0 in
hundreds of tries). But the error is a norm of the bins' differences, and the norms of two vectors lie no
farther apart than the norm of what lies between them: so the interval is the error, give or take how far, in
that norm, the differences of 95 % of the resamples lie from the sample's. It is exact where a model is
calibrated, and wider than need be where it is not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.judging.resampling import expanded, resampled

BINS = 10
CONFIDENCE = 0.95

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Curve = list[tuple[float, float, float]]


def curve(confidence: Floats, right: Bools, weights: npt.NDArray[np.int64] | None = None) -> Curve:
    """Return mean confidence, share that is right and share of all, in ten bins of equal mass."""
    weights = np.ones(len(right), np.int64) if weights is None else weights
    places = _places(confidence, weights)
    total = np.bincount(places, weights, BINS)
    filled = total > 0
    sure = np.bincount(places, weights * confidence.astype(np.float64), BINS)[filled] / total[filled]
    true = np.bincount(places, weights * right, BINS)[filled] / total[filled]
    share = total[filled] / weights.sum()
    return list(zip(sure.tolist(), true.tolist(), share.tolist(), strict=True))


def ece(bins: Sequence[tuple[float, float, float]]) -> float:
    """Return the expected calibration error of a curve."""
    return sum(share * abs(sure - true) for sure, true, share in bins)


def ece_interval(confidence: Floats, right: Bools, clusters: npt.NDArray[Any]) -> tuple[float, float]:
    """Return where the expected calibration error is, but for chance, at 95 %: at least so often.

    Parameters
    ----------
    clusters
        Whose each example is; what one has says nothing of others.
    """
    names, whose = np.unique(clusters, return_inverse=True)
    if len(names) == 1:
        return 0.0, 1.0
    places = whose * BINS + _places(confidence, np.ones(len(right), np.int64))
    gaps = np.bincount(places, confidence.astype(np.float64) - right, len(names) * BINS).reshape(-1, BINS)
    sums = np.column_stack([gaps, np.bincount(whose)])

    def shares(added: Floats) -> Floats:
        return added[..., :BINS] / added[..., BINS:]

    found, drawn = shares(sums.sum(axis=0)), shares(resampled(sums))
    error = float(np.abs(found).sum())
    within = 1 - 2 * expanded((1 - CONFIDENCE) / 2, len(names))  # the differences go either way
    away = float(np.quantile(np.abs(drawn - found).sum(axis=1), within))
    return max(0.0, error - away), min(1.0, error + away)


def _places(confidence: Floats, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the bin of each."""
    order = np.argsort(confidence, kind="stable")
    mass = weights[order].astype(np.float64)
    places = np.empty(len(order), np.int64)
    places[order] = np.minimum(((np.cumsum(mass) - mass) * BINS / mass.sum()).astype(np.int64), BINS - 1)
    return places
