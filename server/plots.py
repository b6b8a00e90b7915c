"""Plots as places: where what `_components/plots.html` draws goes, in per cent of the plot's area.

Per cent, because the drawing is as wide as the page lets it be while its words keep their size, which no
`viewBox` allows. From the left and from the top, as in SVG.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Any, TypeAlias

Values: TypeAlias = Sequence[float | None]

STEPS = (1, 2, 2.5, 5, 10)
PARTS = 4
"""Steps of an axis, or a few more."""
MOST_NAMED = 6
"""Places along the bottom that are named: as many as fit on a phone."""
MOST_DOTS = 31
"""Values of a line up to which each has its dot."""
_GAP = 0.25
"""Between two bars, of the width of one and its gap."""
_ALMOST = 1e-9
"""What a multiple of a step may be off by, as 0.3 / 0.1 is."""


def round_step(least: float) -> float:
    """Return the smallest round step that is at least this long, which is more than nothing."""
    scale = 10.0 ** floor(log10(least))
    return next(each * scale for each in STEPS if each * scale >= least)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis that is named."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from below to above, in round steps.

    Parameters
    ----------
    low, high
        Multiples of the step.
    """

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, low: float, high: float, least: float = 0.0) -> "Axis":
        """Return the axis that these are on.

        Parameters
        ----------
        least
            The shortest step: 1 of what is counted.
        """
        step = round_step(max((high - low) / PARTS, least) or 1)
        first, last = floor(low / step + _ALMOST), ceil(high / step - _ALMOST)
        return cls(first * step, max(last, first + 1) * step, step)

    def place(self, value: float) -> float:
        """Return how far from the top a value is."""
        return _rounded(100 * (self.high - value) / (self.high - self.low))

    @property
    def ticks(self) -> list[Tick]:
        """Return every step, the lowest first."""
        values = [
            self.low + each * self.step for each in range(round((self.high - self.low) / self.step) + 1)
        ]
        return [Tick(self.place(each), each) for each in values]


@dataclass(frozen=True, slots=True)
class Point:
    """A place."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line that breaks where values are missing.

    Parameters
    ----------
    path
        As an SVG path says it, in a square of 100 units.
    dots
        Of a short line each value; of a long one those that stand alone, which no line would show.
    end
        The last value; None of none.
    """

    path: str
    dots: Sequence[Point]
    end: Point | None


@dataclass(frozen=True, slots=True)
class Plot:
    """All that is drawn.

    Parameters
    ----------
    ticks, names
        Places on the left and along the bottom, each with its words.
    said
        What the plot shows, in words.
    bars
        A row of bars for each part, from below.
    lines
        By the name that stands at their end.
    """

    ticks: Sequence[tuple[float, str]]
    names: Sequence[tuple[float, str]]
    said: str
    bars: Sequence[Sequence[Bar]] = ()
    lines: Mapping[str, Line] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        axis: Axis,
        told: Callable[[float], str],
        names: Sequence[tuple[float, str]],
        said: str,
        **drawn: Any,
    ) -> "Plot":
        """Return a plot with the words of its axis."""
        return cls([(each.at, told(each.value)) for each in axis.ticks], names, said, **drawn)


def middle(number: int, count: int) -> float:
    """Return where the middle of one of so many equal parts is, counted from 0."""
    return _rounded(100 * (number + 0.5) / count)


def named(count: int) -> Sequence[int]:
    """Return which of so many equal parts are named: evenly spaced, the last among them."""
    every = ceil(count / MOST_NAMED)
    return range((count - 1) % every, count, every)


def bars(stacks: Sequence[Sequence[float]], axis: Axis) -> list[list[Bar]]:
    """Return a row of bars for each part, those of the next part upon those of the one before.

    Parameters
    ----------
    stacks
        The parts of each bar, as many of each.
    """
    wide = 100 / len(stacks)
    rows: list[list[Bar]] = [[] for _ in stacks[0]]
    for number, parts in enumerate(stacks):
        below = 0.0
        for row, value in zip(rows, parts, strict=True):
            top, bottom = axis.place(below + value), axis.place(below)
            if value > 0:
                left = _rounded(wide * (number + _GAP / 2))
                row.append(Bar(left, top, _rounded(wide * (1 - _GAP)), _rounded(bottom - top)))
            below += value
    return rows


def line(values: Values, axis: Axis) -> Line:
    """Return the line through values that stand at equal distances."""
    points = [
        None if value is None else Point(middle(number, len(values)), axis.place(value))
        for number, value in enumerate(values)
    ]
    path, before = "", False
    dots = []
    for number, point in enumerate(points):
        if point is None:
            before = False
            continue
        path += f"{'L' if before else 'M'}{point.x:g} {point.y:g}"
        alone = not before and (number + 1 == len(points) or points[number + 1] is None)
        if alone or len(points) <= MOST_DOTS:
            dots.append(point)
        before = True
    end = next((each for each in reversed(points) if each is not None), None)
    return Line(path, dots, end)


def _rounded(value: float) -> float:
    return round(value, 2)
