"""Accounts by id."""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session, col

from schema.models.accounts import Account


def accounts_by_id(session: Session, keys: list[int]) -> list[Row[Any]]:
    """Return each account, as a row with the columns of `Account`; a foreign key vouches for each."""
    table = Account.__table__  # type: ignore[attr-defined]
    rows = session.execute(select(table).where(col(Account.id).in_(keys)))
    found = {row.id: row for row in rows}
    return [found[key] for key in keys]
