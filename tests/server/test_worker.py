"""Jobs are worked off beside the server, whatever happens to the database meanwhile."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from ml.registry.helper import StoreProcess, Synced
from ml.registry.home import Home
from schema.context import Services
from schema.database import Database
from schema.models.work import Job, JobState
from schema.services import events
from schema.services.clock import Clock
from schema.services.deadlines import SUBMIT_JOB
from schema.services.duels import SHADOW_JOB
from schema.services.jobs import NEVER, Claim, enqueue
from schema.services.model_sync import ModelSync
from schema.services.pruning import KEPT
from schema.services.recounting import RECOUNT_JOB
from server.app import Application
from server.worker import COURIERS, Queue, queues_of, tidy, work, working


@pytest.fixture
def services(app: Application, blank: Path, tmp_path: Path) -> Iterator[Services]:
    """Return services with a database of their own."""
    shutil.copy(blank / "chevet.db", tmp_path / "own.db")
    own = Database(f"sqlite:///{tmp_path}/own.db")
    yield replace(app.site.services, database=own)
    own.dispose()


def queue(services: Services, kind: str, **payload: Any) -> int:
    with services.database.write() as session:
        return enqueue(session, services.clock, kind, payload)


def state_of(services: Services, job_id: int) -> str:
    with services.database.read() as session:
        return session.get_one(Job, job_id).state


async def until(services: Services, job_id: int, state: JobState) -> None:
    while state_of(services, job_id) != state.value:
        await services.doorbell.wait(0.05)


def run_until(services: Services, job_id: int, handlers: dict[str, Any]) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(work(services, Queue(handlers)))
        await asyncio.wait_for(until(services, job_id, JobState.SUCCEEDED), 20)
        task.cancel()

    asyncio.run(scenario())


def test_a_due_job_is_done(services: Services) -> None:
    done: list[Any] = []

    def handler(claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any]:
        done.append(claim.payload)
        return {}

    run_until(services, queue(services, "greet", name="you"), {"greet": handler})
    assert done == [{"name": "you"}]


def test_the_store_of_models_is_looked_at_as_a_worker_starts(services: Services, tmp_path: Path) -> None:
    looked: list[str] = []

    class Shop(StoreProcess):
        def sync(self) -> Synced:
            looked.append("looked")
            return Synced((), {})

    async def scenario() -> None:
        store = Shop(Home(tmp_path))
        looking = ModelSync(services.database, services.clock, store, timedelta(minutes=15))
        async with working(replace(services, model_sync=looking)):
            while not looked:
                await services.doorbell.wait(0.05)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert looked == ["looked"]


def test_predictions_that_never_were_are_counted_as_a_worker_starts(services: Services) -> None:
    def counted() -> bool:
        with services.database.read() as session:
            job = session.exec(select(Job).where(Job.kind == RECOUNT_JOB)).first()
            return job is not None and job.run_after == NEVER

    async def scenario() -> None:
        async with working(services):
            while not counted():
                await services.doorbell.wait(0.05)

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_jobs_of_other_workers_are_left_alone(services: Services) -> None:
    foreign = queue(services, "train")
    run_until(services, queue(services, "greet"), {"greet": lambda _claim, _progress: {}})
    assert state_of(services, foreign) == JobState.QUEUED.value


def test_a_database_that_cannot_be_used_for_a_while_is_no_end(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = queue(services, "greet")
    away = tmp_path / "away.db"
    services.database.dispose()
    (tmp_path / "own.db").rename(away)
    (tmp_path / "own.db").mkdir()

    async def scenario() -> None:
        task = asyncio.create_task(work(services, Queue({"greet": lambda _claim, _progress: {}})))
        while "looking for due jobs" not in caplog.text:
            await services.doorbell.wait(0.01)
        (tmp_path / "own.db").rmdir()
        away.rename(tmp_path / "own.db")
        await asyncio.wait_for(until(services, job_id, JobState.SUCCEEDED), 20)
        task.cancel()

    asyncio.run(scenario())


def test_the_server_works_beside_what_it_serves_and_stops_with_it(services: Services) -> None:
    async def scenario() -> set[str]:
        async with working(services):
            await services.doorbell.wait(0.01)
        return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}

    assert asyncio.run(scenario()) == set()


def test_old_events_are_removed_beside_the_work_and_again_later(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.worker.PRUNE_S", 0.01)
    moved = replace(services, clock=lambda: services.clock() + 2 * KEPT)

    def happen(clock: Clock) -> None:
        with services.database.write() as session:
            events.append(session, clock, "session:1", "saved", {})

    def left() -> int:
        with services.database.read() as session:
            return len(events.after(session, "session:1", 0))

    async def scenario() -> None:
        async with working(moved):
            for _ in range(2):
                happen(services.clock)
                while left():
                    await services.doorbell.wait(0.01)
            happen(moved.clock)
            await services.doorbell.wait(0.1)
        assert left() == 1

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_database_that_is_away_when_old_events_should_go_is_no_end(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.worker.PRUNE_S", 0.01)
    away = replace(services, database=Database(f"sqlite:///{tmp_path}"))

    async def scenario() -> None:
        task = asyncio.create_task(tidy(away))
        while caplog.text.count("removing old jobs and events") < 2:
            await services.doorbell.wait(0.01)
        assert not task.done()
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 20))
    away.database.dispose()


def test_files_that_will_not_go_stop_neither_the_task_nor_what_else_is_old(
    services: Services, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object) -> int:
        raise PermissionError

    monkeypatch.setattr("server.worker.PRUNE_S", 0.01)
    monkeypatch.setattr("server.worker.expire", refused)
    with services.database.write() as session:
        events.append(session, services.clock, "session:1", "saved", {})

    def left() -> int:
        with services.database.read() as session:
            return len(events.after(session, "session:1", 0))

    async def scenario() -> None:
        task = asyncio.create_task(tidy(replace(services, clock=lambda: services.clock() + 2 * KEPT)))
        while left() or caplog.text.count("removing old exports") < 2:
            await services.doorbell.wait(0.01)
        assert not task.done()
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_deadlines_have_a_handler(services: Services) -> None:
    assert SUBMIT_JOB in queues_of(services)[0].handlers


def test_a_deadline_waits_for_no_export_and_no_address(services: Services) -> None:
    queues = [frozenset(queue.handlers) for queue in queues_of(services)]
    prompt, watch, recount, shadows, bulky, recordings, archives, paper, *couriers = queues
    assert (RECOUNT_JOB in recount, SHADOW_JOB in shadows) == (True, True)
    assert (SUBMIT_JOB in prompt, len(couriers)) == (True, COURIERS)
    assert not prompt & (watch | recount | shadows | bulky | recordings | archives | paper)
    assert not prompt & frozenset[str]().union(*couriers)
