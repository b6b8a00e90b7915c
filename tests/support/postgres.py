"""A real PostgreSQL of each test process's own, and an empty database of each test's own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import as_account, free_port, running, unprivileged_account

# Durability is what production needs and a throw-away cluster does not.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


COPIES_SLOWLY_FROM = 150_000
"""The version since which a small database is copied through the log unless told otherwise."""


class PostgresServer:
    """A running cluster that makes and drops databases.

    Parameters
    ----------
    port
        Where it listens on 127.0.0.1; the superuser `chevet` needs no password.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count(1)

    def create(self, template: str = "template1") -> str:
        """Create a database, a copy of the template, and return its name."""
        name = f"test_{next(self._numbers)}"
        made = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
        with psycopg.connect(self.url("postgres", "postgresql"), autocommit=True) as connection:
            if connection.info.server_version >= COPIES_SLOWLY_FROM:
                made += " STRATEGY FILE_COPY"
            connection.execute(made.encode())
        return name

    def drop(self, name: str) -> None:
        """Drop a database, closing what is still connected to it."""
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, name: str, driver: str = "postgresql+psycopg") -> str:
        """Return the address of a database, for SQLAlchemy unless told otherwise."""
        return f"{driver}://chevet@127.0.0.1:{self._port}/{name}"

    def answers(self) -> bool:
        """Return whether the cluster accepts connections."""
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres", "postgresql"), autocommit=True) as connection:
            connection.execute(statement.encode())


def program(name: str) -> str:
    """Return the path of a PostgreSQL program; Debian keeps the server's off PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        pytest.fail(f"PostgreSQL's {name} is missing; `make test` installs the package postgresql")
    return found


@contextmanager
def cluster() -> Iterator[PostgresServer]:
    """Make a cluster in a folder of its own, run it for the length of the block and remove it."""
    account = unprivileged_account()
    with tempfile.TemporaryDirectory(prefix="chevet-postgres-", ignore_cleanup_errors=True) as folder:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        _initialise(folder, account)
        server = PostgresServer(port := free_port())
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        with running(
            [program("postgres"), "-D", folder, "-p", str(port), *options],
            log=Path(folder, "log"),
            ready=server.answers,
            account=account,
            stop=signal.SIGINT,
        ):
            yield server


def _initialise(folder: str, account: pwd.struct_passwd | None) -> None:
    options = ["--username=chevet", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    command = [*as_account(account), program("initdb"), "-D", folder, *options]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a PostgreSQL cluster of this test process's own."""
    with cluster() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the SQLAlchemy URL of an empty PostgreSQL database of the test's own."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the SQLAlchemy URL of a SQLite file of the test's own, not there yet."""
    return f"sqlite:///{tmp_path / 'chevet.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database: the test runs on SQLite and on PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))
