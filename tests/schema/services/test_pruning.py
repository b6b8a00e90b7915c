from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from schema.database import Database
from schema.models.disagreements import Disagreement
from schema.models.work import Event, Job
from schema.services import events, pruning
from schema.services.jobs import Jobs, enqueue
from schema.services.pruning import KEPT, SENTENCES_KEPT, prune
from tests.schema.people import StoppedClock

KINDS = frozenset({"submit_attempt"})


@pytest.fixture
def put(database: Database, clock: StoppedClock) -> Callable[..., int]:
    def put(**options: Any) -> int:
        with database.write() as session:
            return enqueue(session, clock, "submit_attempt", {}, **options)

    return put


@pytest.fixture
def happen(database: Database, clock: StoppedClock) -> Callable[[str], int]:
    def happen(topic: str) -> int:
        with database.write() as session:
            return events.append(session, clock, topic, "saved", {})

    return happen


def jobs_left(database: Database) -> list[int | None]:
    with database.read() as session:
        return list(session.exec(select(Job.id).order_by(col(Job.id))).all())


def events_left(database: Database) -> list[int | None]:
    with database.read() as session:
        return list(session.exec(select(Event.sequence).order_by(col(Event.sequence))).all())


def test_an_empty_installation_has_nothing_to_remove(database: Database, clock: StoppedClock) -> None:
    assert prune(database, clock) == 0


def test_a_job_that_is_not_finished_stays_however_old_it_is(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    running = put()
    assert Jobs(database, clock, "w").claim(KINDS) is not None
    waiting, later = put(), put(run_after=clock() + 3 * KEPT)
    clock.pass_(days=90)
    prune(database, clock)
    assert jobs_left(database) == [running, waiting, later]


def test_a_job_goes_a_month_after_its_end_whatever_its_end_was(
    database: Database, clock: StoppedClock, put: Callable[..., int]
) -> None:
    worker = Jobs(database, clock, "w")
    done, given_up = put(), put()
    for _ in range(5):
        claims = [worker.claim(KINDS), worker.claim(KINDS)]
        for claim in claims:
            if claim is not None and claim.id == given_up:
                worker.fail(claim, "TimeoutError")
            elif claim is not None:
                worker.succeed(claim)
        clock.pass_(minutes=1)
    recent = put()
    clock.at += KEPT - timedelta(minutes=10)
    claim = worker.claim(KINDS)
    assert claim is not None
    worker.succeed(claim)
    prune(database, clock)
    assert jobs_left(database) == [done, given_up, recent]
    clock.pass_(minutes=20)
    prune(database, clock)
    assert jobs_left(database) == [recent]
    assert put(unique_key="again") > recent


def test_who_resumes_from_before_what_is_gone_gets_what_is_left(
    database: Database, clock: StoppedClock, happen: Callable[[str], int]
) -> None:
    first, second = happen("session:1"), happen("session:1")
    clock.at += KEPT
    third = happen("session:1")
    assert prune(database, clock) == 0
    clock.pass_(seconds=1)
    assert prune(database, clock) == 2
    with database.read() as session:
        for seen in (0, first, second):
            assert [event.sequence for event in events.after(session, "session:1", seen)] == [third]
        assert events.after(session, "session:1", third) == []
        assert events.latest(session, "session:1") == third


def test_a_sequence_is_not_given_out_again_once_all_events_are_gone(
    database: Database, clock: StoppedClock, happen: Callable[[str], int]
) -> None:
    last = [happen("session:1") for _ in range(3)][-1]
    clock.at += 2 * KEPT
    assert prune(database, clock) == 3
    assert events_left(database) == []
    with database.read() as session:
        assert events.latest(session, "session:1") == 0
    following = happen("session:1")
    assert following > last
    with database.read() as session:
        assert [event.sequence for event in events.after(session, "session:1", last)] == [following]


def test_much_is_removed_a_part_at_a_time(
    database: Database,
    clock: StoppedClock,
    happen: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    for _ in range(5):
        happen("session:1")
    clock.at += 2 * KEPT
    assert [prune(database, clock) for _ in range(4)] == [2, 2, 1, 0]


def test_a_disagreements_sentence_goes_once_settled_or_old_and_the_rest_stays(
    database: Database, clock: StoppedClock
) -> None:
    def dispute(concept: str, verdict: str | None = None) -> Disagreement:
        return Disagreement(
            text_digest="0",
            origin="description",
            concept_id=concept,
            sentence="BBG chez M. _____",
            matcher_version="1",
            created_at=clock(),
            verdict=verdict,
        )

    with database.write() as session:
        session.add(dispute("OLD"))
    clock.at += SENTENCES_KEPT + timedelta(minutes=1)
    with database.write() as session:
        session.add_all([dispute("NEW"), dispute("SETTLED", "rules")])
    assert [prune(database, clock) for _ in range(2)] == [2, 0]
    with database.read() as session:
        kept = {row.concept_id: row.sentence for row in session.exec(select(Disagreement)).all()}
    assert kept == {"OLD": "", "NEW": "BBG chez M. _____", "SETTLED": ""}
