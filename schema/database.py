"""Engines, sessions and transactions, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "2",  # FULL: an acknowledged commit survives a power cut
    "busy_timeout": "15000",
    "foreign_keys": "1",
}


class Database:
    """A pooled connection to one database.

    `read()` opens a session on one consistent snapshot; `write()` opens one transaction, committed when its
    block ends and rolled back when it raises. On SQLite a writing transaction starts with BEGIN IMMEDIATE:
    with a plain BEGIN, two transactions that read and then write fail as locked instead of waiting.

    Parameters
    ----------
    url
        `sqlite:///path` or `postgresql+psycopg://user:password@host/name`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self._reading = create_engine(
            url,
            pool_size=10,
            max_overflow=10,
            pool_pre_ping=not self.is_sqlite,
            hide_parameters=True,  # an error that is logged must not quote what students wrote
        )
        if self.is_sqlite:
            event.listen(self._reading, "connect", _prepare_sqlite)
            event.listen(self._reading, "begin", _begin_sqlite)
        self._writing = self._reading.execution_options(chevet_write=True)

    @property
    def engine(self) -> Engine:
        """Return the engine, for migrations and for tests that count statements."""
        return self._reading

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that only reads."""
        with Session(self._reading, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session whose work is committed as one transaction."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._reading.dispose()


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for name, value in SQLITE_PRAGMAS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("chevet_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
