"""A database with every table, and a clock that stands still until told."""

from collections.abc import Iterator

import pytest
from sqlmodel import SQLModel

from schema.database import Database
from tests.schema.people import StoppedClock


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    SQLModel.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()
