"""Training sessions, enrolments, attempts, answers and their grades."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant


class SessionDifficulty(StrEnum):
    """Whom a training session is meant for."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class SessionStatus(StrEnum):
    """What the teacher decided; opening and closing times narrow it further."""

    OPEN = "open"
    CLOSED = "closed"
    ARCHIVED = "archived"


class EnrolmentOrigin(StrEnum):
    """How a student came into a session."""

    TEACHER = "teacher"
    JOIN_CODE = "join_code"
    EXTERNAL = "external"


class SubmissionCause(StrEnum):
    """Who ended an attempt."""

    STUDENT = "student"
    DEADLINE = "deadline"


class TrainingSession(SQLModel, table=True):
    """A timed set of cases students read; named `Session` in the API.

    `idempotency_key` names the request that made it and `asked_sha256` tells that from another one.
    """

    __tablename__ = "training_session"
    __table_args__ = (Index(None, "owner_id", "idempotency_key", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(foreign_key="account.id", index=True)
    name: str
    objectives: str = ""
    difficulty: str
    time_limit_minutes: int
    status: str = Field(default=SessionStatus.OPEN.value, index=True)
    opens_at: datetime | None = instant(default=None)
    closes_at: datetime | None = instant(default=None)
    show_feedback: bool = True
    allow_retry: bool = False
    anonymise_titles: bool = True
    join_code: str = Field(unique=True)
    revision: int = 1
    search_text: str = ""
    idempotency_key: str | None = None
    asked_sha256: str | None = None
    created_at: datetime = instant()
    updated_at: datetime = instant(index=True)


class SessionCase(SQLModel, table=True):
    """One case of a session, pinned to the revision the session was built from."""

    __tablename__ = "session_case"
    __table_args__ = (UniqueConstraint("session_id", "position"),)
    id: int | None = Field(default=None, primary_key=True)
    session_id: int = Field(foreign_key="training_session.id", index=True)
    case_id: int = Field(foreign_key="case.id", index=True)
    case_revision_id: int = Field(foreign_key="case_revision.id")
    position: int


class Enrolment(SQLModel, table=True):
    """A student in a session, with the extra time they are granted."""

    __table_args__ = (UniqueConstraint("session_id", "account_id"),)
    id: int | None = Field(default=None, primary_key=True)
    session_id: int = Field(foreign_key="training_session.id", index=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    origin: str
    extra_minutes: int = 0
    created_at: datetime = instant()


class Attempt(SQLModel, table=True):
    """One student's go at one session; the server's clock alone decides its deadline."""

    __table_args__ = (UniqueConstraint("session_id", "account_id", "number"),)
    id: int | None = Field(default=None, primary_key=True)
    session_id: int = Field(foreign_key="training_session.id", index=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    number: int
    started_at: datetime = instant()
    deadline_at: datetime = instant(index=True)
    submitted_at: datetime | None = instant(default=None)
    submission_cause: str | None = None
    idempotency_key: str | None = None
    score: float | None = None


class Answer(SQLModel, table=True):
    """What a student wrote about one case; `revision` counts acknowledged saves."""

    __table_args__ = (UniqueConstraint("attempt_id", "position"),)
    id: int | None = Field(default=None, primary_key=True)
    attempt_id: int = Field(foreign_key="attempt.id", index=True)
    session_case_id: int = Field(foreign_key="session_case.id")
    position: int
    text: str = ""
    concept_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    revision: int = 0
    saved_at: datetime | None = instant(default=None)
    score: float | None = None
    grade: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    comment: dict[str, str] | None = Field(default=None, sa_type=DOCUMENT)
