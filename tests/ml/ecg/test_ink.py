import numpy as np
import numpy.typing as npt
import pytest

from ml.ecg.ink import stroke

Floats = npt.NDArray[np.float64]


def drawn(x: Floats, y: Floats, *, shape: tuple[int, int], pen: float) -> npt.NDArray[np.float32]:
    canvas = np.zeros(shape, np.float32)
    stroke(canvas, x, y, pen=pen)
    return canvas


def test_a_level_line_covers_its_width_exactly() -> None:
    coverage = drawn(np.array([-5.0, 25.0]), np.array([5.5, 5.5]), shape=(12, 20), pen=2)
    np.testing.assert_allclose(coverage[:, 10], [0, 0, 0, 0, 0.5, 1, 0.5, 0, 0, 0, 0, 0], atol=1e-6)


def test_an_upright_line_is_as_wide_as_the_pen() -> None:
    coverage = drawn(np.array([10.0, 10.0]), np.array([2.0, 18.0]), shape=(20, 20), pen=3)
    assert coverage[10].sum() == pytest.approx(3, abs=0.3)


def test_a_slanting_line_covers_length_times_width() -> None:
    """A line of 30 by 40 pixels is 50 long: 50 × 2 and the two half discs of its round ends, 103.14."""
    coverage = drawn(np.array([10.0, 40.0]), np.array([5.0, 45.0]), shape=(50, 50), pen=2)
    assert coverage.sum() == pytest.approx(103.14, rel=0.06)


def test_the_pen_is_lifted_over_what_is_missing() -> None:
    y = np.full(40, 5.0)
    y[15:25] = np.nan
    coverage = drawn(np.arange(40.0), y, shape=(10, 40), pen=2)
    assert coverage[:, 17:23].sum() == 0
    assert coverage[:, [5, 35]].sum() == pytest.approx(4)


def test_what_lies_outside_is_not_drawn() -> None:
    assert drawn(np.array([0.0, 9.0]), np.array([-50.0, -50.0]), shape=(10, 10), pen=2).sum() == 0
    assert drawn(np.array([90.0, 99.0]), np.array([5.0, 5.0]), shape=(10, 10), pen=2).sum() == 0


def test_nothing_but_missing_samples_draws_nothing() -> None:
    assert drawn(np.arange(5.0), np.full(5, np.nan), shape=(4, 4), pen=2).sum() == 0


def test_a_stroke_keeps_what_was_drawn_before() -> None:
    canvas = np.zeros((10, 10), np.float32)
    canvas[2, 2] = 1
    stroke(canvas, np.array([0.0, 10.0]), np.array([7.0, 7.0]), pen=2)
    assert canvas[2, 2] == 1
    assert canvas[6, 5] == pytest.approx(1)
