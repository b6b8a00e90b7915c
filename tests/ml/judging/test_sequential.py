"""The A/B test: its formulas by hand, and what it does when looked at all the time."""

import os

import numpy as np
import pytest

from ml.judging.sequential import ALPHA, RATIO_ALPHA, Floats, needed, needed_in_all, p_values, ratio_p_value

SOAK = os.environ.get("CHEVET_SOAK") == "1"
RUNS, AT_ONCE = 4_000, 250


def arms(generator: np.random.Generator, subjects: int, share: float) -> Floats:
    return (generator.random((AT_ONCE, subjects)) < share).astype(np.float32)


def test_the_ratio_is_that_of_the_article() -> None:
    # 50 subjects either, 10 and 20 errors: d = 0.2, rate (30 + 2)/(100 + 4), V = rate (1 - rate) 2/50.
    challenger, turn = np.tile([1.0, 0.0], 50), np.repeat(np.arange(50) % 5, 2)
    errors = np.where(challenger == 1, turn >= 3, turn == 0).astype(float)
    rate = 32 / 104
    variance, tau = rate * (1 - rate) * 2 / 50, 0.1**2
    ratio = np.sqrt(variance / (variance + tau)) * np.exp(tau * 0.2**2 / (2 * variance * (variance + tau)))
    assert p_values(challenger, 1 - challenger, errors, tau=0.1)[-1] == pytest.approx(1 / ratio)


def test_nothing_is_said_while_an_arm_is_empty() -> None:
    alone = np.ones(500)
    assert (p_values(alone, 1 - alone, alone) == 1).all()


@pytest.mark.soak
@pytest.mark.parametrize(
    "share, rate, subjects",
    [(0.5, 0.15, 2_500), (0.1, 0.02, 1_000)]
    + ([(0.5, 0.15, 10_000), (0.1, 0.15, 10_000), (0.5, 0.02, 10_000), (0.5, 0.5, 10_000)] if SOAK else []),
)
def test_of_4000_a_a_tests_looked_at_after_each_subject_at_most_one_in_twenty_cries_wolf(
    share: float, rate: float, subjects: int
) -> None:
    generator, alarms = np.random.default_rng(20261127), 0
    for _ in range(RUNS // AT_ONCE):
        challenger = arms(generator, subjects, share)
        errors = arms(generator, subjects, rate)
        alarms += int((p_values(challenger, 1 - challenger, errors)[:, -1] <= ALPHA).sum())
    assert alarms / RUNS <= ALPHA


def test_a_usual_test_looked_at_so_often_would_cry_wolf() -> None:
    """So that the one above is not won by a test that never says anything."""
    generator = np.random.default_rng(5)
    challenger, errors = arms(generator, 2_000, 0.5), arms(generator, 2_000, 0.15)
    counts = [np.cumsum(each, axis=1)[:, 100:] for each in (challenger, 1 - challenger)]
    wrong = [np.cumsum(each * errors, axis=1)[:, 100:] for each in (challenger, 1 - challenger)]
    rates = [w / n for w, n in zip(wrong, counts, strict=True)]
    pooled = np.cumsum(errors, axis=1)[:, 100:] / np.arange(101, 2_001)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / counts[0] + 1 / counts[1]))
    z = np.abs(rates[0] - rates[1]) / spread
    assert (z > 1.96).any(axis=1).mean() > 0.2


def found(rates: tuple[float, float], *subjects: int) -> list[float]:
    """Return in which share of tests a difference is found with so many subjects in both arms."""
    generator = np.random.default_rng(6)
    challenger = arms(generator, max(subjects), 0.5)
    errors = (generator.random(challenger.shape) < np.where(challenger == 1, *rates)).astype(np.float32)
    p = p_values(challenger, 1 - challenger, errors)
    return [float((p[:, each - 1] <= ALPHA).mean()) for each in subjects]


def test_three_points_are_found_in_four_of_five_tests_with_what_they_need() -> None:
    """With 2,224 subjects an arm, as a test needs that is looked at once, they are in half."""
    once, always = found((0.135, 0.165), 2 * 2_224, 2 * needed(0.15))
    assert once < 0.6
    assert 0.77 < always < 0.9


def test_a_difference_of_five_points_is_found_with_what_three_points_need() -> None:
    assert found((0.125, 0.175), 2 * needed(0.15)) == [pytest.approx(1, abs=0.02)]


def test_what_three_points_need_lies_as_far_beyond_the_boundary_as_the_power_says() -> None:
    subjects, tau = needed(0.15), 0.03**2
    variance = 2 * 0.15 * 0.85 / subjects
    boundary = 0.03 - 0.841621 * variance**0.5
    mixed = variance + tau
    ratio = (variance / mixed) ** 0.5 * np.exp(tau * boundary**2 / (2 * variance * mixed))
    assert ratio == pytest.approx(1 / 0.05, rel=1e-3)


def test_three_points_need_about_4300_subjects_an_arm() -> None:
    # The variance is 5.91692e-5 (above); 2 * 0.15 * 0.85 over it is 4309.7, and 2 * 0.155 * 0.845 4427.1.
    assert needed(0.15) == 4_310
    assert needed(0.155) == 4_428
    assert (needed_in_all(0.15, 0.5), needed_in_all(0.15, 0.1)) == (8_620, 23_945)


def test_arms_as_they_should_be_raise_no_doubt_and_others_do() -> None:
    assert ratio_p_value(0, 0, 0.5) == 1
    assert ratio_p_value(500, 500, 0.5) > 0.5
    assert ratio_p_value(100, 900, 0.1) > 0.5
    # Chi-square of 900 against 1,100 is 20, p = 8e-6; looked at all the time it counts for less.
    assert 1e-5 < ratio_p_value(900, 1_100, 0.5) < RATIO_ALPHA
    assert ratio_p_value(60, 940, 0.1) < RATIO_ALPHA


def test_sound_arms_looked_at_all_the_time_are_seldom_doubted() -> None:
    generator, alarms = np.random.default_rng(8), 0
    for _ in range(400):
        challenger = np.cumsum(generator.random(1_000) < 0.2)
        looks = range(20, 1_000, 20)
        alarms += any(
            ratio_p_value(int(challenger[at]), at + 1 - int(challenger[at]), 0.2) <= RATIO_ALPHA
            for at in looks
        )
    assert alarms / 400 <= RATIO_ALPHA
