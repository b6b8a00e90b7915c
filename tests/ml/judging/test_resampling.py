"""Bounds from patients drawn anew: the share that is read by hand, and how often they hold."""

from math import sqrt

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from ml.judging.calibration import curve, ece, ece_interval
from ml.judging.paired import Measure, gain_of, macro_f1
from ml.judging.resampling import RESAMPLES, bound, expanded, resampled

MEAN = Measure("mean", lambda sums: sums[..., 0] / sums[..., 1], 0.01)
MACRO_F1 = Measure("macro_f1", macro_f1, 0.01)

Floats = npt.NDArray[np.float64]


@pytest.mark.parametrize(
    "share, n, t, read",
    [
        # Student's t of any table; the normal's tail beyond sqrt(n / (n - 1)) times it, of another.
        (0.05, 10, -1.833, 0.0267),  # beyond 1.932
        (0.025, 10, -2.262, 0.0086),  # beyond 2.384
        (0.05, 5, -2.132, 0.0086),  # beyond 2.384
        (0.05, 1_000, -1.646, 0.0498),
    ],
)
def test_of_few_patients_a_share_farther_out_is_read(share: float, n: int, t: float, read: float) -> None:
    assert stats.t.ppf(share, n - 1) == pytest.approx(t, abs=1e-3)
    assert expanded(share, n) == pytest.approx(read, abs=1e-4)
    assert expanded(1 - share, n) == pytest.approx(1 - read, abs=1e-4)


def test_the_bound_of_a_mean_is_students() -> None:
    values = np.random.default_rng(5).normal(2, 1, 12)
    drawn = resampled(np.column_stack([values, np.ones(12)]))
    low = values.mean() + stats.t.ppf(0.05, 11) * values.std(ddof=1) / sqrt(12)
    assert drawn.shape == (RESAMPLES, 2)
    assert (drawn[:, 1] == 12).all()
    assert bound(drawn[:, 0] / 12, 0.05, 12) == pytest.approx(low, abs=0.05)


def test_the_bound_of_ten_patients_lies_below_the_truth_as_often_as_it_says() -> None:
    """Gains that are normal: of the plain fifth percentile 92 in 100 do."""
    generator, held, plain, tries = np.random.default_rng(20261128), 0, 0, 1_000
    for _ in range(tries):
        gains = np.column_stack([generator.normal(size=10), np.ones(10)])
        found = gain_of(MEAN, np.column_stack([np.zeros(10), np.ones(10)]), gains)
        held += found.low <= 0
        plain += bool(np.quantile(resampled(gains)[:, 0] / 10, 0.05) <= 0)
    assert held / tries == pytest.approx(0.95, abs=0.015)
    assert plain / tries == pytest.approx(stats.t.cdf(stats.norm.ppf(0.95) * sqrt(0.9), 9), abs=0.015)


def test_the_bound_of_macro_f1_of_ten_patients_holds_nearly_as_often_as_it_says() -> None:
    """Two models that are alike, whose errors differ from patient to patient: 92 in 100 of the plain one."""
    generator, held, tries = np.random.default_rng(20261129), 0, 1_000
    for _ in range(tries):
        truth = generator.multinomial(60, generator.dirichlet([3, 1, 1], 10))
        usual = generator.beta(1, 6, 10)
        alike = [
            _answers(truth, np.clip(usual + generator.normal(0, 0.05, 10), 0, 0.9), generator)
            for _ in range(2)
        ]
        held += gain_of(MACRO_F1, *alike).low <= 0
    assert held / tries == pytest.approx(0.945, abs=0.015)


def test_the_interval_of_a_calibration_error_is_that_worked_out_by_hand() -> None:
    """Two patients of ten answers, a bin each: one is right in all, the other in none.

    Each bin has one answer of either, at 0.5: the error is 0. A resample has both once, or one of them twice,
    half of the time, whose error is 0.5: that far the interval goes.
    """
    confidence = np.repeat(np.linspace(0.5, 0.5 + 1e-9, 10), 2)
    right, patients = np.tile([True, False], 10), np.tile(["a", "b"], 10)
    assert ece(curve(confidence, right)) == pytest.approx(0, abs=1e-6)
    assert ece_interval(confidence, right, patients) == pytest.approx((0, 0.5), abs=1e-6)


def test_one_patient_says_nothing_of_others() -> None:
    confidence = np.linspace(0.5, 0.9, 20)
    assert ece_interval(confidence, confidence > 0.6, np.zeros(20)) == (0, 1)


@pytest.mark.parametrize(
    "lowered, truth",
    [(0.0, 0.0), (0.03, 0.03), (0.12, 0.12)],
    ids=["calibrated", "somewhat too sure", "much too sure"],
)
@pytest.mark.parametrize("alike", [15, 1e6], ids=["beats alike", "beats by chance"])
def test_the_interval_of_a_calibration_error_holds_it_at_least_as_often_as_it_says(
    lowered: float, truth: float, alike: float
) -> None:
    """Thirty patients of fifty beats; plain percentiles never held an error of 0, since none reaches it."""
    generator, held, told, tries = np.random.default_rng(20261130), 0, 0, 300
    patients = np.repeat(np.arange(30), 50)
    for _ in range(tries):
        confidence = 0.45 + 0.54 * np.sqrt(generator.random(1_500))
        mean = confidence - lowered
        place = np.repeat(generator.random(30), 50)
        rates = stats.beta.ppf(place, mean * alike, (1 - mean) * alike) if alike < 1e6 else mean
        right = generator.random(1_500) < rates
        low, high = ece_interval(confidence, right, patients)
        error = ece(curve(confidence, right))
        told += low <= error <= high
        held += low <= truth <= high
    assert told == tries
    assert held / tries >= 0.92


def _answers(truth: npt.NDArray[np.int64], errors: Floats, generator: np.random.Generator) -> Floats:
    """Return patients' confusion matrices: errors fall on either other class."""
    counts = np.zeros((*truth.shape, 3))
    for place in range(3):
        wrong = generator.binomial(truth[:, place], errors)
        one = generator.binomial(wrong, 0.5)
        counts[:, place, place] = truth[:, place] - wrong
        counts[:, place, (place + 1) % 3] = one
        counts[:, place, (place + 2) % 3] = wrong - one
    return counts
