"""What readers think of predictions, in figures: no row of anybody, so analysts may see it.

Opinions on one recording or visit are alike: a reader who corrects a hundred beats of one ECG says little
about other ECGs. Intervals are therefore Wilson's on the effective sample size, which is the number of
opinions over the design effect of the predictions that they are about (L. Kish, Survey Sampling, 1965;
N. Dean and M. Pagano, Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys,
J. Surv. Stat. Methodol. 3, 2015, 484-503). Where a few predictions have most of the opinions, these few tell
how wide the interval is: predictions count by how evenly opinions are spread over them (Kish's effective
number), and Student's t has as many degrees of freedom, less one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from math import sqrt
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    SQLColumnExpression,
    Text,
    case,
    cast,
    distinct,
    func,
    literal,
)
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from schema.models.predictions import Feedback, FeedbackType, ModelFamily, Prediction

K = TypeVar("K")
LEAST = 30
"""Of fewer opinions no share is told: one more would change it by points."""
LEAST_JUDGED = 30
"""Of fewer predictions (recordings, visits), as evenly judged, no interval is told and no error an alert.

Nor is what would be of a few patients, if somebody narrowed figures down to them: groups, the matrix.
"""
CONFIDENCE = 0.95


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


class Part(Enum):
    """What spreads of opinions are counted of."""

    ALL = "all"
    VERSION = "version"
    WEEK = "week"
    MATRIX = "matrix"


@dataclass(frozen=True, slots=True)
class Spread:
    """How opinions are spread over predictions and readers.

    Parameters
    ----------
    judged, readers
        How many predictions they are about, and whose they are.
    totals, errors, products
        Sums over the predictions: of the squared number of opinions, of the squared number of errors, and of
        one times the other.
    """

    judged: int
    readers: int
    totals: int
    errors: int
    products: int


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How often readers find predictions wrong; no share of few opinions.

    Parameters
    ----------
    spread
        None where it was not counted; there is no interval then.
    """

    total: int
    errors: int
    spread: Spread | None = None

    @property
    def share(self) -> float | None:
        """Return the share, 0 to 1; None of too few."""
        return self.errors / self.total if self.total >= LEAST else None

    @property
    def evenly_judged(self) -> float:
        """Return how many predictions with equally many opinions each would tell as much: all, at most."""
        return self.total**2 / self.spread.totals if self.spread and self.total else 0.0

    @property
    def firm(self) -> bool:
        """Return whether predictions enough are judged that an interval is told, and an error an alert."""
        return self.share is not None and self.evenly_judged >= LEAST_JUDGED

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return where the share is, but for chance, at 95 %; None of too few opinions or predictions."""
        if self.share is None or self.spread is None or not self.firm:
            return None
        from scipy.special import stdtrit  # noqa: PLC0415 - SciPy, with the first interval

        t = float(stdtrit(self.evenly_judged - 1, (1 + CONFIDENCE) / 2))
        n, square = self._effective(self.share, self.spread), t**2
        middle = (self.share + square / (2 * n)) / (1 + square / n)
        half = t / (1 + square / n) * sqrt(self.share * (1 - self.share) / n + square / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def _effective(self, share: float, spread: Spread) -> float:
        """Return as how many independent opinions these count.

        Where all opinions agree nothing tells how alike those on one prediction are: they count as one.
        """
        if self.errors in {0, self.total}:
            return self.evenly_judged
        squares = spread.errors - 2 * share * spread.products + share**2 * spread.totals
        variance = spread.judged / (spread.judged - 1) * squares / self.total**2
        return min(self.total, share * (1 - share) / variance) if variance > 0 else self.total


@dataclass(frozen=True)
class FeedbackFigures:
    """Feedback, counted; every figure is a sum of its cells.

    Parameters
    ----------
    spreads
        How the opinions of each part are spread, as far as it was asked for.
    """

    cells: Sequence[Cell]
    spreads: Mapping[Part, Mapping[Any, Spread]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return how many opinions there are."""
        return sum(each.count for each in self.cells)

    @property
    def error_rate(self) -> ErrorRate:
        """Return how often they find predictions wrong."""
        return _rate(self.cells, self.spreads.get(Part.ALL, {}).get(None))

    def by_type(self) -> dict[FeedbackType, int]:
        """Return how many there are of each type."""
        return {kind: sum(each.count for each in self.cells if each.type is kind) for kind in FeedbackType}

    def matrix(self) -> dict[tuple[str, str | None], int] | None:
        """Return how many there are of what was said and what it should have been; None of few predictions.

        What was confirmed is on the diagonal; None stands for a correction that does not tell. Only opinions
        that have a place in it count.
        """
        told = [each for each in self.cells if each.original is not None]
        if told and not _rate(told, self.spreads.get(Part.MATRIX, {}).get(True)).firm:
            return None
        counts = Counter[tuple[str, str | None]]()
        for each in told:
            right = each.original if each.type is FeedbackType.CORRECT else each.corrected
            counts[each.original or "", right] += each.count
        return dict(counts)

    def by_version(self) -> dict[int | None, ErrorRate]:
        """Return the error rate of each version, and under None that of answers without a model."""
        return self._by(lambda cell: cell.version_id, Part.VERSION)

    def by_week(self) -> dict[date, ErrorRate]:
        """Return the error rate of each week in which there was feedback, by its Monday."""
        weeks = self._by(lambda cell: cell.day - timedelta(days=cell.day.weekday()), Part.WEEK)
        return dict(sorted(weeks.items()))

    def by_day(self) -> dict[date, ErrorRate]:
        """Return the error rate of each day with feedback."""
        return dict(sorted(self._by(lambda cell: cell.day).items()))

    def _by(self, key: Callable[[Cell], K], part: Part | None = None) -> dict[K, ErrorRate]:
        spreads = self.spreads.get(part, {}) if part else {}
        parts: dict[K, list[Cell]] = defaultdict(list)
        for each in self.cells:
            parts[key(each)].append(each)
        return {name: _rate(cells, spreads.get(name)) for name, cells in parts.items()}


