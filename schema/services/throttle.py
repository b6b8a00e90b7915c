"""Slows guessing of passwords down, for each account and for each network address."""

import math
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlmodel import Session, col, delete, select

from schema.errors import DomainError
from schema.models.accounts import SignInThrottle
from schema.services.clock import Clock
from schema.services.passwords import Passwords

FREE_TRIES = {"account": 5, "address": 50}
"""Failures without delay; a whole class may share one address."""
LONGEST_DELAY_S = 900
MEMORY = timedelta(hours=1)
"""Failures are forgotten after an hour without another."""

INSERTS: dict[str, type[SqliteInsert | PostgresInsert]] = {
    "sqlite": SqliteInsert,
    "postgresql": PostgresInsert,
}


class TooManyAttemptsError(DomainError):
    """Too many failures; nothing was tried.

    Parameters
    ----------
    retry_after
        Seconds to wait, at least 1.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts tries before they are made, so that tries in parallel cannot slip through together."""

    session: Session
    clock: Clock
    passwords: Passwords

    def count(self, **who: str) -> None:
        """Count one try by `account` and `address` and set the delay that follows should it fail.

        Raises
        ------
        TooManyAttemptsError
            While the delay of an earlier failure runs; nothing is counted.
        """
        rows = [(kind, self._row(kind, text)) for kind, text in who.items()]
        waits = [self._remaining(row) for _, row in rows]
        if max(waits) > 0:
            raise TooManyAttemptsError(max(waits))
        for kind, row in rows:
            self._add(row, FREE_TRIES[kind])

    def forgive(self, *, account: str, address: str | None = None) -> int:
        """Forget the account's tries after a success, and take back the one counted for the address.

        Returns
        -------
        int
            How many tries were counted for the account, the one that succeeded included.
        """
        tries = self._row("account", account)
        self.session.delete(tries)
        if address is not None:
            row = self._row("address", address)
            row.failures = max(0, row.failures - 1)
            row.blocked_until = None
        return tries.failures

    def sweep(self) -> None:
        """Remove rows that are forgotten anyway."""
        key, seen = col(SignInThrottle.key), col(SignInThrottle.updated_at)
        old = select(key).where(seen < self.clock() - MEMORY).with_for_update(skip_locked=True)
        self.session.exec(delete(SignInThrottle).where(key.in_(old)))

    def _row(self, kind: str, text: str) -> SignInThrottle:
        key = self.passwords.keyed(kind, network(text) if kind == "address" else text)
        insert = INSERTS[self.session.get_bind().dialect.name]
        fresh = insert(SignInThrottle).values(key=key, failures=0, updated_at=self.clock())
        self.session.execute(fresh.on_conflict_do_nothing())
        row = self.session.get_one(SignInThrottle, key, with_for_update=True)
        if row.updated_at < self.clock() - MEMORY:
            row.failures = 0
        return row

    def _remaining(self, row: SignInThrottle) -> int:
        if row.blocked_until is None:
            return 0
        return max(0, math.ceil((row.blocked_until - self.clock()).total_seconds()))

    def _add(self, row: SignInThrottle, free: int) -> None:
        now = self.clock()
        row.failures += 1
        row.updated_at = now
        excess = row.failures - free
        row.blocked_until = now + timedelta(seconds=min(2**excess, LONGEST_DELAY_S)) if excess >= 0 else None


def network(address: str) -> str:
    """Return what an address is counted as: one IPv6 customer holds a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else parsed)
