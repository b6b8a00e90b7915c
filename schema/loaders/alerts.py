"""Alerts, their rules and letters in batches."""

from sqlmodel import Session, col, select

from schema.loaders.grouping import grouped
from schema.models.alerts import Alert, AlertMail, AlertRule


def rules_by_id(session: Session, keys: list[int]) -> list[AlertRule | None]:
    """Return each rule; None for one that has been deleted meanwhile."""
    found = {row.id: row for row in session.exec(select(AlertRule).where(col(AlertRule.id).in_(keys)))}
    return [found.get(key) for key in keys]


def alert_of_rules(session: Session, keys: list[int]) -> list[Alert | None]:
    """Return the alert of each rule that is not closed."""
    rows = session.exec(select(Alert).where(col(Alert.rule_id).in_(keys), col(Alert.closed_at).is_(None)))
    found = {row.rule_id: row for row in rows}
    return [found.get(key) for key in keys]


def mails_of_alerts(session: Session, keys: list[int]) -> list[list[AlertMail]]:
    """Return the letters about each alert."""
    rows = select(AlertMail).where(col(AlertMail.alert_id).in_(keys)).order_by(col(AlertMail.id))
    return grouped(session.exec(rows), "alert_id", keys)
