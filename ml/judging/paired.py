"""Two models on the same held-out examples: by how much a figure differs, and how sure that is.

Whole patients are drawn anew (`ml/judging/resampling.py`), the same ones for both models, so that what the
two share cancels out. The challenger is non-inferior where the lower bound of its gain, one-sided at 5 %, is
above minus the margin (FDA, Non-inferiority clinical trials to establish effectiveness, 2016, IV).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.judging.resampling import bound, resampled

ALPHA = 0.05

Indices = npt.NDArray[np.integer]
Counts = npt.NDArray[Any]
Figures = npt.NDArray[Any]


@dataclass(frozen=True)
class Measure:
    """The figure by which a family's models are told apart.

    Parameters
    ----------
    name
        As a verdict calls it.
    of
        Returns it of what is summed over patients: of counts, shape (..., n_classes, n_classes), whose rows
        are the truth, or of whatever a family adds up.
    margin
        By how much a challenger may be worse.
    falls
        Whether less is better.
    """

    name: str
    of: Callable[[Counts], Figures]
    margin: float
    falls: bool = False


@dataclass(frozen=True)
class Gain:
    """A figure of both, by how much the challenger's is better, and what that is at least (95 %)."""

    champion: float
    challenger: float
    value: float
    low: float


def gain(  # noqa: PLR0913, PLR0917 - two models' answers beside the truth
    measure: Measure,
    truth: Indices,
    champion: Indices,
    challenger: Indices,
    clusters: Indices,
    n_classes: int,
) -> Gain:
    """Return by how much a challenger is better.

    Parameters
    ----------
    truth, champion, challenger
        Classes as places, of each example.
    clusters
        Whose each example is.
    """
    names, whose = np.unique(clusters, return_inverse=True)
    shape = (len(names), n_classes, n_classes)
    counts = [
        _counts(truth, said, whose, len(names), n_classes).reshape(shape) for said in (champion, challenger)
    ]
    return gain_of(measure, *counts)


def gain_of(measure: Measure, champion: Counts, challenger: Counts) -> Gain:
    """Return by how much a challenger is better, from what either adds up to in each cluster.

    Parameters
    ----------
    champion, challenger
        Of shape (clusters, ...): what `measure` takes, patient by patient; two clusters at least.
    """
    both = np.stack([champion, challenger], axis=1)
    sign = -1 if measure.falls else 1
    before, after = np.asarray(measure.of(both.sum(axis=0))).tolist()
    drawn = np.asarray(measure.of(resampled(both)))
    low = bound(sign * (drawn[:, 1] - drawn[:, 0]), ALPHA, len(both))
    return Gain(before, after, sign * (after - before), low)


def macro_f1(counts: Counts) -> Figures:
    """Return the mean F1 of the classes there are examples of."""
    there, called = counts.sum(axis=-1), counts.sum(axis=-2)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    f1 = 2 * right / np.maximum(there + called, 1)
    return np.asarray((f1 * (there > 0)).sum(axis=-1) / np.maximum((there > 0).sum(axis=-1), 1))


def mean_cost(costs: Figures) -> Callable[[Counts], Figures]:
    """Return the measure of what answers cost on average; rows of `costs` are the truth."""
    return lambda counts: np.asarray((counts * costs).sum(axis=(-2, -1)) / counts.sum(axis=(-2, -1)))


def recalls(truth: Indices, said: Indices, n_classes: int) -> tuple[Figures, Indices]:
    """Return how often each class is found, and how many examples it has."""
    support = np.bincount(truth, minlength=n_classes)
    right = np.bincount(truth[truth == said], minlength=n_classes)
    return right / np.maximum(support, 1), support


def _counts(truth: Indices, said: Indices, whose: Indices, n: int, n_classes: int) -> npt.NDArray[np.int64]:
    """Return each cluster's confusion matrix as one row."""
    places = whose * n_classes**2 + truth * n_classes + said
    return np.bincount(places, minlength=n * n_classes**2).reshape(n, n_classes**2)
