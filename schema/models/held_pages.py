"""Pages with text that may say who the patient is: kept apart until their sender has settled each."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class HeldPage(SQLModel, table=True):
    """A page that is no recording yet; the row is there before its blob is, and goes after it.

    `case_id` is where it is to go; without one, it is going: nobody sees it, and its blob is removed.
    `regions` is where text was found and what it looks like, never what it says.
    """

    __tablename__ = "held_page"
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(foreign_key="account.id", index=True)
    case_id: int | None = Field(default=None, foreign_key="case.id", index=True)
    label: str | None = None
    timing: str | None = None
    idempotency_key: str | None = None
    asked_sha256: str | None = None
    picture_key: str
    media_type: str
    width: int
    height: int
    search: str
    regions: list[Any] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
