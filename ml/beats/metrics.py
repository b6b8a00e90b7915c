"""How well classes are told apart: counted from a confusion matrix, whose rows are the truth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
MEASURES = ("sensitivity", "specificity", "ppv", "f1")
"""Of each class."""


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told from all others, in percent; 0 where nothing can be counted.

    Parameters
    ----------
    support, called : int
        How many truly are of it, and how many are called so.
    sensitivity, specificity, ppv, f1 : float
        Of those that are, of those that are not, of those called so; harmonic mean of the first and third.
    """

    support: int
    called: int
    sensitivity: float
    specificity: float
    ppv: float
    f1: float


@dataclass(frozen=True)
class Figures:
    """What a confusion matrix says.

    Parameters
    ----------
    classes : tuple of str
        Their names.
    counts : ndarray of int64, shape (n_classes, n_classes)
        Rows are the truth.
    """

    classes: tuple[str, ...]
    counts: Counts

    @property
    def accuracy(self) -> float:
        """Return the share that is right, in percent."""
        return _percent(np.trace(self.counts), self.counts.sum())

    @property
    def by_class(self) -> dict[str, ClassFigures]:
        """Return the figures of each class."""
        total = self.counts.sum()
        right, true, called = np.diag(self.counts), self.counts.sum(axis=1), self.counts.sum(axis=0)
        return {
            name: ClassFigures(
                int(true[place]),
                int(called[place]),
                _percent(right[place], true[place]),
                _percent(total - true[place] - called[place] + right[place], total - true[place]),
                _percent(right[place], called[place]),
                _percent(2 * right[place], true[place] + called[place]),
            )
            for place, name in enumerate(self.classes)
        }

    def macro(self, figure: str) -> float:
        """Return the mean of a figure over the classes there are examples of."""
        each = [getattr(one, figure) for one in self.by_class.values() if one.support]
        return float(np.mean(each)) if each else 0.0

    @property
    def kappa(self) -> float:
        """Return Cohen's kappa."""
        return _kappa(self.counts)

    @property
    def jk(self) -> float:
        """Return the index jκ of Mar (2011): κ/2 + (Se and PPV of S and V, as shares, summed)/8.

        Of the AAMI's classes; beats that are truly Q do not count, as in Mondejar (2019).
        """
        counts = self.counts.copy()
        counts[self.classes.index("Q")] = 0
        judged = Figures(self.classes, counts)
        index = sum(judged.by_class[name].sensitivity + judged.by_class[name].ppv for name in "SV") / 100
        return judged.kappa / 2 + index / 8

    def figures(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {
            "accuracy": self.accuracy,
            "macro_sensitivity": self.macro("sensitivity"),
            "macro_ppv": self.macro("ppv"),
            "macro_f1": self.macro("f1"),
            "kappa": self.kappa,
            **({"jk": self.jk} if "Q" in self.classes else {}),
            "classes": {name: asdict(figures) for name, figures in self.by_class.items()},
            "confusion": self.counts.tolist(),
        }


def confusion(truth: npt.NDArray[np.integer], answer: npt.NDArray[np.integer], n_classes: int) -> Counts:
    """Count how often each class is called each; shape (n_classes, n_classes), rows are the truth."""
    places = truth.astype(np.int64) * n_classes + answer
    return np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)


def figures(
    truth: npt.NDArray[np.integer], answer: npt.NDArray[np.integer], classes: Sequence[str]
) -> Figures:
    """Return the figures of answers."""
    return Figures(tuple(classes), confusion(truth, answer, len(classes)))


def _kappa(counts: Counts) -> float:
    total = counts.sum()
    if not total:
        return 0.0
    observed = np.trace(counts) / total
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    return float((observed - expected) / (1 - expected)) if expected < 1 else 1.0


def _percent(part: float, whole: float) -> float:
    return float(100 * part / whole) if whole else 0.0
