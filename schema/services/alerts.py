"""Alerts on models: opened once for what is wrong, acknowledged, closed by somebody or by themselves."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, or_, select

from ml.language.masking import Masker
from schema.errors import ConflictError, NotFoundError, ValidationFailedError
from schema.models.alerts import Alert, AlertEnding, AlertRule, AlertState
from schema.models.predictions import ModelFamily
from schema.models.webhooks import WebhookEvent
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.paging import Sort, page_of
from schema.services.text import prose
from schema.services.webhooks import emit

LONGEST_NOTE = 1_000
UNDER_WAY = (AlertState.OPEN, AlertState.ACKNOWLEDGED)


def rule_key(rule_id: int | None) -> str:
    """Return the key of what a rule opens."""
    return f"rule:{rule_id}"


def retraining_key(family: str) -> str:
    """Return the key of what says that a family should learn anew."""
    return f"retraining:{family}"


def load_key(family: str, alias: str) -> str:
    """Return the key of what says that a version cannot be loaded under an alias."""
    return f"load:{family}:{alias}"


def open_alert(session: Session, clock: Clock, alert: Alert, **concerned: int | None) -> bool:
    """Keep an alert and have webhooks told, unless one of its key is under way; return whether it was kept.

    Parameters
    ----------
    concerned
        Keys of rows by type, told beside the alert's own.
    """
    try:
        with session.begin_nested():
            session.add(alert)
    except IntegrityError:  # the index: one is under way, or another worker has just opened it
        return False
    _tell(session, clock, WebhookEvent.ALERT_OPENED, alert, **concerned)
    return True


def close_alert(
    session: Session, clock: Clock, alert: Alert, ending: AlertEnding, closed_by: int | None = None
) -> None:
    """Close an alert and have webhooks told; call it before anything is appended to the trail."""
    alert.state, alert.ending = AlertState.CLOSED.value, ending.value
    alert.closed_at, alert.closed_by = clock(), closed_by
    alert.revision += 1
    session.flush()
    _tell(session, clock, WebhookEvent.ALERT_CLOSED, alert, ending=ending.value)


def settle(session: Session, clock: Clock, key: str, ending: AlertEnding = AlertEnding.SETTLED) -> None:
    """Close the alert of a key, if one is under way."""
    found = alert_under_way(session, key)
    if found is not None:
        close_alert(session, clock, found, ending)


def alert_under_way(session: Session, key: str) -> Alert | None:
    """Return the alert of a key that is not closed, locked until the transaction ends."""
    wanted = select(Alert).where(Alert.key == key, col(Alert.closed_at).is_(None))
    return session.exec(wanted.with_for_update()).first()


class Alerts:
    """One actor's way to the alerts: those who may see all of them, and any of them settles one.

    Parameters
    ----------
    masker
        Overwrites names in what they write.
    """

    def __init__(self, session: Session, actor: Actor, clock: Clock, masker: Masker) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock
        self._masker = masker

    def get(self, alert_id: int) -> Alert:
        """Return an alert; raises NotFoundError."""
        found = self._session.get(Alert, alert_id)
        if found is None:
            raise NotFoundError
        return found

    def page(self, states: Sequence[AlertState] | None, request: PageRequest) -> Page[Alert]:
        """Return a page of the alerts in any of these states, or of all; newest first."""
        rows = select(Alert)
        if states is not None:
            rows = rows.where(col(Alert.state).in_([each.value for each in states]))
        return page_of(self._session, rows, [Sort(col(Alert.id), descending=True)], request)

    def acknowledge(self, alert_id: int, revision: int) -> Alert:
        """Say that somebody looks after it.

        Raises
        ------
        ConflictError
            When it was changed since `revision`, or somebody does already.
        """
        alert = self._to_change(alert_id, revision)
        if alert.state != AlertState.OPEN.value:
            raise ConflictError("alert_not_open", alert.revision)
        alert.state, alert.revision = AlertState.ACKNOWLEDGED.value, alert.revision + 1
        alert.acknowledged_by, alert.acknowledged_at = self._actor.account_id, self._clock()
        self._session.flush()
        self._record("alert.acknowledged", alert)
        return alert

    def close(self, alert_id: int, revision: int, note: str) -> Alert:
        """Close it, with what is to be remembered; its rule opens none until the condition has ceased.

        Raises
        ------
        ConflictError
            When it was changed since `revision`, or is closed.
        ValidationFailedError
            For a note that is too long.
        """
        tidy, problems = prose(note.strip(), "note", LONGEST_NOTE)
        if problems:
            raise ValidationFailedError(problems)
        alert = self._to_change(alert_id, revision)
        if alert.state == AlertState.CLOSED.value:
            raise ConflictError("alert_not_open", alert.revision)
        alert.note = self._masker.mask(tidy)
        rule = None if alert.rule_id is None else self._session.get(AlertRule, alert.rule_id)
        if rule is not None:
            rule.quiet = alert.normal_since is None
        close_alert(self._session, self._clock, alert, AlertEnding.PERSON, self._actor.account_id)
        self._record("alert.closed", alert)
        return alert

    def _to_change(self, alert_id: int, revision: int) -> Alert:
        """Return an alert after its rule is locked, as the worker does it: whoever locks both, so ordered."""
        rule_id = self.get(alert_id).rule_id
        if rule_id is not None:
            self._session.exec(select(AlertRule).where(AlertRule.id == rule_id).with_for_update()).first()
        locked = select(Alert).where(Alert.id == alert_id).with_for_update()
        alert = self._session.exec(locked.execution_options(populate_existing=True)).one()
        if alert.revision != revision:
            raise ConflictError(current=alert.revision)
        return alert

    def _record(self, action: str, alert: Alert) -> None:
        Audit(self._session, self._clock, self._actor).record(
            action, "Alert", alert.id, cause=alert.cause, family=alert.family, metric=alert.metric
        )


def alerts_between(session: Session, family: ModelFamily, begins: datetime, ends: datetime) -> list[Alert]:
    """Return the alerts on a family that were open at some time between two moments, the oldest first."""
    rows = select(Alert).where(
        Alert.family == family.value,
        col(Alert.opened_at) < ends,
        or_(col(Alert.closed_at).is_(None), col(Alert.closed_at) >= begins),
    )
    return list(session.exec(rows.order_by(col(Alert.opened_at), col(Alert.id))))


def open_alert_count(session: Session) -> int:
    """Return how many alerts nobody looks after yet."""
    return session.exec(select(func.count()).where(Alert.state == AlertState.OPEN.value)).one()


def _tell(
    session: Session, clock: Clock, event: WebhookEvent, alert: Alert, **more: int | str | None
) -> None:
    """Have webhooks told: keys of rows by type, and words of closed sets."""
    if not alert.webhooks:
        return
    words = {"cause": alert.cause, "family": alert.family, "metric": alert.metric, "alias": alert.alias}
    told = {name: each for name, each in (words | more).items() if isinstance(each, str)}
    rows = {name: each for name, each in more.items() if isinstance(each, int)}
    emit(session, clock, event, {"Alert": alert.id, **rows}, holder_id=None, **told)
