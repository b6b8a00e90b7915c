"""Accounts the audit trail names."""

from sqlmodel import Session, col, select

from schema.models.accounts import Account


def known_accounts(session: Session, keys: list[int]) -> list[Account | None]:
    """Return each account, or None: the trail names actors by number only, whatever becomes of them."""
    found = {row.id: row for row in session.exec(select(Account).where(col(Account.id).in_(keys)))}
    return [found.get(key) for key in keys]
