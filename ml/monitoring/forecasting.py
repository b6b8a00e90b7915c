"""When the level of a daily figure will be beyond a threshold, with how sure that is.

The level is a straight line through the days given, with a pattern of the week where there are three of them
and noise that may last from day to day (autocorrelation of the first order). How much it lasts is not known:
every strength counts as much as the days speak for it, strong ones less beforehand (1 - r²). The interval is
that of the level, not of the first bad day, which comes sooner by chance.

Not for figures that are about to turn, nor for days of three answers beside days of three hundred: the line
takes all days alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

COVERAGE = 0.8
HORIZON = 90
FEWEST_DAYS = 14
_WEEKS = 21
_LASTING = np.arange(-0.9, 0.91, 0.1)
_STEP = 0.25
_EXACT = 1e-9
"""Of the largest value: noise below this is that of the arithmetic."""

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the level is beyond the threshold, in days after the last one given; 0 where it is already.

    Parameters
    ----------
    earliest, latest
        The interval; None is not within the horizon.
    expected
        As likely before as after; None likewise.
    within
        The chance that it is beyond at the horizon.
    slope
        How much the level changes a day.
    """

    earliest: float | None
    expected: float | None
    latest: float | None
    within: float
    slope: float


@dataclass(frozen=True, slots=True)
class _Line:
    """The lines that are plausible at one strength of the noise's lasting: Student's t around the best."""

    weight: float
    level: float
    slope: float
    covariance: Numbers
    freedom: int

    def chance_above(self, days: Numbers, threshold: float) -> Numbers:
        variance = self.covariance[0, 0] + 2 * days * self.covariance[0, 1] + days**2 * self.covariance[1, 1]
        chance: Numbers = special.stdtr(
            self.freedom, (self.level + days * self.slope - threshold) / np.sqrt(variance)
        )
        return chance


def forecast(
    days: Sequence[int],
    values: Sequence[float],
    threshold: float,
    *,
    above: bool = True,
    horizon: int = HORIZON,
) -> Forecast | None:
    """Say when a level will be beyond a threshold; None where the days are too few to say.

    Parameters
    ----------
    days
        Of the calendar, ascending; some may be left out.
    values
        Of each day; NaN where there is none.
    threshold
        What the level is to pass.
    above
        Whether the bad side is above the threshold; otherwise below.
    horizon
        So many days are looked ahead.

    Raises
    ------
    ValueError
        When the days do not ascend, or a value is infinite.
    """
    at, found = np.asarray(days, np.int64), np.asarray(values, np.float64)
    if (np.diff(at) <= 0).any() or np.isinf(found).any():
        raise ValueError("the days do not ascend, or a value is infinite")
    at, found = at[~np.isnan(found)], found[~np.isnan(found)]
    if len(at) < FEWEST_DAYS:
        return None
    lines = _lines(at, found)
    ahead = np.arange(0, horizon + _STEP / 2, _STEP)
    chance = sum((each.weight * each.chance_above(ahead, threshold) for each in lines), np.zeros(len(ahead)))
    beyond = chance if above else 1 - chance
    tail = (1 - COVERAGE) / 2
    return Forecast(
        _first(ahead, beyond >= tail),
        _first(ahead, beyond >= 0.5),
        _first(ahead, beyond >= 1 - tail),
        float(beyond[-1]),
        sum(each.weight * each.slope for each in lines),
    )


def _first(ahead: Numbers, reached: npt.NDArray[np.bool_]) -> float | None:
    return float(ahead[reached.argmax()]) if reached.any() else None


def _lines(at: npt.NDArray[np.int64], values: Numbers) -> list[_Line]:
    since = (at - at[-1]).astype(np.float64)
    columns = np.column_stack([np.ones(len(at)), since, *_week(at)])
    fitted = [_fitted(columns, values, np.diff(since), lasting) for lasting in _LASTING]
    best = max(likelihood for likelihood, _ in fitted)
    weights = np.exp([likelihood - best for likelihood, _ in fitted]) * (1 - _LASTING**2)
    weights /= weights.sum()
    return [
        _Line(float(weight), line.level, line.slope, line.covariance, line.freedom)
        for weight, (_, line) in zip(weights, fitted, strict=True)
    ]


def _week(at: npt.NDArray[np.int64]) -> list[Numbers]:
    """Return what tells the days of the week apart, nothing of which moves the week's mean."""
    if at[-1] - at[0] < _WEEKS - 1 or len(at) < _WEEKS or len(np.unique(at % 7)) < 7:
        return []
    last = at % 7 == 6
    return [(at % 7 == day).astype(np.float64) - last for day in range(6)]


def _fitted(columns: Numbers, values: Numbers, gaps: Numbers, lasting: float) -> tuple[float, _Line]:
    """Return the restricted log-likelihood of one strength of lasting, and the line with its uncertainty."""
    kept = lasting**gaps
    fresh = np.append(1.0, 1 - kept**2)
    scale = 1 / np.sqrt(fresh)
    shown = columns.copy()
    shown[1:] -= kept[:, None] * columns[:-1]
    shown *= scale[:, None]
    told = np.append(values[0], values[1:] - kept * values[:-1]) * scale
    factor, triangle = np.linalg.qr(shown)
    inverse = np.linalg.inv(triangle)
    coefficients = inverse @ (factor.T @ told)
    freedom = len(values) - columns.shape[1]
    exact = _EXACT * max(float(np.abs(values).max()), _EXACT)
    rest = max(float(((told - shown @ coefficients) ** 2).sum()), exact**2)
    likelihood = -0.5 * (
        freedom * np.log(rest) + np.log(fresh).sum() + 2 * np.log(np.abs(np.diag(triangle))).sum()
    )
    covariance = (inverse @ inverse.T)[:2, :2] * rest / freedom
    return float(likelihood), _Line(1.0, float(coefficients[0]), float(coefficients[1]), covariance, freedom)
