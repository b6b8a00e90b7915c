"""What readers think of predictions, in figures: no row of anybody, so analysts may see it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import TypeVar

from sqlalchemy import ColumnElement, func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from schema.models.predictions import Feedback, FeedbackType, ModelFamily

K = TypeVar("K")
LEAST = 30
"""Of fewer opinions no share is told: one more would change it by points."""
WILSON_Z = 1.96


@dataclass(frozen=True, slots=True)
class FeedbackFilter:
    """Which feedback counts; what is None does not narrow.

    Parameters
    ----------
    since, until
        From the first on, and before the second.
    """

    family: ModelFamily
    since: datetime | None = None
    until: datetime | None = None
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """How many opinions in force are alike.

    Parameters
    ----------
    day
        In UTC.
    original, corrected
        What the prediction says and what it should; None of a recording as a whole, or where nobody told.
    """

    day: date
    version_id: int | None
    type: FeedbackType
    original: str | None
    corrected: str | None
    count: int


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How often readers find predictions wrong, with Wilson's interval of 95 %; no share of few opinions."""

    total: int
    errors: int

    @property
    def share(self) -> float | None:
        """Return the share, 0 to 1; None of too few."""
        return self.errors / self.total if self.total >= LEAST else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return where the share is, but for chance; None of too few."""
        if self.share is None:
            return None
        n, square = self.total, WILSON_Z**2
        middle = (self.share + square / (2 * n)) / (1 + square / n)
        half = WILSON_Z / (1 + square / n) * sqrt(self.share * (1 - self.share) / n + square / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class FeedbackFigures:
    """Feedback, counted; every figure is a sum of its cells."""

    cells: Sequence[Cell]

    @property
    def total(self) -> int:
        """Return how many opinions there are."""
        return sum(each.count for each in self.cells)

    @property
    def error_rate(self) -> ErrorRate:
        """Return how often they find predictions wrong."""
        return _rate(self.cells)

    def by_type(self) -> dict[FeedbackType, int]:
        """Return how many there are of each type."""
        return {kind: sum(each.count for each in self.cells if each.type is kind) for kind in FeedbackType}

    def matrix(self) -> dict[tuple[str, str | None], int]:
        """Return how many there are of what was said and what it should have been.

        What was confirmed is on the diagonal; None stands for a correction that does not tell.
        """
        told = [each for each in self.cells if each.original is not None]
        counts = Counter[tuple[str, str | None]]()
        for each in told:
            right = each.original if each.type is FeedbackType.CORRECT else each.corrected
            counts[each.original or "", right] += each.count
        return dict(counts)

    def by_version(self) -> dict[int | None, ErrorRate]:
        """Return the error rate of each version, and under None that of answers without a model."""
        return self._by(lambda cell: cell.version_id)

    def by_week(self) -> dict[date, ErrorRate]:
        """Return the error rate of each week in which there was feedback, by its Monday."""
        return dict(sorted(self._by(lambda cell: cell.day - timedelta(days=cell.day.weekday())).items()))

    def by_day(self) -> dict[date, ErrorRate]:
        """Return the error rate of each day with feedback."""
        return dict(sorted(self._by(lambda cell: cell.day).items()))

    def _by(self, key: Callable[[Cell], K]) -> dict[K, ErrorRate]:
        parts: dict[K, list[Cell]] = defaultdict(list)
        for each in self.cells:
            parts[key(each)].append(each)
        return {name: _rate(cells) for name, cells in parts.items()}


def feedback_count(session: Session, chosen: FeedbackFilter) -> int:
    """Return how many opinions are in force."""
    counted = select(func.count()).select_from(Feedback)
    return session.exec(counted.where(*_conditions(chosen))).one()


def opinions_in_order(session: Session, chosen: FeedbackFilter, most: int) -> list[tuple[date, bool]]:
    """Return the latest opinions in force as they were given: each one's day, and whether it was wrong.

    In the order of their arrival, which no clock that was put back changes.
    """
    wanted = columns(col(Feedback.created_at), col(Feedback.type))
    wanted = wanted.where(*_conditions(chosen)).order_by(col(Feedback.id).desc()).limit(most)
    found = [
        (at.astimezone(UTC).date(), kind != FeedbackType.CORRECT.value)
        for at, kind in session.execute(wanted)
    ]
    return found[::-1]


def feedback_figures(session: Session, chosen: FeedbackFilter) -> FeedbackFigures:
    """Count the opinions in force, in one statement."""
    at = col(Feedback.created_at)
    utc = at if session.get_bind().dialect.name == "sqlite" else func.timezone("UTC", at)
    keys = (
        func.date(utc),
        col(Feedback.version_id),
        col(Feedback.type),
        col(Feedback.original),
        func.coalesce(col(Feedback.corrected_class), col(Feedback.corrected_level)),
    )
    counted = columns(*keys, func.count()).where(*_conditions(chosen)).group_by(*keys)
    rows = session.execute(counted.order_by(*keys)).all()
    return FeedbackFigures(
        [
            Cell(_date(day), version_id, FeedbackType(kind), original, corrected, count)
            for day, version_id, kind, original, corrected, count in rows
        ]
    )


def _conditions(chosen: FeedbackFilter) -> list[ColumnElement[bool]]:
    conditions = [col(Feedback.current).is_(True), col(Feedback.family) == chosen.family.value]
    if chosen.since is not None:
        conditions.append(col(Feedback.created_at) >= chosen.since)
    if chosen.until is not None:
        conditions.append(col(Feedback.created_at) < chosen.until)
    if chosen.version_id is not None:
        conditions.append(col(Feedback.version_id) == chosen.version_id)
    return conditions


def _date(day: date | str) -> date:
    """Return a day, which SQLite gives as text."""
    return date.fromisoformat(day) if isinstance(day, str) else day


def _rate(cells: Iterable[Cell]) -> ErrorRate:
    counted = [(each.count, each.type is not FeedbackType.CORRECT) for each in cells]
    return ErrorRate(sum(count for count, _ in counted), sum(count for count, wrong in counted if wrong))
