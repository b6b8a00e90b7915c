"""The served product asked three times what it can do: who is answered, who is refused, and what is kept.

Rates and times, which neighbours disturb within seconds, are measured by `python -m tests.bench --overload`;
`tests/server/test_overload_in_virtual_time.py` states them for any machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import col, select

from schema.database import Database
from schema.models.training import Answer
from schema.types.base import local_key
from tests.bench.measuring import overload_alone
from tests.bench.overload import Overloaded, Saver

pytestmark = [pytest.mark.e2e, pytest.mark.soak]
SOAK = os.environ.get("CHEVET_SOAK") == "1"
SECONDS = 30.0 if SOAK else 2.0
SAVERS = 3
"""Of each kind."""


@dataclass(frozen=True)
class Aftermath:
    """What was measured, and the folder it happened in."""

    found: Overloaded
    savers: list[Saver]
    folder: Path


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Overload a server once for all tests of this module, and stop it."""
    folder = tmp_path_factory.mktemp("overload")
    found, savers = overload_alone(folder, SAVERS, SECONDS)
    return Aftermath(found, savers, folder)


def test_three_times_too_much_is_answered_in_part_and_the_rest_refused(aftermath: Aftermath) -> None:
    assert aftermath.found.answered.each  # neither all are refused, nor is anything answered but 200 and 503


def test_saves_go_through_and_all_that_was_acknowledged_is_kept(aftermath: Aftermath) -> None:
    assert aftermath.found.saves_refused < len(aftermath.found.saves.each)
    assert len(aftermath.found.saves.each) == sum(saver.writing.revision for saver in aftermath.savers) > 0
    kept = _kept(aftermath.folder)
    for saver in aftermath.savers:
        assert kept.get(local_key(saver.attempt, "Attempt"), (0, "")) == saver.writing.acknowledged


def _kept(folder: Path) -> dict[int, tuple[int, str]]:
    """Return revision and text of everybody's first answer, by attempt."""
    database = Database(f"sqlite:///{folder / 'chevet.db'}")
    try:
        with database.read() as session:
            rows = session.exec(select(Answer).where(col(Answer.position) == 1)).all()
            return {row.attempt_id: (row.revision, row.text) for row in rows}
    finally:
        database.dispose()
