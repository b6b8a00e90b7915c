"""Calibration: thresholds and errors worked out by hand, the rest on data whose truth is known."""

import numpy as np
import numpy.typing as npt
import pytest

from ml.beats.calibration import (
    conformal_threshold,
    cross_fitted,
    fit,
    report,
    share_of,
)
from ml.beats.tempering import tempered
from ml.judging.calibration import curve, ece

CLASSES = ("a", "b", "c")


def drawn(n: int, sharpness: float, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return probabilities and labels drawn from them; the probabilities are then made too sharp."""
    generator = np.random.default_rng(seed)
    honest = generator.dirichlet(np.ones(3), n)
    labels = (honest.cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1)
    return tempered(honest.astype(np.float32), 1 / sharpness), labels


def test_a_temperature_is_that_of_the_softmax() -> None:
    logits = np.array([[2.0, 1.0, 0.0]])
    sharp = np.exp(logits) / np.exp(logits).sum()
    soft = np.exp(logits / 2) / np.exp(logits / 2).sum()

    assert tempered(sharp.astype(np.float32), 2.0) == pytest.approx(soft, abs=1e-6)


def test_probabilities_made_too_sharp_are_made_as_soft_as_they_were() -> None:
    probabilities, labels = drawn(20_000, sharpness=2.5)

    assert fit(probabilities, labels).temperature == pytest.approx(2.5, rel=0.05)


def test_the_threshold_is_the_quantile_for_so_few() -> None:
    # Of 19 true classes, the ceil(20 * 0.9) = 18th most likely is the threshold: the second least likely.
    likely = np.linspace(0.05, 0.95, 19).astype(np.float32)
    labels = np.arange(19) % 3
    probabilities = np.repeat((1 - likely[:, None]) / 2, 3, axis=1).astype(np.float32)
    probabilities[np.arange(19), labels] = likely

    threshold = conformal_threshold(probabilities, labels)
    assert threshold == pytest.approx(0.10, abs=1e-6)


def test_the_error_of_a_curve_is_the_mean_distance_weighted_by_mass() -> None:
    assert ece([(0.9, 0.8, 0.5), (0.6, 0.7, 0.5)]) == pytest.approx(0.1)


def test_ten_bins_have_equal_mass() -> None:
    confidence = np.linspace(0, 1, 1000, endpoint=False).astype(np.float32)
    bins = curve(confidence, np.ones(1000, np.bool_))

    assert [share for _, _, share in bins] == pytest.approx([0.1] * 10)
    assert bins[0][0] == pytest.approx(0.0495, abs=1e-4)
    weighted = curve(confidence, np.ones(1000, np.bool_), np.where(confidence < 0.5, 3, 1))
    assert sum(share for _, _, share in weighted) == pytest.approx(1)


def test_each_fold_is_calibrated_by_the_others_alone() -> None:
    probabilities, labels = drawn(3000, sharpness=2)
    folds = np.repeat([1, 2, 3], 1000)
    before = cross_fitted(probabilities, labels, folds)
    changed = labels.copy()
    changed[folds == 2] = (labels[folds == 2] + 1) % 3
    after = cross_fitted(probabilities, changed, folds)

    assert (before[0][folds == 2] == after[0][folds == 2]).all()
    assert (before[0][folds == 1] != after[0][folds == 1]).any()


def test_sets_cover_nine_in_ten_and_confidence_is_right_on_patients_not_fitted_on() -> None:
    probabilities, labels = drawn(20_000, sharpness=2)
    patients = np.repeat([f"{place:03}" for place in range(100)], 200)
    folds = np.repeat(np.arange(1, 11), 2000)
    judged = report(probabilities, labels, folds, patients, CLASSES)

    assert judged.coverage.value == pytest.approx(0.9, abs=0.01)
    assert judged.ece.value < 0.02 < judged.ece_uncalibrated.low
    assert judged.coverage.low < judged.coverage.value < judged.coverage.high
    assert set(judged.class_coverage) == set(CLASSES)
    assert sum(judged.set_sizes.values()) == pytest.approx(1)


def test_an_interval_is_wider_where_patients_differ() -> None:
    patients = np.repeat(["1", "2", "3", "4"], 50)
    alike = np.tile([True, False], 100)
    apart = np.repeat([True, True, False, False], 50)
    everything = np.ones(200, np.bool_)

    assert share_of(alike, everything, patients).low == pytest.approx(0.5)
    assert share_of(apart, everything, patients).low < 0.2


def test_a_share_rests_on_the_patients_who_have_such_segments() -> None:
    """Of a hundred patients three have the class: the bound is that of three, as if there were no others."""
    patients = np.repeat([f"{place:03}" for place in range(100)], 10)
    true = np.arange(1000) % 10 < np.repeat(np.arange(100) % 4, 10)
    among = np.repeat(np.arange(100) < 3, 10)
    found = share_of(true, among, patients)

    assert found == share_of(true[:30], among[:30], patients[:30])
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0, 0.2))
    alone = share_of(true, np.arange(1000) < 10, patients)
    assert (alone.low, alone.high) == (0, 1)
