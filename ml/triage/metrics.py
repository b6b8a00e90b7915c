"""How well triage agrees with experts: who is put too low or too high, and what chances are worth."""

import numpy as np
from numpy.typing import NDArray

from ml.judging.calibration import curve, ece
from ml.triage.levels import KTAS
from ml.triage.model import Bools, Levels
from ml.triage.trees import Floats

EMERGENCY = 3
"""KTAS 1 to 3 are emergencies."""
VERY_URGENT = 2


def accuracy(expert: Levels, said: Levels) -> float:
    """Return the share of visits given the expert's level."""
    return float((expert == said).mean())


def weighted_kappa(expert: Levels, said: Levels) -> float:
    """Return Cohen's kappa with quadratic weights."""
    counts = confusion(expert, said).astype(np.float64)
    steps = np.arange(len(KTAS))
    weights = (steps[:, np.newaxis] - steps) ** 2
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return float(1 - (weights * counts).sum() / (weights * expected).sum())


def confusion(expert: Levels, said: Levels) -> NDArray[np.int64]:
    """Return how often each level (rows) was given each (columns)."""
    counts = np.zeros((len(KTAS), len(KTAS)), np.int64)
    np.add.at(counts, (expert - 1, said - 1), 1)
    return counts


def macro(expert: Levels, said: Levels) -> tuple[float, float, float]:
    """Return precision, recall and F1, each the mean over the levels the experts gave."""
    counts = confusion(expert, said)
    right = counts.diagonal()
    given, answered = counts.sum(axis=1), counts.sum(axis=0)
    there = given > 0
    precision = right / np.maximum(answered, 1)
    recall = right / np.maximum(given, 1)
    f1 = 2 * right / np.maximum(given + answered, 1)
    return float(precision[there].mean()), float(recall[there].mean()), float(f1[there].mean())


def under_triage(expert: Levels, said: Levels) -> float:
    """Return the share of visits put lower than the expert did."""
    return float((said > expert).mean())


def over_triage(expert: Levels, said: Levels) -> float:
    """Return the share of visits put higher than the expert did."""
    return float((said < expert).mean())


def emergencies_missed(expert: Levels, said: Levels) -> float:
    """Return the share of the expert's KTAS 1-3 that were put at 4 or 5."""
    return float((said[expert <= EMERGENCY] > EMERGENCY).mean()) if (expert <= EMERGENCY).any() else 0.0


def very_urgent_recall(expert: Levels, said: Levels) -> float:
    """Return the share of the expert's KTAS 1-2 that were put at 1 or 2."""
    return (
        float((said[expert <= VERY_URGENT] <= VERY_URGENT).mean()) if (expert <= VERY_URGENT).any() else 1.0
    )


def coverage(expert: Levels, sets: Bools) -> float:
    """Return how often the expert's level is in the set."""
    return float(sets[np.arange(len(expert)), expert - 1].mean())


def calibration_error(right: Bools, confidence: Floats) -> float:
    """Return the expected calibration error of the likeliest level.

    On n visits a perfectly calibrated model has about sqrt(2 p (1 - p) bins / (pi n)): 0.036 on 1,000.
    """
    return ece(curve(confidence, right))


def debiased_calibration_error(right: Bools, confidence: Floats) -> float:
    """Return the root mean square calibration error, less what chance makes of it (Kumar et al. 2019)."""
    sure, true, share = np.array(curve(confidence, right)).T
    noise = true * (1 - true) / np.maximum(np.round(share * len(right)) - 1, 1)
    return float(np.sqrt(max(0.0, (((sure - true) ** 2 - noise) * share).sum())))
