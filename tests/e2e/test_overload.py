"""The served product asked three times what it can do: who is answered, who is refused, and what is kept.

Rates and times, which neighbours disturb within seconds, are compared in a soak;
`tests/server/test_overload_in_virtual_time.py` states them for any machine.
"""

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from schema.database import Database
from schema.models.training import Answer
from schema.types.base import local_key
from tests.bench.client import get, post_graphql
from tests.bench.load import flat_out
from tests.bench.measuring import DOCUMENT, Bench, cookie_of, prepared
from tests.bench.overload import Overloaded, Saver, overload
from tests.bench.report import Report
from tests.bench.servers import Cores, Server
from tests.bench.students import page_students, participants

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
    bench = Bench(folder, Cores.available(), prepared(folder), Report(""))
    with bench.product() as server:
        found, savers = asyncio.run(_overloaded(bench, server))
    return Aftermath(found, savers, folder)


async def _overloaded(bench: Bench, server: Server) -> tuple[Overloaded, list[Saver]]:
    seeded = replace(
        bench.seeded,
        attempts=bench.seeded.attempts[:SAVERS],
        managed_attempts=bench.seeded.managed_attempts[:SAVERS],
    )
    reads = [
        post_graphql(DOCUMENT, token=seeded.token),
        get("/cases", cookie=await cookie_of(server), accept="text/html"),
    ]
    for read in reads:
        await flat_out(server.port, read, 1, 0.5)
    savers: list[Saver] = [*await page_students(server.port, seeded), *participants(seeded)]
    return await overload(server.port, reads, savers, SECONDS), savers


def test_three_times_too_much_is_answered_as_fast_as_ever_and_the_rest_refused(aftermath: Aftermath) -> None:
    found = aftermath.found
    assert found.answered.each  # neither all are refused, nor is anything answered but 200 and 503
    if SOAK:
        assert found.answered.rate > found.capacity / 2
        assert found.refused.rate > found.capacity
        assert found.refused.milliseconds(50) < found.answered.milliseconds(50)
        assert found.answered.milliseconds(99) <= 2 * found.usual.milliseconds(99)


def test_saves_go_through_and_all_that_was_acknowledged_is_kept(aftermath: Aftermath) -> None:
    assert aftermath.found.saves_refused == 0
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
