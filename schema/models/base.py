"""Column types shared by every table."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints have names of ours, so that a later migration can drop them on SQLite too."""


class UTCDateTime(TypeDecorator[datetime]):
    """An aware instant: stored in UTC, refused when naive, read back aware on SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime names no instant")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Return the instant with its offset."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


DOCUMENT: Any = JSON(none_as_null=True)
"""A column type of documents in which None is the database's NULL."""


def instant(**options: Any) -> Any:
    """Return a field holding a UTC instant."""
    return Field(sa_type=UTCDateTime, **options)
