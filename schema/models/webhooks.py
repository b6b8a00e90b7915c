"""Webhooks: addresses that are told of what happens, and what each of them is to be told."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class WebhookEvent(StrEnum):
    """What an address can be told of."""

    ATTEMPT_SUBMITTED = "attempt.submitted"
    GRADE_CHANGED = "grade.changed"
    MODEL_PROMOTED = "model.promoted"
    ALERT_OPENED = "alert.opened"
    ALERT_CLOSED = "alert.closed"
    TEST = "webhook.test"


class WebhookState(StrEnum):
    """Whether an address is told anything."""

    ACTIVE = "active"
    PAUSED = "paused"
    GONE = "gone"


class DeliveryState(StrEnum):
    """What became of one message to one address."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class DeliveryFault(StrEnum):
    """Why a message did not arrive."""

    ADDRESS_REFUSED = "address_refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    GONE = "gone"


class Webhook(SQLModel, table=True):
    """An address of an account and the events it is told of.

    Its secret is derived from the site's key and `salt`, so that none is stored; the one before it signs as
    well until `previous_until`. `failures` counts the tries that failed since one succeeded.
    """

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    made_through: int | None = Field(default=None, foreign_key="api_token.id", index=True)
    url: str
    events: list[str] = Field(sa_type=JSON)
    state: str = WebhookState.ACTIVE.value
    salt: str
    previous_salt: str | None = None
    previous_until: datetime | None = instant(default=None)
    failures: int = 0
    resting_until: datetime | None = instant(default=None)
    revision: int = 1
    created_at: datetime = instant()


class WebhookDelivery(SQLModel, table=True):
    """A message to one address, written in the transaction of what it tells of; `body` is what is sent."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (Index("ix_webhook_delivery_due", "webhook_id", "state", "due_at"),)
    id: int | None = Field(default=None, primary_key=True)
    webhook_id: int = Field(foreign_key="webhook.id")
    event_id: str
    event: str
    body: str
    state: str = DeliveryState.WAITING.value
    tries: int = 0
    due_at: datetime = instant()
    tried_at: datetime | None = instant(default=None)
    status: int | None = None
    latency_ms: int | None = None
    fault: str | None = None
    created_at: datetime = instant(index=True)
