"""Registered documents by account."""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.trusted_documents import TrustedDocument


def documents_of_accounts(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each account's documents, newest first, as rows with the columns of `TrustedDocument`."""
    table = TrustedDocument.__table__  # type: ignore[attr-defined]
    mine = select(table).where(col(TrustedDocument.account_id).in_(keys))
    return grouped(session.execute(mine.order_by(col(TrustedDocument.id).desc())), "account_id", keys)
