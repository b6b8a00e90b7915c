"""Makes probabilities honest: a temperature, how far they then are from the truth, and conformal sets.

Everything is fitted on answers of models that had not seen the segment, and judged on other patients than it
was fitted on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from ml.beats.protocols import Indices
from ml.beats.tempering import Probabilities, tempered
from ml.judging.calibration import CONFIDENCE, curve, ece, ece_interval
from ml.judging.resampling import bound, resampled

COVERAGE = 0.9

Floats = npt.NDArray[np.float64]
Sets = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """A figure, and where it is, but for the chance of which patients were seen, at 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """What serving applies.

    Parameters
    ----------
    temperature : float
        What the logarithms of the probabilities are divided by.
    threshold : float
        A class is in the conformal set where its calibrated probability is at least this.
    """

    temperature: float
    threshold: float

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """Return calibrated probabilities."""
        return tempered(probabilities, self.temperature)

    def sets(self, calibrated: Probabilities) -> Sets:
        """Return the conformal sets of calibrated probabilities; a set may be empty."""
        return calibrated >= self.threshold


@dataclass(frozen=True)
class CalibrationReport:
    """How honest probabilities are on patients that nothing was fitted on.

    Parameters
    ----------
    fitted : Calibration
        On all of them: what is served.
    ece, ece_uncalibrated : Interval
        The expected calibration error, as a share.
    coverage : Interval
        How often the set has the truth, as a share.
    class_coverage : mapping of str to Interval
        The same by true class.
    set_sizes : mapping of int to float
        How often a set has so many classes, as a share.
    curve : sequence of tuple
        Of each bin: mean confidence, share that is right, share of all.
    """

    fitted: Calibration
    ece: Interval
    ece_uncalibrated: Interval
    coverage: Interval
    class_coverage: Mapping[str, Interval]
    set_sizes: Mapping[int, float]
    curve: Sequence[tuple[float, float, float]]

    def figures(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)


def fit(probabilities: Probabilities, labels: Indices) -> Calibration:
    """Return the temperature with the greatest likelihood, and the threshold that covers 90 %."""

    def loss(logarithm: float) -> float:
        sharp = tempered(probabilities, float(np.exp(logarithm)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(sharp, 1e-30)).mean())

    temperature = float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
    return Calibration(temperature, conformal_threshold(tempered(probabilities, temperature), labels))


def conformal_threshold(calibrated: Probabilities, labels: Indices, coverage: float = COVERAGE) -> float:
    """Return the least probability that is in the set (least ambiguous sets, Sadinle 2019), by MAPIE."""
    from mapie.classification import SplitConformalClassifier  # noqa: PLC0415 - the extra `train`
    from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: PLC0415 - the same

    class Known(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn is not typed
        """A classifier that is shown its own answers."""

        classes_ = np.arange(calibrated.shape[1])

        def fit(self, _inputs: Floats, _labels: Indices) -> "Known":
            return self

        def predict(self, inputs: Floats) -> Indices:
            return np.asarray(inputs.argmax(axis=1))

        def predict_proba(self, inputs: Floats) -> Floats:
            return inputs

    exact = calibrated.astype(np.float64)  # so that rounding does not leave out the quantile itself
    conformal = SplitConformalClassifier(Known(), confidence_level=coverage, prefit=True)
    conformal.conformalize(exact, labels)
    _, sets = conformal.predict_set(exact)
    # A set has the classes from a quantile of the true classes' probabilities on, which is one of these.
    return float(exact[sets[:, :, 0]].min())


def cross_fitted(probabilities: Probabilities, labels: Indices, folds: Indices) -> tuple[Probabilities, Sets]:
    """Return calibrated probabilities and sets, each fold's fitted on the others."""
    calibrated = np.empty_like(probabilities)
    sets = np.empty(probabilities.shape, np.bool_)
    for fold in np.unique(folds):
        here = folds == fold
        fitted = fit(probabilities[~here], labels[~here])
        calibrated[here] = fitted.apply(probabilities[here])
        sets[here] = fitted.sets(calibrated[here])
    return calibrated, sets


def report(
    probabilities: Probabilities,
    labels: Indices,
    folds: Indices,
    patients: npt.NDArray[np.str_],
    classes: Sequence[str],
) -> CalibrationReport:
    """Judge calibration on answers of models that had not seen the patient.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, n_classes)
        Not calibrated.
    labels, folds : ndarray of int64, shape (n,)
        The truth; which fold each was judged in, no patient in two.
    patients : ndarray of str, shape (n,)
        Whose each is.
    classes : sequence of str
        The names of the classes.
    """
    calibrated, sets = cross_fitted(probabilities, labels, folds)
    covered = sets[np.arange(len(labels)), labels]
    everything = np.ones(len(labels), np.bool_)
    sizes = np.bincount(sets.sum(axis=1), minlength=len(classes) + 1) / len(labels)
    return CalibrationReport(
        fitted=fit(probabilities, labels),
        ece=error_of(calibrated, labels, patients),
        ece_uncalibrated=error_of(probabilities, labels, patients),
        coverage=share_of(covered, everything, patients),
        class_coverage={
            name: share_of(covered, labels == place, patients)
            for place, name in enumerate(classes)
            if (labels == place).any()
        },
        set_sizes=dict(enumerate(sizes.tolist())),
        curve=curve(calibrated.max(axis=1), calibrated.argmax(axis=1) == labels),
    )


def error_of(probabilities: Probabilities, labels: Indices, patients: npt.NDArray[np.str_]) -> Interval:
    """Return the expected calibration error with its interval."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return Interval(ece(curve(confidence, right)), *ece_interval(confidence, right, patients))


def share_of(true: Sets, among: Sets, patients: npt.NDArray[np.str_]) -> Interval:
    """Return how often something is true among some segments, with its interval.

    It rests on the patients who have such segments; what one patient has says nothing of others.
    """
    value = float(true[among].mean())
    names, whose = np.unique(patients[among], return_inverse=True)
    if len(names) == 1:
        return Interval(value, 0.0, 1.0)
    drawn = resampled(np.column_stack([np.bincount(whose, true[among]), np.bincount(whose)]))
    shares, tail = drawn[:, 0] / drawn[:, 1], (1 - CONFIDENCE) / 2
    return Interval(value, bound(shares, tail, len(names)), bound(shares, 1 - tail, len(names)))
