"""Bringing a database to the newest revision, without alembic in the process that serves.

The newest revision is read from the migration files by their `revision` and `down_revision` lines; the
migration itself runs in a child process.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text

from schema.database import Database
from server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ROOT / "migrations" / "versions"
REVISION = re.compile(r"""^revision(?:\s*:\s*str)?\s*=\s*["'](\w+)["']""", re.MULTILINE)
DOWN = re.compile(r"""^down_revision(?:\s*:[^=]+)?\s*=\s*["'](\w+)["']""", re.MULTILINE)


@cache
def expected_head() -> str:
    """Return the newest revision among the migration files: the one no other builds on."""
    texts = [path.read_text(encoding="utf-8") for path in VERSIONS.glob("*.py")]
    revisions = {match[1] for text_ in texts if (match := REVISION.search(text_))}
    below = {match[1] for text_ in texts if (match := DOWN.search(text_))}
    [head] = revisions - below
    return head


def current_revision(database: Database) -> str | None:
    """Return the revision a database is at; None when it is empty."""
    if not inspect(database.engine).has_table("alembic_version"):
        return None
    with database.engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def is_empty(database: Database) -> bool:
    """Return whether nobody has an account yet."""
    with database.engine.connect() as connection:
        return not connection.execute(text("SELECT count(*) FROM account")).scalar_one()


def migrate(settings: Settings) -> None:
    """Run every missing migration in a child process.

    Raises
    ------
    subprocess.CalledProcessError
        When one fails; its output has been shown.
    """
    command = [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"]
    environment = {**os.environ, "DATABASE_URL": settings.database_url}
    subprocess.run(command, check=True, cwd=ROOT, env=environment)  # noqa: S603 - nothing of it is from outside
