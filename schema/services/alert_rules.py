"""Rules of alerts: what is looked after, and who is written to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlmodel import Session, col, func, select, update

from schema.errors import ConflictError, FieldProblem, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.alerts import Alert, AlertComparison, AlertEnding, AlertMetric, AlertRule
from schema.models.models import Model, ModelVersion
from schema.models.predictions import ModelFamily
from schema.pagination import Page, PageRequest
from schema.policy import ROLE_SCOPES, Actor, Role, Scope
from schema.services import jobs
from schema.services.alerts import rule_key, settle
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.feedback_statistics import LEAST
from schema.services.paging import Sort, page_of
from schema.services.text import line

ALERT_JOB = "watch_models"
LONGEST_NAME = 100
MOST_DAYS = 90
MOST_MINIMUM = 1_000_000
MAX_RULES = 100
"""Rules of a site: each is looked at every few minutes."""
MOST_READERS = 20
READERS = sorted(role.value for role in Role if Scope.ALERTS in ROLE_SCOPES[role])
"""Roles that see alerts, and may be written to about them."""
LIMITS: Mapping[AlertMetric, tuple[float, float]] = {
    AlertMetric.VOLUME: (0, 1e9),
    AlertMetric.SUCCESS_RATE: (0, 1),
    AlertMetric.LATENCY_P95: (0, 1e7),
    AlertMetric.CONFIDENCE: (0, 1),
    AlertMetric.ERROR_RATE: (0, 1),
    AlertMetric.POOR_QUALITY: (0, 1),
    AlertMetric.DRIFT: (0, 100),
}
"""What a threshold may be."""
LEAST_OF: Mapping[AlertMetric, int] = {AlertMetric.ERROR_RATE: LEAST, AlertMetric.DRIFT: 50}
"""Of fewer these say nothing whatever a rule asks for; of drift `ml.monitoring.drift` decides it."""
CONDITION = frozenset({"family", "metric", "comparison", "threshold", "days", "minimum", "version_id"})
"""Fields that decide whether there is an alert."""


@dataclass(frozen=True, slots=True)
class RuleFields:
    """What somebody decides about a rule, by the names of its columns.

    Parameters
    ----------
    version_id
        One version; None for all of the family.
    readers
        Accounts that are written to.
    """

    name: str
    family: ModelFamily
    metric: AlertMetric
    comparison: AlertComparison
    threshold: float
    days: int = 1
    minimum: int = LEAST
    version_id: int | None = None
    readers: Sequence[int] = ()
    webhooks: bool = False


class AlertRules:
    """One actor's way to the rules: those who may see all of them, and change any."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, rule_id: int) -> AlertRule:
        """Return a rule; raises NotFoundError."""
        return _found(self._session.get(AlertRule, rule_id))

    def page(self, request: PageRequest) -> Page[AlertRule]:
        """Return a page of the rules, newest first."""
        return page_of(self._session, select(AlertRule), [Sort(col(AlertRule.id), descending=True)], request)

    def choosable(self) -> Sequence[Account]:
        """Return whom the actor may have written to: administrators anybody who may be, others themselves."""
        able = alert_readers(self._session)
        return able if self._actor.is_admin else [each for each in able if each.id == self._actor.account_id]

    def create(self, fields: RuleFields) -> AlertRule:
        """Make a rule; it is looked at soon.

        Raises
        ------
        NotFoundError
            When there is no such version.
        ValidationFailedError
            With every field that is wrong.
        """
        tidy, problems = self._checked(fields)
        if self._session.exec(select(func.count()).select_from(AlertRule)).one() >= MAX_RULES:
            problems.append(FieldProblem(("name",), "too_many_rules", (("maximum", str(MAX_RULES)),)))
        if problems:
            raise ValidationFailedError(problems)
        rule = AlertRule(**_columns(tidy), created_by=self._actor.account_id, created_at=self._clock())
        self._session.add(rule)
        self._session.flush()
        wake_alerts(self._session, self._clock)
        self._record("alert_rule.created", rule)
        return rule

    def update(self, rule_id: int, revision: int, changes: Mapping[str, Any]) -> AlertRule:
        """Change some fields, named as in `RuleFields`; another condition closes the alert of the one before.

        Raises
        ------
        NotFoundError, ValidationFailedError
            As `create` does.
        ConflictError
            When it was changed since `revision`.
        """
        rule = self._to_change(rule_id, revision)
        present = _fields_of(rule)
        tidy, problems = self._checked(replace(present, **changes), present.readers)
        if problems:
            raise ValidationFailedError(problems)
        for name, value in _columns(tidy).items():
            setattr(rule, name, value)
        rule.revision += 1
        if any(getattr(tidy, name) != getattr(present, name) for name in CONDITION):
            rule.quiet, rule.value, rule.count, rule.looked_at = False, None, None, None
            settle(self._session, self._clock, rule_key(rule.id), AlertEnding.RULE_CHANGED)
        self._session.flush()
        wake_alerts(self._session, self._clock)
        self._record("alert_rule.updated", rule, fields=sorted(changes))
        return rule

    def delete(self, rule_id: int, revision: int) -> None:
        """Forget a rule; its alerts stay, and the one under way is closed.

        Raises
        ------
        NotFoundError, ConflictError
            When there is no such rule, or it was changed since `revision`.
        """
        rule = self._to_change(rule_id, revision)
        settle(self._session, self._clock, rule_key(rule.id), AlertEnding.RULE_DELETED)
        self._session.exec(update(Alert).where(col(Alert.rule_id) == rule.id).values(rule_id=None))
        self._session.delete(rule)
        self._session.flush()
        self._record("alert_rule.deleted", rule)

    def _to_change(self, rule_id: int, revision: int) -> AlertRule:
        locked = select(AlertRule).where(AlertRule.id == rule_id).with_for_update()
        rule = _found(self._session.exec(locked).first())
        if rule.revision != revision:
            raise ConflictError(current=rule.revision)
        return rule

    def _checked(
        self, fields: RuleFields, present: Sequence[int] = ()
    ) -> tuple[RuleFields, list[FieldProblem]]:
        """Return the fields as they are stored and what is wrong with them; `present` readers may stay."""
        name, problems = line(fields.name, "name", LONGEST_NAME)
        low, high = LIMITS[fields.metric]
        if not (math.isfinite(fields.threshold) and low <= fields.threshold <= high):
            problems.append(_out_of_range("threshold", low, high))
        if not 1 <= fields.days <= MOST_DAYS:
            problems.append(_out_of_range("days", 1, MOST_DAYS))
        least = LEAST_OF.get(fields.metric, 1)
        if not least <= fields.minimum <= MOST_MINIMUM:
            problems.append(_out_of_range("minimum", least, MOST_MINIMUM))
        if fields.metric is AlertMetric.DRIFT and fields.comparison is AlertComparison.BELOW:
            problems.append(FieldProblem(("comparison",), "unknown_choice"))
        problems += self._version_problems(fields)
        readers = tuple(dict.fromkeys(fields.readers))
        problems += self._reader_problems(readers, present)
        return replace(fields, name=name, readers=readers), problems

    def _version_problems(self, fields: RuleFields) -> list[FieldProblem]:
        if fields.version_id is None:
            return []
        version = self._session.get(ModelVersion, fields.version_id)
        if version is None:
            raise NotFoundError
        family = self._session.get_one(Model, version.model_id).family
        fits = family == fields.family.value
        return [] if fits else [FieldProblem(("modelVersionId",), "version_of_another_family")]

    def _reader_problems(self, readers: Sequence[int], present: Sequence[int]) -> list[FieldProblem]:
        if len(readers) > MOST_READERS:
            return [FieldProblem(("readerIds",), "too_many", (("maximum", str(MOST_READERS)),))]
        known = {each.id for each in self.choosable()}
        unknown = set(readers) - known - set(present)
        return [FieldProblem(("readerIds",), "unknown_choice")] if unknown else []

    def _record(self, action: str, rule: AlertRule, **detail: object) -> None:
        said = {"family": rule.family, "metric": rule.metric}
        Audit(self._session, self._clock, self._actor).record(action, "AlertRule", rule.id, **said, **detail)


