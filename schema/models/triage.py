"""What students answered in the training of triage."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class TriageAnswer(SQLModel, table=True):
    """The level somebody gave an authored patient, and what it was worth that day; never altered.

    `number` counts one's answers to the same patient: only the first, given without having seen the key, is
    counted in figures.
    """

    __tablename__ = "triage_answer"
    __table_args__ = (
        UniqueConstraint("account_id", "patient", "number"),
        UniqueConstraint("account_id", "idempotency_key"),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    patient: str
    number: int = 1
    level: str
    expected: str
    score: int
    idempotency_key: str | None = None
    created_at: datetime = instant()
