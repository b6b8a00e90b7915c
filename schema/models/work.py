"""Jobs and live events as rows: a killed worker loses nothing, a reconnecting subscriber misses nothing."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Job(SQLModel, table=True):
    """Long or later work; a worker holds it by a lease it renews, and a lapsed lease frees it.

    `checkpoint` is where whoever takes it over goes on.
    """

    __table_args__ = (Index("ix_job_due", "state", "run_after"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    payload: dict[str, Any] = Field(sa_type=JSON)
    unique_key: str | None = Field(default=None, unique=True)
    owner_id: int | None = Field(default=None, foreign_key="account.id")
    state: str = JobState.QUEUED.value
    progress: float = 0.0
    attempts: int = 0
    checkpoint: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    result: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    error: str | None = None
    run_after: datetime = instant()
    lease_owner: str | None = None
    lease_until: datetime | None = instant(default=None)
    created_at: datetime = instant()
    finished_at: datetime | None = instant(default=None)


class Event(SQLModel, table=True):
    """Something a live page may want to hear of; its sequence is where a subscriber resumes."""

    __table_args__ = (Index("ix_event_topic", "topic", "sequence"), {"sqlite_autoincrement": True})
    sequence: int | None = Field(default=None, primary_key=True)
    topic: str
    kind: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    at: datetime = instant()
