"""Documents an account lets its confined tokens send."""

from datetime import datetime

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class TrustedDocument(SQLModel, table=True):
    """A GraphQL document as it was registered; `sha256` is that of its text, in hexadecimal."""

    __tablename__ = "trusted_document"
    __table_args__ = (UniqueConstraint("account_id", "sha256"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    sha256: str
    text: str
    operations: list[str] = Field(sa_type=JSON)
    cost: int
    created_at: datetime = instant()
