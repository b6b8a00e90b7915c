"""Predictions summed up by day: as they are made, and anew from all of them where that is asked."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from functools import reduce
from operator import add
from typing import Any, TypeVar

from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from ml.monitoring.sketches import Sketch
from schema.models.models import ModelAlias
from schema.models.monitoring import NO_VERSION, PredictionDay
from schema.models.predictions import ModelFamily, Prediction

AT_ONCE = 5_000
"""Predictions read at a time."""

_UNREAD: Any = (defer(Prediction.answer), defer(Prediction.visit))  # type: ignore[arg-type]

K = TypeVar("K", date, int)
Key = tuple[str, date, int, str]
"""Family, day, version and alias."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Predictions that have something in common, and the sum of their confidences."""

    count: int
    confidence: float

    def __add__(self, other: "Slice") -> "Slice":
        return Slice(self.count + other.count, self.confidence + other.confidence)


@dataclass(frozen=True, slots=True)
class Tally:
    """What predictions amount to; those of two days are added by ``+``."""

    total: int = 0
    answered: int = 0
    problems: Mapping[str, int] = field(default_factory=dict)
    latency: Sketch = field(default_factory=lambda: Sketch("latency_ms", {}))
    confidence: Sketch = field(default_factory=lambda: Sketch("confidence", {}))
    classes: Mapping[str, int] = field(default_factory=dict)
    quality: Mapping[str, int] = field(default_factory=dict)
    slices: Mapping[str, Slice] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Prediction) -> "Tally":
        """Return what one prediction amounts to."""
        classes = {made.level: 1} if made.level else {name: n for name, n in made.counts.items() if n}
        sure = made.confidence
        return cls(
            total=1,
            answered=int(made.ml_available),
            problems={made.ml_error: 1} if made.ml_error else {},
            latency=Sketch.of("latency_ms", [made.latency_ms]),
            confidence=Sketch.of("confidence", [] if sure is None else [sure]),
            classes=classes,
            quality={made.quality: 1} if made.quality else {},
            slices={} if sure is None else {name: Slice(1, sure) for name in made.slices or ()},
        )

    @classmethod
    def read(cls, row: PredictionDay) -> "Tally":
        """Return what a row has."""
        return cls(
            row.total,
            row.answered,
            row.problems,
            Sketch.from_json("latency_ms", row.latency),
            Sketch.from_json("confidence", row.confidence),
            row.classes,
            row.quality,
            {name: Slice(*each) for name, each in row.slices.items()},
        )

    def write(self, row: PredictionDay) -> None:
        """Put it into a row."""
        row.total, row.answered = self.total, self.answered
        row.problems, row.classes, row.quality = dict(self.problems), dict(self.classes), dict(self.quality)
        row.latency, row.confidence = self.latency.to_json(), self.confidence.to_json()
        row.slices = {name: (each.count, each.confidence) for name, each in self.slices.items()}

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.total + other.total,
            self.answered + other.answered,
            _sum(self.problems, other.problems),
            self.latency + other.latency,
            self.confidence + other.confidence,
            _sum(self.classes, other.classes),
            _sum(self.quality, other.quality),
            {
                name: self.slices.get(name, Slice(0, 0.0)) + other.slices.get(name, Slice(0, 0.0))
                for name in (*self.slices, *(each for each in other.slices if each not in self.slices))
            },
        )


@dataclass(frozen=True, slots=True)
class DayFilter:
    """Which days are summed up; what is None does not narrow.

    Parameters
    ----------
    since, until
        The first and the last day, in UTC.
    """

    family: ModelFamily
    since: date
    until: date
    version_id: int | None = None


def key_of(made: Prediction) -> Key:
    """Return the row that a prediction belongs to."""
    day = made.created_at.astimezone(UTC).date()
    return made.family, day, made.version_id or NO_VERSION, made.alias


def enter(session: Session, made: Prediction) -> None:
    """Add a prediction to its day, in the transaction that keeps it."""
    row = _row(session, key_of(made))
    (Tally.read(row) + Tally.of(made)).write(row)


def by_day(session: Session, chosen: DayFilter) -> dict[date, Tally]:
    """Return what each day with predictions amounts to, the first day first."""
    return _by(session, chosen, lambda row: row.day)


def by_version(session: Session, chosen: DayFilter) -> dict[int, Tally]:
    """Return what each version's predictions amount to, those of no version under `NO_VERSION`."""
    return _by(session, chosen, lambda row: row.version_id)


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum."""
    return reduce(add, tallies, Tally())


def counted_anew(session: Session) -> dict[Key, Tally]:
    """Return what all predictions amount to, from their own rows; as slow as there are many."""
    found: dict[Key, Tally] = {}
    for batch in _batches(session):
        parts: dict[Key, list[Tally]] = defaultdict(list)
        for made in batch:
            parts[key_of(made)].append(Tally.of(made))
        for key, tallies in parts.items():
            found[key] = found.get(key, Tally()) + total(tallies)
        session.expunge_all()
    return found


def count_anew(session: Session) -> int:
    """Put what all predictions amount to in the place of what is kept; return how many there are."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
        # Whoever keeps a prediction meanwhile enters it after this, and nobody sees it before.
        session.execute(text("LOCK TABLE prediction_day IN EXCLUSIVE MODE"))
    found = counted_anew(session)
    session.execute(delete(PredictionDay))
    for (family, day, version_id, alias), tally in found.items():
        row = PredictionDay(family=family, day=day, version_id=version_id, alias=alias)
        tally.write(row)
        session.add(row)
    return sum(each.total for each in found.values())


def _by(session: Session, chosen: DayFilter, key: Callable[[PredictionDay], K]) -> dict[K, Tally]:
    wanted = select(PredictionDay).where(
        PredictionDay.family == chosen.family.value,
        col(PredictionDay.day) >= chosen.since,
        col(PredictionDay.day) <= chosen.until,
        PredictionDay.alias != ModelAlias.SHADOW.value,  # nobody was answered with those
    )
    if chosen.version_id is not None:
        wanted = wanted.where(PredictionDay.version_id == chosen.version_id)
    found: dict[K, list[Tally]] = defaultdict(list)
    for row in session.exec(wanted.order_by(col(PredictionDay.day))):
        found[key(row)].append(Tally.read(row))
    return {each: total(tallies) for each, tallies in found.items()}


def _row(session: Session, key: Key) -> PredictionDay:
    """Return the row of a day, locked until the transaction ends; made where there is none yet."""
    family, day, version_id, alias = key
    its = select(PredictionDay).where(
        PredictionDay.family == family,
        PredictionDay.day == day,
        PredictionDay.version_id == version_id,
        PredictionDay.alias == alias,
    )
    found = session.exec(its.with_for_update()).first()
    if found is None:
        try:
            with session.begin_nested():
                session.add(PredictionDay(family=family, day=day, version_id=version_id, alias=alias))
        except IntegrityError:  # another process made it at the same moment
            pass
        found = session.exec(its.with_for_update()).one()
    return found


def _batches(session: Session) -> Iterator[list[Prediction]]:
    """Yield all predictions in batches, without their answers."""
    last = 0
    while True:
        rows = select(Prediction).where(col(Prediction.id) > last).order_by(col(Prediction.id))
        batch = list(session.exec(rows.options(*_UNREAD).limit(AT_ONCE)))
        if not batch:
            return
        last = batch[-1].id or last
        yield batch


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))
