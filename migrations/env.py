"""What alembic runs: migrations in one transaction, against DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import text
from sqlmodel import SQLModel

import schema.models  # noqa: F401 - fills the metadata
from schema.database import Database

TURN = 0x63686576_6D696772  # "chevmigr": any constant that no other advisory lock uses


def migrate(url: str) -> None:
    """Bring the database to the revision asked for; of two who come at once, one waits for the other."""
    database = Database(url)
    try:
        with database.write() as session:
            connection = session.connection()
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TURN})
            context.configure(
                connection=connection,
                target_metadata=SQLModel.metadata,
                render_as_batch=database.is_sqlite,
                compare_type=True,
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        database.dispose()


def target() -> str:
    """Return the database to migrate: whoever runs alembic in-process may name it, else DATABASE_URL."""
    url = context.config.attributes.get("url") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("Set DATABASE_URL, or run `python -m server migrate`.")
    return str(url)


migrate(target())