def feedback_count(session: Session, chosen: FeedbackFilter) -> int:
    """Return how many opinions are in force."""
    counted = select(func.count()).select_from(Feedback)
    return session.exec(counted.where(*_conditions(chosen))).one()


def judged_in_order(session: Session, chosen: FeedbackFilter, most: int) -> list[tuple[date, float]]:
    """Return the latest predictions that opinions in force are about: each one's day and share of errors.

    The day is that of the first opinion on it, and so is the order: by arrival, which no clock that was put
    back changes. One value each, since opinions on one prediction are alike: a sequence of these changes with
    each recording.
    """
    wrong = case((col(Feedback.type) == FeedbackType.CORRECT.value, 0.0), else_=1.0)
    alike = columns(func.min(Feedback.id).label("first"), func.avg(wrong).label("share"))
    each = alike.where(*_conditions(chosen)).group_by(col(Feedback.prediction_id)).subquery()
    wanted = columns(col(Feedback.created_at), each.c.share).join(each, each.c.first == Feedback.id)
    latest = session.execute(wanted.order_by(each.c.first.desc()).limit(most))
    return [(at.astimezone(UTC).date(), float(share)) for at, share in latest][::-1]


def feedback_figures(session: Session, chosen: FeedbackFilter, *parts: Part) -> FeedbackFigures:
    """Count the opinions in force, in one statement, and in two more how those of each part are spread."""
    utc = _utc(session)
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
        ],
        {part: _spreads(session, chosen, part) for part in parts},
    )


def feedback_by_group(session: Session, chosen: FeedbackFilter) -> dict[str, ErrorRate]:
    """Return how often predictions of each group are found wrong; only of groups that an interval is told of.

    Predictions of the same groups are counted together in the database: there are few such lists.
    """
    key: Label[Any] = cast(col(Prediction.slices), Text).label("key")
    grouped = (col(Prediction.id) == Feedback.prediction_id, col(Prediction.slices).is_not(None))
    pairs = columns(key, col(Feedback.reader)).where(*_conditions(chosen), *grouped).distinct()
    readers: dict[str, set[str]] = defaultdict(set)
    for listed, reader in session.execute(pairs):
        for name in orjson.loads(listed):
            readers[name].add(reader)
    sums: dict[str, list[int]] = {}
    for listed, *counts in session.execute(_sums(key, *_conditions(chosen), *grouped)):
        for name in orjson.loads(listed):
            before = sums.get(name, [0] * len(counts))
            sums[name] = [was + int(more) for was, more in zip(before, counts, strict=True)]
    rates = {
        name: ErrorRate(total, errors, Spread(judged, len(readers[name]), *squares))
        for name, (judged, total, errors, *squares) in sums.items()
    }
    return {name: rate for name, rate in rates.items() if rate.firm}


def _spreads(session: Session, chosen: FeedbackFilter, part: Part) -> dict[Any, Spread]:
    """Count how the opinions of each version or week, in the matrix or not, or all, are spread."""
    key: Label[Any] = _key(session, part).label("key")
    sums = session.execute(_sums(key, *_conditions(chosen))).all()
    counted = (
        columns(key, func.count(distinct(col(Feedback.reader)))).where(*_conditions(chosen)).group_by(key)
    )
    readers = dict(iter(session.execute(counted)))
    return {
        _date(name) if part is Part.WEEK else name: Spread(
            judged, readers[name], *(int(each) for each in squares)
        )
        for name, judged, _total, _errors, *squares in sums
    }


def _sums(key: Label[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return how to ask, of each key, for predictions, opinions and errors, and the sums of a spread."""
    wrong = case((col(Feedback.type) == FeedbackType.CORRECT.value, 0), else_=1)
    alike = (
        columns(key, func.count().label("total"), func.sum(wrong).label("errors"))
        .where(*conditions)
        .group_by(key, col(Feedback.prediction_id))
        .subquery()
    )
    total, errors = alike.c.total, alike.c.errors
    squares = (func.sum(total * total), func.sum(errors * errors), func.sum(total * errors))
    counts = (func.count(), func.sum(total), func.sum(errors), *squares)
    return columns(alike.c.key, *counts).group_by(alike.c.key)


def _key(session: Session, part: Part) -> SQLColumnExpression[Any]:
    if part is Part.ALL:
        return literal(None)
    if part is Part.VERSION:
        return col(Feedback.version_id)
    if part is Part.MATRIX:
        return col(Feedback.original).is_not(None)
    if session.get_bind().dialect.name == "sqlite":
        return func.date(_utc(session), "weekday 0", "-6 days")
    return func.date(func.date_trunc("week", _utc(session)))


def _utc(session: Session) -> SQLColumnExpression[Any]:
    """Return when an opinion was given, as its day is to be taken."""
    at = col(Feedback.created_at)
    return at if session.get_bind().dialect.name == "sqlite" else func.timezone("UTC", at)


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


def _rate(cells: Iterable[Cell], spread: Spread | None) -> ErrorRate:
    counted = [(each.count, each.type is not FeedbackType.CORRECT) for each in cells]
    total, errors = sum(count for count, _ in counted), sum(count for count, wrong in counted if wrong)
    return ErrorRate(total, errors, spread)
