"""Alerts on models: the rules that are looked after, the alerts there were, and who was written to."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class AlertMetric(StrEnum):
    """What a rule looks at."""

    VOLUME = "volume"
    SUCCESS_RATE = "success_rate"
    LATENCY_P95 = "latency_p95"
    CONFIDENCE = "confidence"
    ERROR_RATE = "error_rate"
    POOR_QUALITY = "poor_quality"
    DRIFT = "drift"


class AlertComparison(StrEnum):
    """Which side of its threshold a rule does not want."""

    ABOVE = "above"
    BELOW = "below"


class AlertCause(StrEnum):
    """What opened an alert."""

    RULE = "rule"
    FEEDBACK = "feedback"
    ERROR_RATE = "error_rate"
    LOAD_FAILED = "load_failed"


class AlertState(StrEnum):
    """What became of an alert."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class AlertEnding(StrEnum):
    """Why an alert was closed."""

    PERSON = "person"
    NORMAL = "normal"
    RULE_CHANGED = "rule_changed"
    RULE_DELETED = "rule_deleted"
    VERSION_WITHDRAWN = "version_withdrawn"
    SETTLED = "settled"


class MailState(StrEnum):
    """What became of a letter to one reader."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class MailFault(StrEnum):
    """Why a letter did not leave."""

    UNREACHABLE = "unreachable"
    NOT_ENCRYPTED = "not_encrypted"
    NOT_LET_IN = "not_let_in"
    REFUSED = "refused"
    NO_READER = "no_reader"


class AlertRule(SQLModel, table=True):
    """What is to be told of one family of models, or of one version.

    `minimum` is of how many predictions, or opinions, something can be said; `readers` are the accounts that
    are written to. `value`, `count` and `looked_at` are of the last look. `quiet` is whether a person has
    closed the alert of a condition that still holds: it opens none until it has ceased.
    """

    __tablename__ = "alert_rule"
    id: int | None = Field(default=None, primary_key=True)
    name: str
    family: str
    version_id: int | None = Field(default=None, foreign_key="model_version.id")
    metric: str
    comparison: str
    threshold: float
    days: int
    minimum: int
    readers: list[int] = Field(sa_type=JSON)
    webhooks: bool
    quiet: bool = False
    value: float | None = None
    count: int | None = None
    looked_at: datetime | None = instant(default=None)
    created_by: int = Field(foreign_key="account.id")
    created_at: datetime = instant()
    revision: int = 1


class Alert(SQLModel, table=True):
    """Something that is or was wrong with a model; of each `key` one at most is not closed.

    What its rule said and the figures were as it opened stays, whatever becomes of the rule; `latest` is the
    figure of the last look. Of what says that a model should learn anew, `count`, `readers` and `judged` tell
    how many opinions there were, whose and on how many predictions, `value` how often they found it wrong.
    `calm` counts the looks that found all well again since `normal_since`.
    """

    __table_args__ = (
        Index(
            "uq_alert_under_way",
            "key",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_alert_state", "state"),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str
    cause: str
    family: str
    version_id: int | None = Field(default=None, foreign_key="model_version.id")
    alias: str | None = None
    rule_id: int | None = Field(default=None, foreign_key="alert_rule.id", index=True)
    name: str = ""
    metric: str | None = None
    comparison: str | None = None
    threshold: float | None = None
    days: int | None = None
    value: float | None = None
    count: int | None = None
    latest: float | None = None
    readers: int | None = None
    judged: int | None = None
    webhooks: bool = True
    state: str = AlertState.OPEN.value
    calm: int = 0
    normal_since: datetime | None = instant(default=None)
    acknowledged_by: int | None = Field(default=None, foreign_key="account.id")
    acknowledged_at: datetime | None = instant(default=None)
    ending: str | None = None
    closed_by: int | None = Field(default=None, foreign_key="account.id")
    closed_at: datetime | None = instant(default=None)
    note: str = ""
    revision: int = 1
    opened_at: datetime = instant()


class AlertMail(SQLModel, table=True):
    """A letter about an alert to one reader, written down as the alert opens; there is never a second."""

    __tablename__ = "alert_mail"
    __table_args__ = (
        UniqueConstraint("alert_id", "account_id"),
        Index("ix_alert_mail_due", "state", "due_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id")
    account_id: int = Field(foreign_key="account.id")
    state: str = MailState.WAITING.value
    tries: int = 0
    due_at: datetime = instant()
    fault: str | None = None
    created_at: datetime = instant()
    sent_at: datetime | None = instant(default=None)
