"""Whether what a version is asked still looks like what it learnt from, and whether its errors have changed.

Predictions keep their places in the bins of their version's reference, and days the counts of those: a window
of a million is compared as fast as one of a hundred, and nothing of one patient is needed.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ml.monitoring.adwin import changes
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.models.predictions import ModelFamily, Prediction
from schema.services.day_books import DayFilter, watched_by_day
from schema.services.feedback_statistics import LEAST, judged_in_order
from schema.services.monitoring import Watched, feedback_of

if TYPE_CHECKING:
    from ml.monitoring.drift import Drift, FeatureDrift
    from ml.monitoring.reference import Counts, Reference, Row

MOST_JUDGED = 20_000
"""The latest predictions with an opinion that are looked through for changes of the error rate."""
_REMEMBERED = 64

log = logging.getLogger(__name__)


class DriftState(StrEnum):
    """What a report of drift can say."""

    COMPARED = "compared"
    TOO_FEW = "too_few"
    NO_REFERENCE = "no_reference"
    NO_VERSION = "no_version"


@dataclass(frozen=True, slots=True)
class ErrorChange:
    """A change of the error rate, as ADWIN finds it.

    Parameters
    ----------
    since, found
        The days of the first opinion on the prediction after it, and on the one it was found with.
    before, after
        The error rates on either side, each prediction's share of opinions counting once; None of too few
        predictions.
    """

    since: date
    found: date
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was asked of a version in some days, held against what it learnt from.

    Parameters
    ----------
    version_id
        The one watched, or the champion; None where there is none.
    rows
        Predictions that are compared.
    compared
        The figures, feature by feature; None where `state` says why not.
    error_changes
        Of the opinions that were given in these days, the oldest first.
    """

    state: DriftState
    family: ModelFamily
    version_id: int | None
    since: date
    until: date
    rows: int = 0
    compared: "Drift | None" = None
    error_changes: tuple[ErrorChange, ...] = ()

    @property
    def features(self) -> "tuple[FeatureDrift, ...]":
        """Return the features' figures."""
        return self.compared.features if self.compared else ()

    @property
    def drifted(self) -> tuple[str, ...]:
        """Return the names of the features that are alarms."""
        return self.compared.drifted if self.compared else ()

    @property
    def signal_quality_drifted(self) -> bool | None:
        """Return whether recordings are of another quality; None where that is not told."""
        if self.compared is None or self.family is not ModelFamily.BEATS:
            return None
        return any(of_quality(name) for name in self.drifted)


def of_quality(feature: str) -> bool:
    """Return whether a feature says how good a recording is (`ml.beats.monitored.QUALITY`)."""
    return feature.partition(":")[0] == "quality"


def watch(session: Session, made: Prediction, row: "Row | None") -> None:
    """Put down where a prediction stands in its version's reference, if that has one.

    A recording that the version was asked about before is not put down again, nor the very same visit by the
    same person on the same day: the tests suppose that rows are independent.
    """
    if row is None or made.version_id is None or _seen(session, made):
        return
    reference = reference_of(session, made.version_id)
    if reference is not None:
        made.watched = list(reference.places(row))


def drift(session: Session, watched: Watched, since: date, until: date) -> DriftReport:
    """Hold what a version was asked from the first to the last day against what it learnt from.

    Parameters
    ----------
    watched
        The version, or the family, whose champion it is then.
    """
    version_id = version_of(session, watched)
    if version_id is None:
        return DriftReport(DriftState.NO_VERSION, watched.family, None, since, until)
    found = error_changes(session, watched, since, until)
    text = _text(session, version_id)
    if text is None or _read(text) is None:
        return DriftReport(
            DriftState.NO_REFERENCE, watched.family, version_id, since, until, error_changes=found
        )
    counts = Counter[str]()
    for each in watched_by_day(session, DayFilter(watched.family, since, until, version_id)).values():
        counts.update(each)
    rows = sum(number for place, number in counts.items() if place.startswith("0:"))
    compared = _compared(text, tuple(sorted(counts.items())))
    state = DriftState.TOO_FEW if compared is None else DriftState.COMPARED
    return DriftReport(state, watched.family, version_id, since, until, rows, compared, found)


def error_changes(session: Session, watched: Watched, since: date, until: date) -> tuple[ErrorChange, ...]:
    """Return when it changed how often predictions are found wrong, in the order they were first judged."""
    judged = judged_in_order(session, feedback_of(watched, since, until), MOST_JUDGED)
    found, begun = [], 0
    for each in changes(share for _, share in judged):
        found.append(
            ErrorChange(
                judged[each.at][0],
                judged[each.seen - 1][0],
                each.before if each.at - begun >= LEAST else None,
                each.after if each.seen - each.at >= LEAST else None,
            )
        )
        begun = each.seen  # it begins anew with the next
    return tuple(found)


def version_of(session: Session, watched: Watched) -> int | None:
    """Return the version that is watched: of a family its champion, None where it has none."""
    if watched.version_id is not None:
        return watched.version_id
    champion = (
        select(Deployment.version_id)
        .join(Model, col(Model.id) == Deployment.model_id)
        .where(Model.family == watched.family.value, Deployment.alias == ModelAlias.CHAMPION.value)
    )
    return session.exec(champion).first()


def reference_of(session: Session, version_id: int) -> "Reference | None":
    """Return what a version learnt from; None of one without, or whose is none."""
    text = _text(session, version_id)
    return None if text is None else _read(text)


def counts_of(reference: "Reference", watched: Mapping[str, int]) -> "Counts":
    """Return what days have counted, as it is held against the reference."""
    return {
        feature.name: tuple(watched.get(f"{number}:{bin_}", 0) for bin_ in range(feature.cells))
        for number, feature in enumerate(reference.features)
    }


def _seen(session: Session, made: Prediction) -> bool:
    what = (col(Prediction.version_id), col(Prediction.asked_by), col(Prediction.created_at))
    asked = columns(*what).where(
        col(Prediction.recording_id) == made.recording_id,
        col(Prediction.input_sha256) == made.input_sha256,
        col(Prediction.watched).is_not(None),
    )  # versions and people are compared here: SQLite would look by them, of whom one has made a million
    same = (each for each in session.execute(asked) if each.version_id == made.version_id)
    if made.recording_id is not None:
        return any(same)
    # what is known of two patients may be the same, but hardly of two whom one person sees on one day
    day = made.created_at.astimezone(UTC).date()
    return any(
        each.asked_by == made.asked_by and each.created_at.astimezone(UTC).date() == day for each in same
    )


def _text(session: Session, version_id: int) -> str | None:
    return session.exec(select(ModelVersion.reference).where(ModelVersion.id == version_id)).first()


@lru_cache(_REMEMBERED)
def _read(text: str) -> "Reference | None":
    from ml.monitoring.reference import Reference, ReferenceFormatError  # noqa: PLC0415 - NumPy, when asked

    try:
        return Reference.from_bytes(text.encode())
    except ReferenceFormatError as error:
        log.warning("a version without a reference: %s", error)
        return None


@lru_cache(_REMEMBERED)
def _compared(text: str, counts: tuple[tuple[str, int], ...]) -> "Drift | None":
    """Hold counts against a reference; the same again is not computed anew."""
    from ml.monitoring.drift import drift as compared  # noqa: PLC0415 - NumPy and SciPy, when asked

    reference = _read(text)
    return None if reference is None else compared(reference, counts_of(reference, dict(counts)))
