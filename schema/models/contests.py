"""Contests: a student disagrees with a concept of a mark, a teacher rules."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class ContestState(StrEnum):
    """Where a contest stands."""

    OPEN = "open"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


class Contest(SQLModel, table=True):
    """One concept of one answer's mark, contested once; `verdict` is the ruling, which may be changed."""

    __table_args__ = (UniqueConstraint("answer_id", "concept_id"),)
    id: int | None = Field(default=None, primary_key=True)
    answer_id: int = Field(foreign_key="answer.id")
    concept_id: str
    statement: str = ""
    state: str = Field(default=ContestState.OPEN.value, index=True)
    verdict: str | None = None
    explanation: str = ""
    ruled_by_id: int | None = Field(default=None, foreign_key="account.id")
    ruled_at: datetime | None = instant(default=None)
    revision: int = 1
    created_at: datetime = instant()
