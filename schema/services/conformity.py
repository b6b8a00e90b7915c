"""What a month's conformity report says: models, data, figures, incidents and human oversight, of nobody.

Everything is read from rows that are never altered (the trail, predictions by day, trainings), and of the
month alone, so that the same month with the same rows is the same report whenever it is made. Months and days
are in UTC, as those of monitoring.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from schema.errors import ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.models.alerts import Alert
from schema.models.models import Model, ModelVersion, Retraining
from schema.models.monitoring import PredictionDay
from schema.models.predictions import Feedback, FeedbackType, ModelFamily
from schema.models.promotions import Comparison, Trial
from schema.services.alerts import alerts_between
from schema.services.drift import DriftReport, drift
from schema.services.feedback_statistics import FeedbackFigures, FeedbackFilter, Part, feedback_figures
from schema.services.monitoring import Figures, Watched, daily, summary

FEWEST_READERS = 5
"""What fewer readers think is not told: it might say who thinks so."""
DEPLOYED = ("model.promoted", "model.rolled_back", "model.adopted")
DECIDED = (
    *DEPLOYED,
    "model.trial_started",
    "model.trial_stopped",
    "model.policy_set",
    "model.comparison_asked",
)
WRITTEN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    """A month in UTC."""

    year: int
    number: int

    @classmethod
    def read(cls, text: str) -> "Month":
        """Return the month that is written ``2026-10``; raises ValidationFailedError."""
        found = WRITTEN.fullmatch(text)
        if found is None or int(found[1]) < 1:
            raise ValidationFailedError.of("month", "no_month")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def before(cls, at: datetime) -> "Month":
        """Return the last month that is over."""
        last = at.astimezone(UTC).date().replace(day=1) - timedelta(days=1)
        return cls(last.year, last.month)

    @property
    def since(self) -> date:
        """Return the first day."""
        return date(self.year, self.number, 1)

    @property
    def until(self) -> date:
        """Return the last day."""
        return self.next.since - timedelta(days=1)

    @property
    def next(self) -> "Month":
        """Return the month after."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def begins(self) -> datetime:
        """Return its first moment."""
        return datetime.combine(self.since, time(), UTC)

    @property
    def ends(self) -> datetime:
        """Return the first moment after it."""
        return datetime.combine(self.next.since, time(), UTC)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about a model, as the trail has it.

    Parameters
    ----------
    role
        Of whoever decided; None of a policy or of the store. Who it was the trail says.
    obstacles
        What spoke against a promotion that was decided all the same.
    """

    sequence: int
    at: datetime
    action: str
    role: str | None
    alias: str | None
    version: int | None
    replaced: int | None
    obstacles: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A version that was deployed or asked in the month.

    Parameters
    ----------
    aliases
        What it was deployed as when the month ended.
    """

    version: ModelVersion
    aliases: Sequence[str]
    figures: Figures
    drift: DriftReport


@dataclass(frozen=True, slots=True)
class Opinions:
    """What readers thought; `figures` is None where they are too few to be told."""

    total: int
    figures: FeedbackFigures | None

    @property
    def overrides(self) -> int:
        """Return how many did not confirm what the model had said."""
        kinds = self.figures.by_type() if self.figures else {}
        return sum(count for kind, count in kinds.items() if kind is not FeedbackType.CORRECT)


@dataclass(frozen=True, slots=True)
class FamilySheet:
    """A family of models in the month."""

    family: ModelFamily
    figures: Figures
    failing: Sequence[Figures]
    sheets: Sequence[Sheet]
    deployed_before: dict[str, int]
    deployed_after: dict[str, int]
    decisions: Sequence[Decision]
    opinions: Opinions
    trainings: Sequence[Retraining]
    comparisons: Sequence[Comparison]
    trials: Sequence[Trial]
    alerts: Sequence[Alert]


@dataclass(frozen=True, slots=True)
class Conformity:
    """All of a month.

    Parameters
    ----------
    trail
        Number and seal of the last row of the trail that is of the month or before.
    """

    month: Month
    families: Sequence[FamilySheet]
    trail: tuple[int, str] | None


def conformity(session: Session, month: Month) -> Conformity:
    """Return what a month's report says."""
    families = [_family(session, family, month) for family in ModelFamily]
    last = (
        select(AuditEvent.sequence, AuditEvent.hash)
        .where(col(AuditEvent.at) < month.ends)
        .order_by(col(AuditEvent.sequence).desc())
    )
    row = session.exec(last.limit(1)).first()
    return Conformity(month, [each for each in families if each is not None], row and (row[0], row[1]))


