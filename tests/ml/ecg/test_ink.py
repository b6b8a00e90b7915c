import numpy as np
import pytest

from ml.ecg.ink import stroke


def test_a_level_line_covers_its_width_exactly() -> None:
    coverage = stroke(np.array([-5.0, 25.0]), np.array([5.5, 5.5]), shape=(12, 20), pen=2)
    np.testing.assert_allclose(coverage[:, 10], [0, 0, 0, 0, 0.5, 1, 0.5, 0, 0, 0, 0, 0], atol=1e-6)


def test_an_upright_line_is_as_wide_as_the_pen() -> None:
    coverage = stroke(np.array([10.0, 10.0]), np.array([2.0, 18.0]), shape=(20, 20), pen=3)
    assert coverage[10].sum() == pytest.approx(3, abs=0.3)


def test_a_slanting_line_covers_length_times_width() -> None:
    """A line of 30 by 40 pixels is 50 long: 50 × 2 and the two half discs of its round ends, 103.14."""
    coverage = stroke(np.array([10.0, 40.0]), np.array([5.0, 45.0]), shape=(50, 50), pen=2)
    assert coverage.sum() == pytest.approx(103.14, rel=0.06)


def test_the_pen_is_lifted_over_what_is_missing() -> None:
    y = np.full(40, 5.0)
    y[15:25] = np.nan
    coverage = stroke(np.arange(40.0), y, shape=(10, 40), pen=2)
    assert coverage[:, 17:23].sum() == 0
    assert coverage[:, [5, 35]].sum() == pytest.approx(4)


def test_what_lies_outside_is_not_drawn() -> None:
    assert stroke(np.array([0.0, 9.0]), np.array([-50.0, -50.0]), shape=(10, 10), pen=2).sum() == 0
    assert stroke(np.array([90.0, 99.0]), np.array([5.0, 5.0]), shape=(10, 10), pen=2).sum() == 0


def test_nothing_but_missing_samples_draws_nothing() -> None:
    assert stroke(np.arange(5.0), np.full(5, np.nan), shape=(4, 4), pen=2).sum() == 0
