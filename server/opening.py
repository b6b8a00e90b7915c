"""Opening the database as a command starts, or saying in one sentence why it cannot be used.

Later the same database may be away for a while: what serves and what works wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from schema.database import Database
from server.settings import Settings, SettingsError, StartError

FILE_REMEDY = (
    "see that this account may write to it and its folder and that nothing else holds it, "
    "or name another in DATABASE_URL."
)
SERVER_REMEDY = "start it, or correct DATABASE_URL."


class DatabaseUnusableError(StartError):
    """Nobody answers at DATABASE_URL, or what answers takes nothing new."""

    def __init__(self, url: URL, error: Exception) -> None:
        remedy = FILE_REMEDY if url.get_backend_name() == "sqlite" else SERVER_REMEDY
        super().__init__(f"Cannot use the database {_named(url)} ({_reason(url, error)}): {remedy}")


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """Yield the database, which answers and can be written to; its connections end with the block.

    Raises
    ------
    StartError
        When it cannot be used.
    """
    try:
        url = make_url(settings.database_url)
    except (SQLAlchemyError, ValueError):
        raise SettingsError(["DATABASE_URL: this is no database's address"]) from None
    with _worded(url):
        database = Database(settings.database_url)
    try:
        with _worded(url), database.write() as session:
            session.connection().execute(text("SELECT 1"))
        yield database
    finally:
        database.dispose()


@contextmanager
def _worded(url: URL) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseUnusableError(url, error) from None


def _named(url: URL) -> str:
    """Return which database it is; what precedes an @ in the host is the rest of a mistyped password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = (url.host or "localhost").rpartition("@")[2]
    return f"{url.database or url.username} at {host}:{url.port or 5432}"


def _reason(url: URL, error: Exception) -> str:
    """Return what the driver or the system says, in one line and without the password."""
    said = error.strerror if isinstance(error, OSError) else str(getattr(error, "orig", None) or error)
    line = (said or type(error).__name__).strip().partition("\n")[0].removeprefix("connection failed: ")
    for secret in (url.password, (url.host or "").rpartition("@")[0]):
        line = line.replace(str(secret), "…") if secret else line
    return line