def alert_readers(session: Session) -> Sequence[Account]:
    """Return who may be written to about alerts, by name."""
    wanted = select(Account).where(
        col(Account.role).in_(READERS), col(Account.disabled_at).is_(None), col(Account.email).is_not(None)
    )
    return session.exec(wanted.order_by(col(Account.display_name), col(Account.id))).all()


def wake_alerts(session: Session, clock: Clock) -> None:
    """Have the rules looked at soon; call it before anything is appended to the trail."""
    jobs.wake(session, clock, ALERT_JOB, {}, ALERT_JOB)


def _fields_of(rule: AlertRule) -> RuleFields:
    return RuleFields(
        name=rule.name,
        family=ModelFamily(rule.family),
        metric=AlertMetric(rule.metric),
        comparison=AlertComparison(rule.comparison),
        threshold=rule.threshold,
        days=rule.days,
        minimum=rule.minimum,
        version_id=rule.version_id,
        readers=tuple(rule.readers),
        webhooks=rule.webhooks,
    )


def _columns(fields: RuleFields) -> dict[str, Any]:
    return asdict(fields) | {
        "family": fields.family.value,
        "metric": fields.metric.value,
        "comparison": fields.comparison.value,
        "readers": list(fields.readers),
    }


def _out_of_range(path: str, low: float, high: float) -> FieldProblem:
    return FieldProblem((path,), "out_of_range", (("minimum", f"{low:g}"), ("maximum", f"{high:.0f}")))


def _found(row: AlertRule | None) -> AlertRule:
    if row is None:
        raise NotFoundError
    return row
