import re

import numpy as np
import numpy.typing as npt

from ml.ecg.tracing import Tracing, tracing


def points(drawn: Tracing) -> list[list[tuple[int, int]]]:
    """Return the points of each uninterrupted piece."""
    pieces = drawn.path.split("M")[1:]
    return [[(int(x), int(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", piece)] for piece in pieces]


def lead(*millivolts: float) -> npt.NDArray[np.float32]:
    return np.array(millivolts, np.float32)


def test_a_unit_is_a_millisecond_and_a_microvolt_about_the_median() -> None:
    drawn = tracing(lead(0.1, 0.1, 1.1, 0.1, -0.4), 100)
    assert points(drawn) == [[(0, 0), (10, 0), (20, -1000), (30, 0), (40, 500)]]
    assert (drawn.lowest_mv, drawn.highest_mv) == (-0.5, 1.0)


def test_no_more_than_250_points_a_second_are_drawn() -> None:
    assert [len(piece) for piece in points(tracing(np.zeros(1000, np.float32), 1000))] == [250]
    assert [len(piece) for piece in points(tracing(np.zeros(360, np.float32), 360))] == [360]


def test_the_line_is_interrupted_where_nothing_was_recorded() -> None:
    nothing = float("nan")
    drawn = tracing(lead(nothing, 0, 0, nothing, 0, nothing), 100)
    assert points(drawn) == [[(10, 0), (20, 0)], [(40, 0)]]
    assert tracing(lead(nothing, nothing), 100) == Tracing()
