"""Following sessions, figures and jobs over the API."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from strawberry.types.execution import PreExecutionError

from schema.models.work import JobState
from schema.policy import Actor, Role, Scope
from schema.services import events
from schema.services.attempts import topic
from schema.services.jobs import Jobs, enqueue
from schema.types.base import global_id
from tests.schema.conftest import World, the_schema
from tests.schema.people import actor_of
from tests.schema.training import Hospital

ACTIVITY = """subscription S($id: ID!, $after: Int) { sessionActivity(sessionId: $id, after: $after) {
  sequence kind at attempt { id state answeredCount } } }"""
FIGURES = "subscription S { statisticsChanged { sequence statistics { sessionCount matcher { misses } } } }"
PROGRESS = "subscription S($id: ID!) { jobProgress(id: $id) { sequence job { state progress } } }"


@pytest.fixture
def hospital(each_world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(each_world.database, each_world.clock, tmp_path)
    yield made
    made.close()


@asynccontextmanager
async def following(world: World, text: str, actor: Actor | None, **variables: Any) -> AsyncIterator[Any]:
    """Open a subscription; what it yields are execution results."""
    stream = await the_schema().subscribe(text, variable_values=variables, context_value=world.context(actor))
    assert not isinstance(stream, PreExecutionError), stream.errors
    async with aclosing(stream):
        yield stream


async def heard(stream: Any, count: int) -> list[Any]:
    """Return the value of each of the next events."""
    values = []
    for _ in range(count):
        result = await asyncio.wait_for(anext(stream), 30)
        assert result.errors is None, result.errors
        (value,) = result.data.values()
        values.append(value)
    return values


def refused(world: World, text: str, actor: Actor | None, **variables: Any) -> str:
    async def ask() -> str:
        async with following(world, text, actor, **variables) as stream:
            result = await anext(stream)
            return str(result.errors[0].extensions["code"])

    return asyncio.run(ask())


def test_only_who_manages_a_session_watches_it(each_world: World, hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    hospital.started(training, student)
    key = global_id("Session", training.id or 0)
    assert refused(each_world, ACTIVITY, None, id=key) == "UNAUTHENTICATED"
    assert refused(each_world, ACTIVITY, student, id=key) == "FORBIDDEN"
    assert refused(each_world, ACTIVITY, each_world.person(Role.TEACHER), id=key) == "NOT_FOUND"
    assert refused(each_world, ACTIVITY, hospital.teacher, id="forged") == "NOT_FOUND"
    assert refused(each_world, FIGURES, student) == "FORBIDDEN"


def test_a_teacher_sees_what_students_do_as_it_is_when_told(each_world: World, hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    key = global_id("Session", training.id or 0)

    async def scenario() -> list[Any]:
        async with following(each_world, ACTIVITY, hospital.teacher, id=key, after=0) as stream:
            attempt = await asyncio.to_thread(hospital.started, training, student)
            first = await heard(stream, 1)
            await asyncio.to_thread(hospital.save, student, attempt, "BBG")
            second = await heard(stream, 1)
            await asyncio.to_thread(hospital.submissions.submit, student, attempt.id or 0, "key")
            return first + second + await heard(stream, 1)

    told = asyncio.run(scenario())
    assert [(each["kind"], each["attempt"]["state"]) for each in told] == [
        ("STARTED", "OPEN"),
        ("SAVED", "OPEN"),
        ("SUBMITTED", "SUBMITTED"),
    ]
    assert [each["attempt"]["answeredCount"] for each in told] == [0, 1, 1]


def test_a_reconnecting_teacher_resumes_after_the_last_event(each_world: World, hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    key = global_id("Session", training.id or 0)

    async def scenario(after: int, count: int) -> list[Any]:
        async with following(each_world, ACTIVITY, hospital.teacher, id=key, after=after) as stream:
            return await heard(stream, count)

    first, second = asyncio.run(scenario(0, 2))
    assert asyncio.run(scenario(first["sequence"], 1)) == [second]


def test_without_a_place_to_resume_only_what_is_new_is_told(each_world: World, hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    key = global_id("Session", training.id or 0)

    async def scenario() -> list[Any]:
        async with following(each_world, ACTIVITY, hospital.teacher, id=key) as stream:
            coming = asyncio.ensure_future(heard(stream, 1))
            await asyncio.sleep(0.05)
            await asyncio.to_thread(hospital.submissions.submit, student, attempt.id or 0, "key")
            return await coming

    assert [each["kind"] for each in asyncio.run(scenario())] == ["SUBMITTED"]


def test_no_event_is_lost_between_history_and_the_present(each_world: World, hospital: Hospital) -> None:
    training = hospital.training()
    attempt = hospital.started(training, hospital.student())
    key, name = global_id("Session", training.id or 0), topic(training.id or 0)

    def write() -> None:
        for _ in range(20):
            with each_world.database.write() as session:
                events.append(session, each_world.clock, name, "saved", {"attempt_id": attempt.id})

    async def scenario() -> list[Any]:
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        async with following(each_world, ACTIVITY, hospital.teacher, id=key, after=0) as stream:
            told = await heard(stream, 81)
        for writer in writers:
            writer.join()
        return told

    sequences = [each["sequence"] for each in asyncio.run(scenario())]
    assert sequences == sorted(set(sequences))
    with each_world.database.read() as session:
        assert sequences == [event.sequence for event in events.after(session, name, 0)]


def test_figures_come_at_once_and_again_when_they_change(each_world: World, hospital: Hospital) -> None:
    async def scenario() -> list[Any]:
        async with following(each_world, FIGURES, hospital.teacher) as stream:
            first = await heard(stream, 1)
            await asyncio.to_thread(hospital.training, None)
            seen = first
            while seen[-1]["statistics"]["sessionCount"] == 0:
                seen += await heard(stream, 1)
            each_world.services.matcher.match("Bloc de branche gauche")
            return [first[0], seen[-1], *await heard(stream, 1)]

    before, after, read = asyncio.run(scenario())
    assert [each["statistics"]["sessionCount"] for each in (before, after, read)] == [0, 1, 1]
    assert after["sequence"] > before["sequence"]
    assert read["statistics"]["matcher"]["misses"] == after["statistics"]["matcher"]["misses"] + 1


JOB = """query Q($id: ID!) { job(id: $id) { kind } node(id: $id) { ... on Job { kind } }
  jobs { totalCount } }"""


def test_a_token_of_any_scope_follows_the_jobs_of_its_account_and_no_others(
    each_world: World, hospital: Hospital
) -> None:
    account, few = hospital.account(Role.TEACHER), frozenset({Scope.SESSIONS_READ})
    with each_world.database.write() as session:
        number = enqueue(session, each_world.clock, "export", {}, owner_id=account.id)
    key, missing = global_id("Job", number), global_id("Job", 999_999)
    for nobody in (key, "forged"):
        assert each_world.codes(JOB, None, id=nobody)[0] == "UNAUTHENTICATED"
        assert refused(each_world, PROGRESS, None, id=nobody) == "UNAUTHENTICATED"
    admin = hospital.account(Role.ADMIN)
    for other in (hospital.teacher, actor_of(admin, token_id=2, scopes=few)):
        nothing = {"job": None, "node": None, "jobs": {"totalCount": 0}}
        assert whole(each_world, other, key) == whole(each_world, other, missing) == nothing
        assert refused(each_world, PROGRESS, other, id=key) == "NOT_FOUND"
    told = {"job": {"kind": "export"}, "node": {"kind": "export"}}
    mine = actor_of(account, token_id=1, scopes=few)
    assert whole(each_world, mine, key) == told | {"jobs": {"totalCount": 1}}
    assert whole(each_world, actor_of(admin), key) == told | {"jobs": {"totalCount": 0}}

    async def scenario() -> Any:
        async with following(each_world, PROGRESS, mine, id=key) as stream:
            return await heard(stream, 1)

    assert asyncio.run(scenario())[0]["job"]["state"] == "QUEUED"


def whole(world: World, actor: Actor, key: str) -> Any:
    """Return all that is asked of a job."""
    result = world.run(JOB, actor, {"id": key})
    assert result.errors is None
    return result.data


def test_a_job_is_followed_to_its_end_by_who_asked_for_it(each_world: World, hospital: Hospital) -> None:
    with each_world.database.write() as session:
        number = enqueue(session, each_world.clock, "import", {}, owner_id=hospital.teacher.account_id)
    key = global_id("Job", number)
    assert refused(each_world, PROGRESS, each_world.person(Role.TEACHER), id=key) == "NOT_FOUND"
    read = "query Q($id: ID!) { job(id: $id) { kind state } }"
    assert each_world.ask(read, each_world.person(Role.TEACHER), id=key) is None
    assert each_world.ask(read, hospital.teacher, id=key) == {"kind": "import", "state": "QUEUED"}

    async def scenario() -> list[Any]:
        worker = Jobs(each_world.database, each_world.clock, "w")
        told = []
        async with following(each_world, PROGRESS, hospital.teacher, id=key) as stream:
            told += await heard(stream, 1)
            claim = worker.claim(frozenset({"import"}))
            assert claim is not None
            worker.progress(claim, 0.5)
            told += await heard(stream, 1)
            worker.succeed(claim)
            told += await heard(stream, 1)
            return told + [None async for _ in stream]

    jobs = [each["job"] for each in asyncio.run(scenario())]
    assert jobs == [
        {"state": JobState.QUEUED.name, "progress": 0.0},
        {"state": JobState.RUNNING.name, "progress": 0.5},
        {"state": JobState.SUCCEEDED.name, "progress": 1.0},
    ]
