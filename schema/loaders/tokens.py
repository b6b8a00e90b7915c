"""API tokens by account."""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session, col

from schema.loaders.grouping import grouped
from schema.models.accounts import ApiToken


def tokens_of_accounts(session: Session, keys: list[int]) -> list[list[Row[Any]]]:
    """Return each account's tokens, newest first, as rows with the columns of `ApiToken`."""
    table = ApiToken.__table__  # type: ignore[attr-defined]
    mine = select(table).where(col(ApiToken.account_id).in_(keys))
    return grouped(session.execute(mine.order_by(col(ApiToken.id).desc())), "account_id", keys)
