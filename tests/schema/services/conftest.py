"""A clock that stands still until told, and a hospital that lives by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.database import Database
from tests.schema.people import StoppedClock
from tests.schema.training import Hospital


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def hospital(database: Database, clock: StoppedClock, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(database, clock, tmp_path)
    yield made
    made.close()
