import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from schema.database import Database
from schema.errors import NotFoundError
from schema.models.work import Job
from schema.services import events, jobs
from schema.services.jobs import Claim, Jobs, enqueue, run_due
from tests.schema.people import StoppedClock

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KINDS = frozenset({"submit_attempt"})


@pytest.fixture
def put(database: Database, clock: StoppedClock) -> Callable[..., int]:
    def put(kind: str = "submit_attempt", **options: Any) -> int:
        with database.write() as session:
            return enqueue(session, clock, kind, {"attempt": 7}, **options)

    return put


def row(database: Database, job_id: int) -> Job:
    with database.read() as session:
        return session.exec(select(Job).where(Job.id == job_id)).one()


def held(claim: Claim | None) -> Claim:
    assert claim is not None
    return claim


def test_a_job_enqueued_in_a_transaction_that_failed_is_not_there(
    database: Database, clock: StoppedClock
) -> None:
    with database.write() as session:
        enqueue(session, clock, "submit_attempt", {})
        session.rollback()
    assert Jobs(database, clock, "w").claim(KINDS) is None


def test_a_job_waits_for_its_time(database: Database, clock: StoppedClock, put: Callable[..., int]) -> None:
    job = put(run_after=NINE + timedelta(minutes=20))
    worker = Jobs(database, clock, "w")
    assert worker.claim(KINDS) is None
    clock.pass_(minutes=20)
    claim = held(worker.claim(KINDS))
    assert (claim.id, claim.kind, claim.payload, claim.attempt) == (job, "submit_attempt", {"attempt": 7}, 1)


def test_a_unique_key_makes_one_job_of_two(put: Callable[..., int]) -> None:
    assert put(unique_key="attempt:7") == put(unique_key="attempt:7")
    assert put(unique_key="attempt:8") != put(unique_key="attempt:7")


