"""Accounts, browser sessions, API tokens and the sign-in throttle."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class Account(SQLModel, table=True):
    """Someone who may sign in, or whom an outside system enrolled (no password, `managed_by` set).

    `password_expires_at` is set while the password is temporary: it signs nobody in from then on.
    """

    __table_args__ = (UniqueConstraint("managed_by", "external_id"),)
    id: int | None = Field(default=None, primary_key=True)
    email: str | None = Field(default=None, unique=True)
    display_name: str
    role: str = Field(index=True)
    language: str = "fr"
    theme: str = "auto"
    password_hash: str | None = None
    password_expires_at: datetime | None = instant(default=None)
    managed_by: int | None = Field(default=None, foreign_key="account.id", index=True)
    external_id: str | None = Field(default=None, index=True)
    created_at: datetime = instant()
    disabled_at: datetime | None = instant(default=None)


class WebSession(SQLModel, table=True):
    """A signed-in browser; only the hash of its cookie is stored."""

    __tablename__ = "web_session"
    token_hash: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)


class ApiToken(SQLModel, table=True):
    """An outside system's key; only its hash is stored. `made_through` is the token that asked for it.

    A `confined` one may send only documents that its account has registered.
    """

    __tablename__ = "api_token"
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    made_through: int | None = Field(default=None, foreign_key="api_token.id", index=True)
    name: str
    token_hash: str = Field(unique=True)
    scopes: list[str] = Field(sa_type=JSON)
    confined: bool = False
    created_at: datetime = instant()
    expires_at: datetime | None = instant(default=None)
    last_used_at: datetime | None = instant(default=None)
    revoked_at: datetime | None = instant(default=None)

    def in_force(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor past its end."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class SignInThrottle(SQLModel, table=True):
    """Recent failures to sign in for one address or one account (as a keyed hash)."""

    __tablename__ = "sign_in_throttle"
    key: str = Field(primary_key=True)
    failures: int
    blocked_until: datetime | None = instant(default=None)
    updated_at: datetime = instant()


class AuditEvent(SQLModel, table=True):
    """One link of the append-only chain: who changed what.

    `hash` is SHA-256 over the previous row's hash and this row's canonical JSON.
    """

    __tablename__ = "audit_event"
    sequence: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = instant()
    actor_id: int | None = None
    token_id: int | None = None
    action: str = Field(index=True)
    target_type: str
    target_id: int | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    previous_hash: str
    hash: str


class AuditHead(SQLModel, table=True):
    """The chain's end, one row: without it nobody could tell that the last events are missing."""

    __tablename__ = "audit_head"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    rows: int
    hash: str
