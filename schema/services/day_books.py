"""Predictions summed up by day: as they are made, and anew from all of them where that is asked."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, Row, String, cast
from sqlalchemy import select as columns
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from ml.monitoring.sketches import Sketch, place
from schema.models.models import ModelAlias
from schema.models.monitoring import NO_VERSION, PredictionDay
from schema.models.predictions import ModelFamily, Prediction
from schema.models.segmentations import SegmentationStatus

AT_ONCE = 5_000
"""Predictions read at a time."""

_NEARLY = 1e-6
"""By how much sums of confidences may differ by the order in which they were added up."""

K = TypeVar("K", date, int)
Key = tuple[str, date, int, str]
"""Family, day, version and alias."""

_COUNTED: tuple[Any, ...] = (
    *(Prediction.family, Prediction.created_at, Prediction.version_id, Prediction.alias),
    *(Prediction.ml_available, Prediction.ml_error, Prediction.latency_ms, Prediction.quality),
    *(Prediction.level, Prediction.counts, Prediction.confidence, Prediction.slices, Prediction.watched),
)
"""What is counted of a prediction; its answer and its visit are not read."""
_SUMMED: tuple[Any, ...] = (
    *(PredictionDay.total, PredictionDay.answered),
    *(
        cast(each, String)
        for each in (
            *(PredictionDay.problems, PredictionDay.classes, PredictionDay.quality),
            *(PredictionDay.latency, PredictionDay.confidence, PredictionDay.slices),
        )
    ),
)
"""What of a day figures are told from: its text of JSON is read here."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Predictions that have something in common, and the sum of their confidences."""

    count: int
    confidence: float


_NONE = Slice(0, 0.0)


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
    watched: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Prediction) -> "Tally":
        """Return what one prediction amounts to."""
        sums = _Sums()
        sums.enter(made)
        return sums.tally()

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
            row.watched or {},
        )

    def write(self, row: PredictionDay) -> None:
        """Put it into a row."""
        row.total, row.answered = self.total, self.answered
        row.problems, row.classes, row.quality = dict(self.problems), dict(self.classes), dict(self.quality)
        row.latency, row.confidence = self.latency.to_json(), self.confidence.to_json()
        row.slices = {name: (each.count, each.confidence) for name, each in self.slices.items()}
        row.watched = dict(self.watched) or None

    def __add__(self, other: "Tally") -> "Tally":
        return total((self, other))

    def __sub__(self, other: "Tally") -> "Tally":
        """Return what the other lacks of this; negative where it has too much."""
        sums = _Sums()
        sums.add(self)
        sums.add(other, -1)
        return sums.tally()


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

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return them; what was said in the shadow answered nobody."""
        narrowed = [
            col(PredictionDay.family) == self.family.value,
            col(PredictionDay.day) >= self.since,
            col(PredictionDay.day) <= self.until,
            col(PredictionDay.alias) != ModelAlias.SHADOW.value,
        ]
        if self.version_id is not None:
            narrowed.append(col(PredictionDay.version_id) == self.version_id)
        return narrowed


def key_of(made: Prediction | Row[Any]) -> Key:
    """Return the row that a prediction belongs to."""
    day = made.created_at.astimezone(UTC).date()
    return made.family, day, made.version_id or NO_VERSION, made.alias


def enter(session: Session, made: Prediction) -> None:
    """Add a prediction to its day, in the transaction that keeps it."""
    correct(session, key_of(made), Tally.of(made))


def leave(session: Session, case_id: int) -> None:
    """Take the predictions of a case out of their days, in the transaction that removes them."""
    its = columns(*_COUNTED).where(col(Prediction.case_id) == case_id)
    for key, tally in sorted(_counted(session.execute(its)).items()):
        correct(session, key, Tally() - tally)


def correct(session: Session, key: Key, by: Tally) -> None:
    """Add what a day lacks; one of which nothing is left is no more."""
    row = _row(session, key)
    tally = Tally.read(row) + by
    if tally.total:
        tally.write(row)
    else:
        session.delete(row)


def by_day(session: Session, chosen: DayFilter) -> dict[date, Tally]:
    """Return what each day with predictions amounts to, the first day first; nothing of what is watched."""
    return _by(session, chosen, col(PredictionDay.day))


def by_version(session: Session, chosen: DayFilter) -> dict[int, Tally]:
    """Return what each version's predictions amount to, those of no version under `NO_VERSION`."""
    return _by(session, chosen, col(PredictionDay.version_id))