def _family(session: Session, family: ModelFamily, month: Month) -> FamilySheet | None:
    """Return a family; None where the platform had no version of it and nobody asked any."""
    versions = _versions(session, family, month)
    figures = summary(session, Watched(family), month.since, month.until)
    if not versions and not figures.tally.total:
        return None
    days = daily(session, Watched(family), month.since, month.until)
    before = _deployed(session, family, month.begins)
    after = _deployed(session, family, month.ends)
    decisions = _decisions(session, family, month)
    asked = _asked(session, family, month)
    concerned = {*before.values(), *after.values(), *(each.version for each in decisions if each.version)}
    sheets = [
        Sheet(
            version,
            [alias for alias, number in after.items() if number == version.number],
            summary(session, Watched(family, version.id), month.since, month.until),
            drift(session, Watched(family, version.id), month.since, month.until),
        )
        for version in versions
        if version.number in concerned or version.id in asked
    ]
    keys = [version.id or 0 for version in versions]
    return FamilySheet(
        family,
        figures,
        [day for day in days if day.tally.answered < day.tally.total],
        sheets,
        before,
        after,
        decisions,
        _opinions(session, family, month),
        _trainings(session, family, month),
        _comparisons(session, keys, month),
        _trials(session, keys, month),
        alerts_between(session, family, month.begins, month.ends),
    )


def _versions(session: Session, family: ModelFamily, month: Month) -> list[ModelVersion]:
    """Return the versions that were known by the end of the month, the oldest first."""
    rows = (
        select(ModelVersion)
        .join(Model, col(Model.id) == ModelVersion.model_id)
        .where(Model.family == family.value, col(ModelVersion.created_at) < month.ends)
    )
    return list(session.exec(rows.order_by(col(ModelVersion.id))))


def _asked(session: Session, family: ModelFamily, month: Month) -> set[int]:
    """Return the versions that answered in the month."""
    rows = select(PredictionDay.version_id).where(
        PredictionDay.family == family.value,
        col(PredictionDay.day) >= month.since,
        col(PredictionDay.day) <= month.until,
    )
    return set(session.exec(rows.distinct()))


def _deployed(session: Session, family: ModelFamily, at: datetime) -> dict[str, int]:
    """Return which version each alias meant at a moment, by the trail."""
    events = (
        select(AuditEvent)
        .where(col(AuditEvent.action).in_(DEPLOYED), col(AuditEvent.at) < at)
        .order_by(col(AuditEvent.sequence))
    )
    ours = [each.detail for each in session.exec(events) if each.detail.get("family") == family.value]
    return dict(sorted((detail["alias"], detail["version"]) for detail in ours))


def _decisions(session: Session, family: ModelFamily, month: Month) -> list[Decision]:
    rows = (
        select(AuditEvent, Account.role)
        .outerjoin(Account, col(Account.id) == AuditEvent.actor_id)
        .where(
            col(AuditEvent.action).in_(DECIDED),
            col(AuditEvent.at) >= month.begins,
            col(AuditEvent.at) < month.ends,
        )
        .order_by(col(AuditEvent.sequence))
    )
    return [
        Decision(
            event.sequence,
            event.at,
            event.action,
            role,
            event.detail.get("alias"),
            event.detail.get("version"),
            event.detail.get("replaced"),
            tuple(event.detail.get("obstacles", ())),
        )
        for event, role in session.exec(rows)
        if event.detail.get("family") == family.value
    ]


def _opinions(session: Session, family: ModelFamily, month: Month) -> Opinions:
    figures = feedback_figures(session, FeedbackFilter(family, month.begins, month.ends), Part.ALL)
    readers = select(func.count(func.distinct(Feedback.reader))).where(
        col(Feedback.current).is_(True),
        Feedback.family == family.value,
        col(Feedback.created_at) >= month.begins,
        col(Feedback.created_at) < month.ends,
    )
    told = session.exec(readers).one() >= FEWEST_READERS
    return Opinions(figures.total, figures if told else None)


def _trainings(session: Session, family: ModelFamily, month: Month) -> list[Retraining]:
    """Return the trainings that ended in the month."""
    rows = select(Retraining).where(
        Retraining.family == family.value,
        col(Retraining.finished_at) >= month.begins,
        col(Retraining.finished_at) < month.ends,
    )
    return list(session.exec(rows.order_by(col(Retraining.id))))


def _comparisons(session: Session, versions: Sequence[int], month: Month) -> list[Comparison]:
    rows = select(Comparison).where(
        col(Comparison.challenger_id).in_(versions),
        col(Comparison.finished_at) >= month.begins,
        col(Comparison.finished_at) < month.ends,
    )
    return list(session.exec(rows.order_by(col(Comparison.id))))


def _trials(session: Session, versions: Sequence[int], month: Month) -> list[Trial]:
    """Return the A/B tests that were under way in the month."""
    rows = select(Trial).where(
        col(Trial.challenger_id).in_(versions),
        col(Trial.started_at) < month.ends,
        col(Trial.stopped_at).is_(None) | (col(Trial.stopped_at) >= month.begins),
    )
    return list(session.exec(rows.order_by(col(Trial.id))))
