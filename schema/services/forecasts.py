"""When a figure of a model will be beyond a threshold, with how sure that is, told from its days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import ceil, isfinite
from typing import TYPE_CHECKING

from sqlmodel import Session

from schema.errors import ValidationFailedError
from schema.services.day_books import DayFilter, watched_by_day
from schema.services.drift import counts_of, reference_of, version_of
from schema.services.feedback_statistics import feedback_figures
from schema.services.monitoring import Watched, feedback_of

if TYPE_CHECKING:
    from ml.monitoring.forecasting import Forecast

LEAST_A_DAY = 10
"""Days with fewer opinions are left out: one more would change their share by too much."""
MOST_PSI = 10.0


class ForecastMetric(StrEnum):
    """What is foreseen."""

    ERROR_RATE = "error_rate"
    PSI = "psi"


@dataclass(frozen=True, slots=True)
class Crossing:
    """When the level of a figure is beyond a threshold.

    Parameters
    ----------
    earliest, latest
        The interval of 80 %; None is not within the horizon.
    expected
        As likely before as after; None likewise.
    probability
        The chance that it is beyond at the horizon.
    slope
        How much the level changes a day.
    """

    earliest: date | None
    expected: date | None
    latest: date | None
    probability: float
    slope: float


@dataclass(frozen=True, slots=True)
class MetricForecast:
    """What is foreseen of one figure.

    Parameters
    ----------
    feature
        Of whose index; None of the error rate.
    days
        So many days have enough of it.
    crossing
        None where these are too few.
    """

    metric: ForecastMetric
    feature: str | None
    threshold: float
    days: int
    crossing: Crossing | None


def forecasts(  # noqa: PLR0913, PLR0917 - what is asked for
    session: Session,
    watched: Watched,
    metric: ForecastMetric,
    threshold: float,
    since: date,
    until: date,
) -> list[MetricForecast]:
    """Foresee a figure from the days from the first to the last: one of errors, or one of each feature.

    Raises
    ------
    ValidationFailedError
        When the threshold is none that the figure can have.
    """
    most = 1.0 if metric is ForecastMetric.ERROR_RATE else MOST_PSI
    if not (isfinite(threshold) and 0 <= threshold <= most):
        raise ValidationFailedError.of("threshold", "out_of_range", minimum=0, maximum=f"{most:g}")
    if metric is ForecastMetric.ERROR_RATE:
        series: Mapping[str | None, Mapping[date, float]] = {None: _errors(session, watched, since, until)}
    else:
        series = _indices(session, watched, since, until)
    return [
        MetricForecast(metric, feature, threshold, len(values), _crossing(values, threshold))
        for feature, values in series.items()
    ]


def _errors(session: Session, watched: Watched, since: date, until: date) -> dict[date, float]:
    rates = feedback_figures(session, feedback_of(watched, since, until)).by_day()
    return {day: each.errors / each.total for day, each in rates.items() if each.total >= LEAST_A_DAY}


def _indices(
    session: Session, watched: Watched, since: date, until: date
) -> dict[str | None, dict[date, float]]:
    """Return the index of each feature by day, without what it has by chance on days of few rows."""
    from ml.monitoring.drift import FEWEST_ROWS, psi_beyond_chance  # noqa: PLC0415 - NumPy, when asked

    version_id = version_of(session, watched)
    reference = None if version_id is None else reference_of(session, version_id)
    if reference is None:
        return {}
    watched_days = watched_by_day(session, DayFilter(watched.family, since, until, version_id))
    days = {day: counts_of(reference, counted) for day, counted in watched_days.items()}
    found: dict[str | None, dict[date, float]] = {}
    for name, then in reference.counts.items():
        enough = {day: counts[name] for day, counts in days.items() if sum(counts[name]) >= FEWEST_ROWS}
        indices = psi_beyond_chance(then, list(enough.values())).tolist()
        found[name] = dict(zip(enough, indices, strict=True))
    return found


def _crossing(values: Mapping[date, float], threshold: float) -> Crossing | None:
    from ml.monitoring.forecasting import forecast  # noqa: PLC0415 - NumPy and SciPy, when asked

    told = forecast([day.toordinal() for day in values], list(values.values()), threshold)
    return None if told is None else _dated(told, max(values))


def _dated(told: "Forecast", last: date) -> Crossing:
    def at(days: float | None) -> date | None:
        if days is None:
            return None
        return date.fromordinal(min(last.toordinal() + ceil(days), date.max.toordinal()))

    return Crossing(at(told.earliest), at(told.expected), at(told.latest), told.within, told.slope)