def watched_by_day(session: Session, chosen: DayFilter) -> dict[date, Mapping[str, int]]:
    """Return what is watched of each day that has any, the first day first; of one version, to make sense."""
    wanted = columns(col(PredictionDay.day), col(PredictionDay.watched)).where(
        *chosen.conditions(), col(PredictionDay.watched).is_not(None)
    )
    days: dict[date, Counter[str]] = defaultdict(Counter)
    for day, watched in session.execute(wanted.order_by(col(PredictionDay.day))):
        days[day].update(watched)
    return dict(days)


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum."""
    sums = _Sums()
    for each in tallies:
        sums.add(each)
    return sums.tally()


def kept_days(session: Session) -> dict[Key, Tally]:
    """Return what is kept of every day."""
    return {
        (row.family, row.day, row.version_id, row.alias): Tally.read(row)
        for row in session.exec(select(PredictionDay))
    }


def counted_anew(session: Session) -> dict[Key, Tally]:
    """Return what all predictions amount to, from their own rows; as slow as there are many."""
    return _counted(session.execute(columns(*_COUNTED).execution_options(yield_per=AT_ONCE)))


def _counted(rows: Iterable[Row[Any]]) -> dict[Key, Tally]:
    found: dict[Key, _Sums] = defaultdict(_Sums)
    for made in rows:
        found[key_of(made)].enter(made)
    return {key: sums.tally() for key, sums in found.items()}


def _by(session: Session, chosen: DayFilter, key: Mapped[K]) -> dict[K, Tally]:
    found: dict[K, _Texts] = defaultdict(_Texts)
    wanted = columns(key, *_SUMMED).where(*chosen.conditions()).order_by(key)
    for each, *summed in session.execute(wanted):
        found[each].add(*summed)
    return {each: texts.tally() for each, texts in found.items()}


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


class _Texts:
    """Adds up days as they are kept, whose texts are read here alone: a thousand rows have megabytes."""

    def __init__(self) -> None:
        self._total = self._answered = 0
        self._counts: tuple[dict[str, int], ...] = ({}, {}, {}, {}, {})
        self._slices: dict[str, Slice] = {}

    def add(self, total: int, answered: int, *texts: str) -> None:
        """Add a day of a version and alias."""
        self._total += total
        self._answered += answered
        *counted, slices = map(orjson.loads, texts)
        for sums, counts in zip(self._counts, counted, strict=True):
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
        for name, (count, confidence) in slices.items():
            before = self._slices.get(name, _NONE)
            self._slices[name] = Slice(before.count + count, before.confidence + confidence)

    def tally(self) -> Tally:
        """Return the sum."""
        problems, classes, quality, latency, confidence = self._counts
        return Tally(
            self._total,
            self._answered,
            problems,
            Sketch.from_json("latency_ms", latency),
            Sketch.from_json("confidence", confidence),
            classes,
            quality,
            self._slices,
        )


class _Sums:
    """Adds up in place what is too much to be copied with each."""

    def __init__(self) -> None:
        self._total = self._answered = 0
        self._problems, self._classes, self._quality = Counter[str](), Counter[str](), Counter[str]()
        self._latency, self._confidence = Counter[int](), Counter[int]()
        self._sliced, self._sure = Counter[str](), defaultdict[str, float](float)
        self._watched = Counter[str]()

    def enter(self, made: Prediction | Row[Any]) -> None:
        """Add a prediction."""
        self._total += 1
        self._answered += made.ml_available
        if made.ml_error:
            self._problems[made.ml_error] += 1
        self._latency[place("latency_ms", made.latency_ms)] += 1
        self._classes.update(_classes(made))
        if made.quality:
            self._quality[made.quality] += 1
        # Visits that the scale alone answered were once kept with a confidence of 0, which is nobody's.
        if made.ml_available and made.confidence is not None and math.isfinite(made.confidence):
            self._confidence[place("confidence", made.confidence)] += 1
            for name in made.slices or ():
                self._sliced[name] += 1
                self._sure[name] += made.confidence
        self._watched.update(f"{feature}:{bin_}" for feature, bin_ in enumerate(made.watched or ()))

    def add(self, tally: Tally, times: int = 1) -> None:
        """Add a tally so many times; with -1 it is taken away."""
        self._total += times * tally.total
        self._answered += times * tally.answered
        for sums, counts in (
            (self._problems, tally.problems),
            (self._classes, tally.classes),
            (self._quality, tally.quality),
            (self._watched, tally.watched),
        ):
            for name, count in counts.items():
                sums[name] += times * count
        for places, sketch in ((self._latency, tally.latency), (self._confidence, tally.confidence)):
            for at, count in sketch.counts.items():
                places[at] += times * count
        for name, each in tally.slices.items():
            self._sliced[name] += times * each.count
            self._sure[name] += times * each.confidence

    def tally(self) -> Tally:
        """Return the sum, without what there is none of."""
        return Tally(
            self._total,
            self._answered,
            _there(self._problems),
            Sketch("latency_ms", _there(self._latency)),
            Sketch("confidence", _there(self._confidence)),
            _there(self._classes),
            _there(self._quality),
            {
                name: Slice(count, self._sure[name])
                for name, count in self._sliced.items()
                if count or abs(self._sure[name]) > _NEARLY
            },
            _there(self._watched),
        )


def _there(counts: Mapping[Any, int]) -> dict[Any, int]:
    return {name: count for name, count in counts.items() if count}


def _classes(made: Prediction | Row[Any]) -> Mapping[str, int]:
    """Return the level of a visit, the beats of a recording, what became of a segmentation."""
    if made.family == ModelFamily.SEGMENTATION.value:
        return {(SegmentationStatus.SUCCEEDED if made.ml_available else SegmentationStatus.FAILED).value: 1}
    return {made.level: 1} if made.level else made.counts
