"""A clock that stands still until told."""

import pytest

from tests.schema.people import StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()
