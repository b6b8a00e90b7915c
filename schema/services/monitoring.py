"""Every model in figures: what it answered, how sure and how fast, and what readers thought of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from schema.errors import ValidationFailedError
from schema.models.monitoring import NO_VERSION, PredictionDay
from schema.models.predictions import Feedback, ModelFamily
from schema.services.day_books import DayFilter, Tally, by_day, by_version, total
from schema.services.feedback_statistics import ErrorRate, FeedbackFilter, Part, feedback_figures

MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched.

    Parameters
    ----------
    version_id
        One version; None for all.
    """

    family: ModelFamily
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Predictions of some days, and the feedback that was given in them.

    Parameters
    ----------
    day
        The only day; None of several.
    """

    tally: Tally
    error_rate: ErrorRate
    day: date | None = None


NO_OPINION = ErrorRate(0, 0)


def period(until: date, days: int) -> tuple[date, date]:
    """Return the first and the last of so many days until this one.

    Raises
    ------
    ValidationFailedError
        For fewer than one or more than `MOST_DAYS`, and where the first of them is before all days.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValidationFailedError.of("days", "out_of_range", minimum=1, maximum=MOST_DAYS)
    if until.toordinal() < days:
        raise ValidationFailedError.of("until", "out_of_range", minimum=date(1, 12, 31), maximum=date.max)
    return until - timedelta(days=days - 1), until


def daily(session: Session, watched: Watched, since: date, until: date) -> Sequence[Figures]:
    """Return each day's figures, the first day first, also of days without any."""
    counted = by_day(session, _days(watched, since, until))
    thought = feedback_figures(session, feedback_of(watched, since, until)).by_day()
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    return [Figures(counted.get(day, Tally()), thought.get(day, NO_OPINION), day) for day in days]


def summary(session: Session, watched: Watched, since: date, until: date) -> Figures:
    """Return the figures of all days together."""
    counted = by_day(session, _days(watched, since, until))
    thought = feedback_figures(session, feedback_of(watched, since, until))
    return Figures(total(counted.values()), thought.error_rate)


def together(days: Sequence[Figures]) -> Figures:
    """Return the figures of days together."""
    opinions = ErrorRate(
        sum(each.error_rate.total for each in days), sum(each.error_rate.errors for each in days)
    )
    return Figures(total(each.tally for each in days), opinions)


def versions(session: Session, watched: Watched, since: date, until: date) -> dict[int | None, Figures]:
    """Return the figures of each version, the newest first; under None those that no model had a part in."""
    counted = by_version(session, _days(watched, since, until))
    thought = feedback_figures(session, feedback_of(watched, since, until), Part.VERSION).by_version()
    keys = sorted(counted.keys() | {each or NO_VERSION for each in thought}, reverse=True)
    return {
        key or None: Figures(counted.get(key, Tally()), thought.get(key or None, NO_OPINION)) for key in keys
    }


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells that figures of a family have changed.

    Parameters
    ----------
    total, answered
        Predictions, those in the shadow too.
    opinion
        The latest opinion's key, of the family where one came after the mark before.
    """

    total: int
    answered: int
    opinion: int


def mark(session: Session, family: ModelFamily, before: Mark | None = None) -> Mark:
    """Return the mark of now; the same as before when nothing has changed."""
    sums = columns(
        func.coalesce(func.sum(PredictionDay.total), 0), func.coalesce(func.sum(PredictionDay.answered), 0)
    )
    count, answered = session.execute(sums.where(col(PredictionDay.family) == family.value)).one()
    latest = select(func.max(Feedback.id))
    if before is not None:
        latest = latest.where(Feedback.family == family.value, col(Feedback.id) > before.opinion)
    known = before.opinion if before is not None else 0
    return Mark(int(count), int(answered), session.exec(latest).one() or known)


def _days(watched: Watched, since: date, until: date) -> DayFilter:
    return DayFilter(watched.family, since, until, watched.version_id)


def feedback_of(watched: Watched, since: date, until: date) -> FeedbackFilter:
    """Return which feedback was given from the first to the last day."""
    first = datetime.combine(since, time(), UTC)
    behind = None if until == date.max else datetime.combine(until + timedelta(days=1), time(), UTC)
    return FeedbackFilter(watched.family, first, behind, watched.version_id)