def test_a_worker_takes_only_kinds_it_knows(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    put("import_folder")
    assert Jobs(database, clock, "w").claim(KINDS) is None


def test_eight_workers_never_hold_the_same_job(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    queued = {put() for _ in range(20)}
    claimed: list[int] = []
    begin = threading.Barrier(8)

    def work(name: str) -> None:
        worker = Jobs(database, clock, name)
        begin.wait()
        while (claim := worker.claim(KINDS)) is not None or len(claimed) < 20:
            if claim is not None:
                claimed.append(claim.id)

    workers = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(claimed) == sorted(queued)


def test_a_held_job_is_not_given_out_again_while_its_worker_renews_the_lease(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    put()
    first, second = Jobs(database, clock, "first"), Jobs(database, clock, "second")
    claim = held(first.claim(KINDS))
    for _ in range(4):
        clock.pass_(seconds=20)
        assert first.heartbeat(claim)
        assert second.claim(KINDS) is None


def test_a_lapsed_lease_frees_the_job_and_its_first_worker_has_no_say_any_more(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    first, second = Jobs(database, clock, "first"), Jobs(database, clock, "second")
    lost = held(first.claim(KINDS))
    clock.pass_(seconds=30)
    taken_over = held(second.claim(KINDS))
    assert taken_over.attempt == 2
    assert not first.heartbeat(lost)
    first.succeed(lost, {"by": "first"})
    first.fail(lost, "late")
    assert row(database, job).state == "running"
    second.succeed(taken_over, {"by": "second"})
    finished = row(database, job)
    assert (finished.state, finished.result, finished.progress) == ("succeeded", {"by": "second"}, 1.0)
    assert finished.finished_at == clock()


def test_the_same_worker_that_lost_a_job_and_took_it_again_is_told_apart(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    worker = Jobs(database, clock, "w")
    lost = held(worker.claim(KINDS))
    clock.pass_(seconds=30)
    held(worker.claim(KINDS))
    worker.succeed(lost)
    assert row(database, job).state == "running"


def test_a_failed_job_comes_back_later_each_time_and_is_given_up_after_five(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    worker = Jobs(database, clock, "w")
    for delay in (2, 4, 8, 16):
        worker.fail(held(worker.claim(KINDS)), "TimeoutError")
        clock.pass_(seconds=delay - 1)
        assert worker.claim(KINDS) is None
        clock.pass_(seconds=1)
    worker.fail(held(worker.claim(KINDS)), "TimeoutError")
    clock.pass_(days=1)
    assert worker.claim(KINDS) is None
    given_up = row(database, job)
    assert (given_up.state, given_up.error, given_up.attempts) == ("failed", "TimeoutError", 5)


def test_a_job_that_kills_every_worker_is_given_up(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    worker = Jobs(database, clock, "w")
    for _ in range(5):
        assert worker.claim(KINDS) is not None
        clock.pass_(seconds=30)
    assert worker.claim(KINDS) is None
    assert row(database, job).state == "failed"


def test_a_worker_killed_while_it_holds_a_job_loses_nothing(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    script = (
        "import os, signal, sys; from datetime import datetime; from schema.database import Database\n"
        "from schema.services.jobs import run_due\n"
        "die = lambda claim, progress: os.kill(os.getpid(), signal.SIGKILL)\n"
        "clock = lambda: datetime.fromisoformat(sys.argv[2])\n"
        "run_due(Database(sys.argv[1]), {'submit_attempt': die}, clock, 1)"
    )
    killed = subprocess.run([sys.executable, "-c", script, database.url, NINE.isoformat()], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert row(database, job).state == "running"
    done: list[int] = []
    handlers = {"submit_attempt": lambda claim, _progress: done.append(claim.payload["attempt"])}
    assert run_due(database, handlers, clock, 10) == 0
    clock.pass_(seconds=30)
    assert run_due(database, handlers, clock, 10) == 1
    assert done == [7]
    assert row(database, job).state == "succeeded"


def test_due_jobs_are_worked_off_up_to_the_limit(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    for _ in range(3):
        put()
    handlers = {"submit_attempt": lambda _claim, _progress: {"score": 80}}
    assert run_due(database, handlers, clock, 2) == 2
    assert run_due(database, handlers, clock, 2) == 1
    assert run_due(database, handlers, clock, 2) == 0


def test_a_handler_that_raises_has_its_job_put_back(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()

    def handler(_claim: Claim, _progress: Callable[[float], None]) -> None:
        raise LookupError("detail that may identify someone")

    assert run_due(database, {"submit_attempt": handler}, clock, 10) == 1
    put_back = row(database, job)
    assert (put_back.state, put_back.error) == ("queued", "LookupError")


def test_a_long_job_keeps_its_lease_while_it_is_done(
    database: Database, clock: StoppedClock, put: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.005)
    job = put()

    def handler(_claim: Claim, _progress: Callable[[float], None]) -> None:
        clock.pass_(seconds=25)
        while row(database, job).lease_until != clock() + timedelta(seconds=30):
            pass

    assert run_due(database, {"submit_attempt": handler}, clock, 1) == 1
    assert row(database, job).state == "succeeded"


def test_whoever_follows_a_job_hears_of_its_progress_and_its_end(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    run_due(database, {"submit_attempt": lambda _claim, progress: progress(0.5)}, clock, 1)
    with database.read() as session:
        heard = [(e.kind, e.payload) for e in events.after(session, f"job:{job}", 0)]
    assert heard == [("running", {"progress": 0.5}), ("succeeded", {"progress": 1.0})]


# Standing jobs and checkpoints


def woken(database: Database, clock: StoppedClock) -> int:
    """Wake the standing job and return its id."""
    with database.write() as session:
        jobs.wake(session, clock, "submit_attempt", {"attempt": 7}, "standing")
    with database.read() as session:
        return session.exec(select(Job).where(Job.unique_key == "standing")).one().id or 0


def test_a_standing_job_is_made_once_and_put_back_until_it_is_due(
    database: Database, clock: StoppedClock
) -> None:
    job, later = woken(database, clock), clock() + timedelta(hours=1)
    assert woken(database, clock) == job
    handlers: Any = {"submit_attempt": lambda _claim, _progress: jobs.Again(lambda _session: later)}
    assert run_due(database, handlers, clock, 10) == 1
    assert (row(database, job).state, row(database, job).run_after) == ("queued", later)
    woken(database, clock)
    assert run_due(database, handlers, clock, 10) == 1


def test_a_standing_job_that_was_given_up_is_revived(database: Database, clock: StoppedClock) -> None:
    job = woken(database, clock)
    claim = held(Jobs(database, clock, "w").claim(KINDS))
    Jobs(database, clock, "w").give_up(claim, "broken")
    assert row(database, job).state == "failed"
    woken(database, clock)
    assert held(Jobs(database, clock, "w").claim(KINDS)).id == job


def test_waking_a_job_under_way_leaves_it_to_its_worker(database: Database, clock: StoppedClock) -> None:
    woken(database, clock)
    worker = Jobs(database, clock, "w")
    claim = held(worker.claim(KINDS))
    woken(database, clock)
    assert worker.claim(KINDS) is None
    assert worker.heartbeat(claim)


def test_a_checkpoint_is_what_the_next_worker_begins_with(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    job = put()
    claim = held(Jobs(database, clock, "w").claim(KINDS))
    with database.write() as session:
        jobs.checkpoint(session, clock, jobs.held(session, claim), {"next": 3}, 0.5)
    clock.pass_(seconds=jobs.LEASE.total_seconds())
    assert held(Jobs(database, clock, "v").claim(KINDS)).checkpoint == {"next": 3}
    assert row(database, job).progress == 0.5
    with database.write() as session, pytest.raises(jobs.LostClaimError):
        jobs.held(session, claim)


def test_a_refusal_is_not_tried_again_and_what_was_sent_is_forgotten(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    def refused(_claim: Claim, _progress: Callable[[float], None]) -> None:
        raise NotFoundError

    job = put()
    run_due(database, {"submit_attempt": refused}, clock, 10)
    assert (row(database, job).state, row(database, job).error) == ("failed", "NotFoundError")
    assert row(database, job).payload == {}
