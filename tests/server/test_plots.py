"""Where a plot's parts go, computed by hand."""

import pytest

from server.plots import Axis, Bar, Line, Point, Tick, bars, line, middle, named, round_step


@pytest.mark.parametrize(
    "least, step",
    [(1, 1), (1.1, 2), (2.2, 2.5), (2.6, 5), (7, 10), (1000, 1000), (0.07, 0.1), (0.0125, 0.02), (0.2, 0.2)],
)
def test_a_step_is_the_smallest_round_one_that_is_long_enough(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


def test_an_axis_ends_on_whole_steps_around_what_is_on_it() -> None:
    axis = Axis.around(0, 130)
    assert (axis.low, axis.high, axis.step) == (0, 150, 50)
    assert axis.ticks == [Tick(100, 0), Tick(66.67, 50), Tick(33.33, 100), Tick(0, 150)]
    assert Axis.around(0, 150) == axis
    shares = Axis.around(0.93, 1)
    assert [each.value for each in shares.ticks] == pytest.approx([0.92, 0.94, 0.96, 0.98, 1.0])
    assert Axis.around(0, 0.3).high == pytest.approx(0.3)


def test_what_is_counted_has_no_half_steps_and_nothing_at_all_has_an_axis() -> None:
    assert Axis.around(0, 2, least=1).step == 1
    assert Axis.around(0, 0, least=1) == Axis(0, 1, 1)
    assert Axis.around(0, 0) == Axis(0, 1, 1)
    assert Axis.around(5, 5) == Axis(5, 6, 1)


def test_parts_of_equal_width_are_named_from_the_last_on() -> None:
    assert [middle(number, 4) for number in range(4)] == [12.5, 37.5, 62.5, 87.5]
    assert list(named(1)) == [0]
    assert list(named(6)) == [0, 1, 2, 3, 4, 5]
    assert list(named(7)) == [0, 2, 4, 6]
    assert list(named(30)) == [4, 9, 14, 19, 24, 29]
    assert len(named(366)) == 6
    assert named(366)[-1] == 365


def test_bars_stand_upon_one_another_and_nothing_has_no_bar() -> None:
    answered, failed = bars([[30, 10], [0, 0], [40, 0], [0, 20]], Axis(0, 40, 10))
    assert answered == [Bar(3.12, 25, 18.75, 75), Bar(53.12, 0, 18.75, 100)]
    assert failed == [Bar(3.12, 0, 18.75, 25), Bar(78.12, 50, 18.75, 50)]


def test_a_line_breaks_where_values_are_missing() -> None:
    assert line([0, 5, None, 10], Axis(0, 10, 5)) == Line(
        "M12.5 100L37.5 50M87.5 0", [Point(12.5, 100), Point(37.5, 50), Point(87.5, 0)], Point(87.5, 0)
    )
    assert line([None, None], Axis(0, 10, 5)) == Line("", [], None)
    assert line([1, None], Axis(0, 1, 1)).end == Point(25, 0)


def test_a_long_line_has_dots_only_where_a_value_stands_alone() -> None:
    values = [1.0] * 20 + [None, 1.0, None] + [1.0] * 20
    assert [each.x for each in line(values, Axis(0, 2, 1)).dots] == [50.0]
    assert len(line([1.0] * 31, Axis(0, 2, 1)).dots) == 31
