"""Many at once: participants enrolled line by line, attempts written out part by part, by whoever is left."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, update
from sqlmodel import col, func, select

from schema.database import Database
from schema.errors import DomainError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, AuditEvent, AuditHead
from schema.models.training import Answer, Attempt, Enrolment, TrainingSession
from schema.models.work import Job
from schema.policy import Actor, Role, Scope
from schema.scalars import global_id
from schema.services import attempt_exports, bulk, participant_imports
from schema.services.attempt_exports import (
    KEPT,
    AttemptExports,
    ask_for_export,
    available,
    expire,
    parts_of,
)
from schema.services.audit import verify
from schema.services.blobs import FolderBlobStore
from schema.services.enrolments import Enrolments
from schema.services.jobs import ASKED, LEASE, Jobs, LostClaimError, run_due
from schema.services.participant_files import MAX_FILE_BYTES, MOST_LINES, ParticipantFile, read_participants
from schema.services.participant_imports import PAUSE_S, ParticipantImports, ask_for_import
from schema.services.tokens import Tokens
from tests.schema.people import PASSWORDS, StoppedClock
from tests.schema.shelves import fixed_shelf
from tests.schema.training import Hospital
from tests.support.growth import grows_linearly


def read(text: str | bytes) -> ParticipantFile:
    return read_participants(io.BytesIO(text.encode() if isinstance(text, str) else text))


def codes(file: ParticipantFile) -> list[tuple[int, str, str]]:
    return [(each.line, each.column, each.code) for each in file.faults]


# Files


@pytest.mark.parametrize(
    "text",
    [
        "email,display name\nAnne@example.org,Anne\n",
        "\ufeffE-mail;Display_Name\r\nAnne@example.org;Anne\r\n",
        "displayName\tEMAIL\nAnne\tAnne@example.org",
        '\n{"email": "Anne@example.org", "displayName": "Anne"}\n\n',
    ],
)
def test_csv_of_any_office_and_json_lines_say_the_same(text: str) -> None:
    [found] = read(text).participants
    assert (found.email, found.displayName) == ("Anne@example.org", "Anne")


@pytest.mark.parametrize(
    "octets, code",
    [
        (b"", "file_empty"),
        (b" \n\n", "file_empty"),
        ("email\nanné@example.org".encode("latin-1"), "file_not_utf8"),
        (b"x" * (MAX_FILE_BYTES + 1), "file_too_large_text"),
        (b"anne@example.org\n", "file_no_columns"),
        (b"email,email\na@b.org,c@d.org\n", "file_no_columns"),
        (b"displayName\nAnne\n", "file_no_columns"),
        (b"email,birthday\na@b.org,1.1.2001\n", "file_no_columns"),
        (b"email\n" + b"a@b.org\n" * (MOST_LINES + 1), "too_many_lines"),
        (b"PK\x03\x04\x00\x00", "file_no_columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(octets: bytes, code: str) -> None:
    with pytest.raises(ValidationFailedError, match=f"file:{code}"):
        read(octets)


def test_faults_are_told_line_by_line_and_keep_no_other_out() -> None:
    file = read("email,externalId\na@b.org,\n,\nx,y,z\nA@B.org,\n,p1\n,p1\n")
    assert codes(file) == [
        (4, "", "unreadable_line"),
        (5, "email", "line_twice"),
        (7, "externalId", "line_twice"),
    ]
    assert [each.line for each in file.participants] == [2, 6]
    lines = '{"email": "a@b.org"}\n[]\n{"email": 4}\n{"birthday": "x"}\n{\n{}\n' + "[" * 100_000
    assert [each[2] for each in codes(read(lines))] == ["unreadable_line"] * 4 + [
        "names_nobody",
        "unreadable_line",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "externalId,displayName\nx\0,Anne\ny,Anne\nz,A\x1b[2J\n",
        '{"externalId": "y"}\n{"externalId": "x\\ud800"}\n{"sessionId": "\\u0000"}',
    ],
)
def test_what_cannot_be_printed_is_a_fault_of_its_line_alone(text: str) -> None:
    file = read(text)
    assert [each.externalId for each in file.participants] == ["y"]
    assert [each[2] for each in codes(file)] == ["unprintable"] * 2


def test_a_participant_written_in_two_ways_is_told_as_named_twice() -> None:
    file = read("externalId,displayName\ne\u0301  1,Anne\n\u00e9 1 ,Anne\n")
    assert codes(file) == [(3, "externalId", "line_twice")]
    assert file.participants[0].externalId == "\u00e9 1"


def test_reading_a_file_takes_time_in_proportion() -> None:
    assert grows_linearly(lambda size: read("email\n" + "".join(f"p{n}@b.org\n" for n in range(size))), 5_000)


# A hospital at work


class Works:
    """A hospital with its bulk jobs."""

    def __init__(self, hospital: Hospital, folder: Path) -> None:
        self.hospital, self.teacher = hospital, hospital.teacher
        self.database, self.clock = hospital.database, hospital.clock
        self.blobs = FolderBlobStore(folder / "blobs")
        shelf = fixed_shelf(hospital.matcher, hospital.ontology)
        self.exports = AttemptExports(self.database, self.clock, self.blobs, PASSWORDS, shelf)
        self.pauses: list[float] = []
        self.imports = ParticipantImports(self.database, self.clock, self.pauses.append)
        self.system = Actor(self.teacher.account_id, Role.TEACHER, token_id=self.token(self.teacher))

    def token(self, actor: Actor) -> int:
        with self.database.write() as session:
            scopes = frozenset({Scope.SESSIONS_READ, Scope.SESSIONS_WRITE})
            return Tokens(session, self.clock, None).create(actor.account_id, "LMS", scopes).token.id or 0

    def import_(
        self,
        training: TrainingSession,
        text: str,
        *,
        actor: Actor | None = None,
        key: str = "key",
        dry_run: bool = False,
    ) -> Job:
        with self.database.write() as session:
            return ask_for_import(
                session, actor or self.teacher, self.clock, training.id or 0, read(text), key, dry_run=dry_run
            )

    def export(
        self, training: TrainingSession | None = None, *, actor: Actor | None = None, key: str = "key"
    ) -> Job:
        with self.database.write() as session:
            which = None if training is None else training.id
            return ask_for_export(session, actor or self.teacher, self.clock, which, key)

    def work(self) -> int:
        handlers: Any = {bulk.IMPORT_JOB: self.imports.work, bulk.EXPORT_JOB: self.exports.work}
        return run_due(self.database, handlers, self.clock, 10)

    def done(self, job: Job) -> Job:
        """Return a job once it is worked off."""
        self.work()
        return self.now(job)

    def now(self, job: Job) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job.id)

    def enrolled(self, training: TrainingSession) -> set[str]:
        with self.database.read() as session:
            rows = select(Account).join(Enrolment, col(Enrolment.account_id) == Account.id)
            found = session.exec(rows.where(Enrolment.session_id == training.id))
            return {each.external_id or each.email or "" for each in found}

    def lines(self, job: Job, actor: Actor | None = None) -> list[dict[str, Any]]:
        with self.database.read() as session:
            keys = parts_of(session, actor or self.teacher, self.clock, job.id or 0)
        whole = b"".join(self.blobs.get(key) for key in keys)
        return [json.loads(line) for line in whole.splitlines()]

    def submitted(self, training: TrainingSession, text: str = "BBG complet") -> Attempt:
        student = self.hospital.student()
        attempt = self.hospital.started(training, student)
        self.hospital.save(student, attempt, text)
        return self.hospital.submissions.submit(student, attempt.id or 0, "key")

    def stored(self) -> int:
        return len(list(self.blobs._folder.rglob("*/*")))  # noqa: SLF001 - what is on disk


@pytest.fixture
def works(sqlite_database: Database, clock: StoppedClock, tmp_path: Path) -> Iterator[Works]:
    hospital = Hospital(sqlite_database, clock, tmp_path)
    yield Works(hospital, tmp_path)
    hospital.close()


@pytest.fixture
def each(hospital: Hospital, tmp_path: Path) -> Works:
    return Works(hospital, tmp_path)


@pytest.fixture
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participant_imports, "TOGETHER", 2)
    monkeypatch.setattr(attempt_exports, "TOGETHER", 2)


PARTICIPANTS = "externalId,displayName\n" + "".join(f"p{n},Participant {n}\n" for n in range(5))


class Killed(BaseException):
    """What stands for a worker's sudden death."""


def killed_after(count: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return the work, which dies when it is called once too often."""
    calls = iter(range(count))

    def dying(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise Killed
        return work(*arguments)

    return dying


# Who may


def test_a_foreign_session_answers_like_a_missing_one(works: Works) -> None:
    training, other = works.hospital.training(), works.hospital.actor(Role.TEACHER)
    for which in (training, TrainingSession(id=999)):  # type: ignore[call-arg]
        with pytest.raises(NotFoundError):
            works.import_(which, PARTICIPANTS, actor=other)
        with pytest.raises(NotFoundError):
            works.export(which, actor=other)


def test_a_foreign_export_answers_like_a_missing_one(works: Works) -> None:
    works.submitted(works.hospital.training())
    job = works.done(works.export())
    for actor in (works.hospital.actor(Role.TEACHER), works.hospital.actor(Role.ADMIN)):
        for wanted in (
            job,
            Job(id=999, kind="x", payload={}, run_after=works.clock(), created_at=works.clock()),
        ):
            with pytest.raises(NotFoundError):
                works.lines(wanted, actor)
    assert len(works.lines(job)) == 1


@pytest.mark.parametrize("ending", ["account", "token", "scope"])
def test_who_may_not_any_more_by_the_time_has_nothing_done(works: Works, ending: str) -> None:
    training = works.hospital.training()
    works.submitted(training)
    jobs = [works.import_(training, PARTICIPANTS, actor=works.system), works.export(actor=works.system)]
    before = works.enrolled(training)
    with works.database.write() as session:
        account = session.get_one(Account, works.teacher.account_id)
        if ending == "account":
            account.disabled_at = works.clock()
        elif ending == "scope":
            account.role = Role.STUDENT.value
        else:
            Tokens(session, works.clock, None).revoke(works.system.token_id or 0)
    for job in jobs:
        done = works.done(job)
        assert (done.state, list(done.payload)) == ("failed", [ASKED])
    assert (works.enrolled(training), works.stored()) == (before, 0)


def test_one_exports_ones_own_sessions_and_an_administrator_any_by_name(works: Works) -> None:
    admin, colleague = works.hospital.actor(Role.ADMIN), works.hospital.actor(Role.TEACHER)
    mine, theirs = works.hospital.training(), works.hospital.training(owner=colleague)
    for training in (mine, theirs):
        works.submitted(training)
    for actor, which, wanted in ((works.teacher, None, [mine]), (admin, None, []), (admin, theirs, [theirs])):
        job = works.done(works.export(which, actor=actor, key=f"{actor.role}{which and which.id}"))
        found = [line["sessionId"] for line in works.lines(job, actor)]
        assert found == [global_id("Session", each.id or 0) for each in wanted]


# Imports


def test_students_are_enrolled_by_address_and_the_others_told(each: Works) -> None:
    training, student = each.hospital.training(), each.hospital.account(Role.STUDENT)
    job = each.done(
        each.import_(training, f"email\n{(student.email or '').upper()}\nnobody@example.org\n,\n")
    )
    result = job.result or {}
    assert (result["lines"], result["enrolled"], result["present"], result["fault_count"]) == (2, 1, 0, 1)
    assert result["faults"] == [{"line": 3, "column": "email", "code": "no_such_student", "values": {}}]
    assert each.enrolled(training) == {student.email}
    assert "nobody" not in job.model_dump_json()


def test_participants_of_an_outside_system_are_its_tokens_to_import(works: Works) -> None:
    training = works.hospital.training()
    refused = works.done(works.import_(training, PARTICIPANTS)).result or {}
    assert {fault["code"] for fault in refused["faults"]} == {"tokens_only"}
    done = works.done(works.import_(training, PARTICIPANTS, actor=works.system, key="2")).result or {}
    assert (done["enrolled"], works.enrolled(training)) == (5, {f"p{n}" for n in range(5)})


def test_importing_again_changes_nothing(each: Works) -> None:
    training = each.hospital.training()
    for key, enrolled, present in (("1", 5, 0), ("2", 0, 5)):
        done = each.done(each.import_(training, PARTICIPANTS, actor=each.system, key=key)).result or {}
        assert (done["enrolled"], done["present"], done["fault_count"]) == (enrolled, present, 0)


def test_the_same_key_answers_with_the_same_job(each: Works) -> None:
    training = each.hospital.training()
    asked = [partial(each.import_, training, PARTICIPANTS), partial(each.export, training)]
    before = [ask().id for ask in asked]
    assert [ask().id for ask in asked] == before
    each.work()
    assert [ask().id for ask in asked] == before
    assert each.export(actor=each.hospital.actor(Role.TEACHER)).id not in before


def test_a_key_that_was_used_for_something_else_is_refused(each: Works) -> None:
    training, other = each.hospital.training(), each.hospital.training()
    each.import_(training, PARTICIPANTS, actor=each.system, dry_run=True)
    each.export(training)
    for _ in range(2):  # while the jobs wait, and when they are done
        for ask in (
            partial(each.import_, training, PARTICIPANTS, actor=each.system),
            partial(each.import_, other, PARTICIPANTS, actor=each.system, dry_run=True),
            partial(each.import_, training, f"{PARTICIPANTS}p9,Neuf\n", actor=each.system, dry_run=True),
            partial(each.export, other),
            partial(each.export),
        ):
            with pytest.raises(ValidationFailedError, match="idempotencyKey:key_used"):
                ask()
        each.work()
    assert each.enrolled(training) == set()


def test_a_job_of_before_requests_were_told_apart_still_answers_for_its_key(works: Works) -> None:
    job = works.done(works.export())
    with works.database.write() as session:
        session.get_one(Job, job.id).payload = {}
    assert works.export().id == job.id


def test_an_account_has_so_many_jobs_at_once(works: Works) -> None:
    for number in range(bulk.AT_ONCE):
        works.export(key=str(number))
    with pytest.raises(ValidationFailedError, match="idempotencyKey:too_many_jobs"):
        works.export(key="more")
    works.work()
    works.export(key="more")


@pytest.mark.usefixtures("two_at_a_time")
def test_a_dry_run_says_what_would_happen_and_changes_nothing(each: Works) -> None:
    training, student = each.hospital.training(), each.hospital.account(Role.STUDENT)
    text = f"email,externalId,displayName\n{student.email},,\n,p1,Un\n,p2,\n,p1,Deux\n,p3,Trois\n"
    dry = each.done(each.import_(training, text, actor=each.system, dry_run=True)).result or {}
    with each.database.read() as session:
        assert session.exec(select(func.count()).select_from(Enrolment)).one() == 0
        actions = session.exec(select(AuditEvent.action).order_by(col(AuditEvent.sequence))).all()
        assert (actions[-1], "enrolment.created" in actions) == ("participants.tried", False)
        tried = session.exec(select(AuditEvent).where(AuditEvent.action == "participants.tried")).one()
    assert tried.detail == {"enrolled": 3, "present": 0, "faults": 2}
    wet = each.done(each.import_(training, text, actor=each.system, key="wet")).result or {}
    assert {**dry, "dry_run": False} == wet
    assert (wet["enrolled"], wet["fault_count"]) == (3, 2)


def write_elsewhere(works: Works) -> None:
    """Write at once or fail, beside whatever else is open."""
    elsewhere = Database(works.database.url)
    with elsewhere.engine.connect() as connection:
        if elsewhere.is_sqlite:
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        else:
            connection.exec_driver_sql("SET lock_timeout = 1")
        connection.commit()
        with connection.begin():
            connection.execute(update(AuditHead).values(rows=AuditHead.rows))
    elsewhere.dispose()


def test_others_write_in_every_pause_of_an_import(each: Works) -> None:
    training, gaps = each.hospital.training(), list[int]()

    def pause(seconds: float) -> None:
        assert seconds >= PAUSE_S
        write_elsewhere(each)
        gaps.append(len(each.enrolled(training)))

    each.imports = ParticipantImports(each.database, each.clock, pause)
    text = "externalId,displayName\n" + "".join(
        f"p{n},P\n" for n in range(participant_imports.TOGETHER * 2 + 1)
    )
    each.done(each.import_(training, text, actor=each.system))
    assert gaps == [participant_imports.TOGETHER, participant_imports.TOGETHER * 2]
    assert participant_imports.TOGETHER <= 10


def test_others_write_while_a_dry_run_looks(each: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    training, seen = each.hospital.training(), list[str]()
    looks = Enrolments.external_is_new

    def watched(enrolments: Enrolments, session_id: int, who: str, name: str) -> bool:
        new = looks(enrolments, session_id, who, name)
        write_elsewhere(each)
        seen.append(who)
        return new

    monkeypatch.setattr(Enrolments, "external_is_new", watched)
    done = each.done(each.import_(training, PARTICIPANTS, actor=each.system, dry_run=True))
    assert (len(seen), (done.result or {})["enrolled"], each.pauses) == (5, 5, [])


def test_the_trail_is_held_only_after_a_chunks_last_line(each: Works) -> None:
    training, statements = each.hospital.training(), list[str]()
    job = each.import_(training, PARTICIPANTS, actor=each.system)

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(each.database.engine, "before_cursor_execute", note)
    each.done(job)
    event.remove(each.database.engine, "before_cursor_execute", note)
    trail = [n for n, each in enumerate(statements) if "audit_head" in each or "advisory" in each]
    made = [
        n
        for n, each in enumerate(statements)
        if each.startswith(("INSERT INTO enrol", "INSERT INTO account"))
    ]
    assert len(made) == 10
    assert not [n for n in trail if made[0] < n < made[-1]]
    with each.database.read() as session:
        assert verify(session).ok
        made_by = session.exec(
            select(AuditEvent.action).where(AuditEvent.token_id == each.system.token_id)
        ).all()
    assert made_by == ["account.created", "enrolment.created"] * 5 + ["participants.imported"]


def test_a_line_that_fails_halfway_tells_the_trail_nothing(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = works.hospital.training()

    def refused(*_arguments: object) -> None:
        raise DomainError

    monkeypatch.setattr(Enrolments, "_enrolled", refused)
    done = works.done(works.import_(training, PARTICIPANTS, actor=works.system))
    assert (done.result or {})["fault_count"] == 5
    with works.database.read() as session:
        assert (
            "account.created"
            not in session.exec(
                select(AuditEvent.action).where(AuditEvent.token_id == works.system.token_id)
            ).all()
        )


def test_a_line_may_name_another_session_of_ones_own_alone(works: Works) -> None:
    here, there = works.hospital.training(), works.hospital.training()
    foreign = works.hospital.training(owner=works.hospital.actor(Role.TEACHER))
    ids = [global_id("Session", each.id or 0) for each in (there, foreign)]
    text = f"externalId,displayName,session\np1,Un,\np1,Un,{ids[0]}\np1,Un,{ids[1]}\np1,Un,x\n"
    done = works.done(works.import_(here, text, actor=works.system)).result or {}
    assert (works.enrolled(here), works.enrolled(there), works.enrolled(foreign)) == ({"p1"}, {"p1"}, set())
    assert [(each["line"], each["code"]) for each in done["faults"]] == [(4, "not_found"), (5, "not_found")]


@pytest.mark.usefixtures("two_at_a_time")
def test_an_import_whose_worker_is_killed_goes_on_and_counts_nobody_twice(
    each: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = each.hospital.training()
    job = each.import_(training, PARTICIPANTS, actor=each.system)
    with monkeypatch.context() as patch:
        patch.setattr(each.imports, "_some", killed_after(1, each.imports._some))  # noqa: SLF001
        with pytest.raises(Killed):
            each.work()
    assert (len(each.enrolled(training)), each.now(job).progress) == (2, 0.4)
    each.clock.pass_(seconds=LEASE.total_seconds())
    done = each.done(job)
    assert (done.state, (done.result or {})["enrolled"], (done.result or {})["present"]) == (
        "succeeded",
        5,
        0,
    )
    assert list(done.payload) == [ASKED]


@pytest.mark.usefixtures("two_at_a_time")
def test_a_worker_that_has_lost_its_job_does_nothing_more(works: Works) -> None:
    training = works.hospital.training()
    works.import_(training, PARTICIPANTS, actor=works.system)
    slow = Jobs(works.database, works.clock, "slow").claim(frozenset({bulk.IMPORT_JOB}))
    assert slow is not None
    works.clock.pass_(seconds=LEASE.total_seconds())
    Jobs(works.database, works.clock, "other").claim(frozenset({bulk.IMPORT_JOB}))
    with pytest.raises(LostClaimError):
        works.imports.work(slow, lambda _fraction: None)
    assert works.enrolled(training) == set()


# Exports


def test_an_export_has_marks_answers_and_times_and_no_name(each: Works) -> None:
    training = each.hospital.training()
    attempt = each.submitted(training, "M. Durand, né le 02/03/1950 : bloc de branche gauche")
    open_one = each.hospital.started(training, each.hospital.student())
    done = each.done(each.export(training))
    [line] = each.lines(done)
    assert line["attemptId"] == global_id("Attempt", attempt.id or 0)
    assert global_id("Attempt", open_one.id or 0) not in json.dumps(line)
    assert (line["score"], line["submissionCause"], line["number"]) == (100.0, "student", 1)
    [answer] = line["answers"]
    assert "Durand" not in answer["text"]
    assert "1950" not in answer["text"]
    assert "bloc de branche gauche" in answer["text"]
    assert [(item["concept"], item["verdict"]) for item in answer["grade"]["items"]] == [("LBBB", "found")]
    with each.database.read() as session:
        student = session.get_one(Account, attempt.account_id)
        actions = session.exec(select(AuditEvent.action)).all()
    assert student.display_name not in json.dumps(line)
    assert (student.email or "") not in json.dumps(line)
    assert "attempts.exported" in actions
    assert (done.result or {})["attempts"] == 1


def test_a_participant_is_called_the_same_in_ones_exports_and_otherwise_in_others(works: Works) -> None:
    training, admin = works.hospital.training(), works.hospital.actor(Role.ADMIN)
    works.submitted(training)
    names = [
        works.lines(works.done(works.export(training, actor=actor, key=key)), actor)[0]["participant"]
        for actor, key in ((works.teacher, "1"), (works.teacher, "2"), (admin, "3"))
    ]
    assert (names[0] == names[1], names[0] == names[2], len(names[0])) == (True, False, 16)


@pytest.mark.usefixtures("two_at_a_time")
@pytest.mark.parametrize("moment", ["_next", "_keep", "put"])
def test_an_export_whose_worker_is_killed_goes_on_without_gap_or_repeat(
    each: Works, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    training = each.hospital.training()
    attempts = [each.submitted(training) for _ in range(5)]
    job = each.export(training)
    dies: Any = each.blobs if moment == "put" else each.exports
    with monkeypatch.context() as patch:
        patch.setattr(dies, moment, killed_after(1, getattr(dies, moment)))
        with pytest.raises(Killed):
            each.work()
    each.clock.pass_(seconds=LEASE.total_seconds())
    done = each.done(job)
    assert [line["attemptId"] for line in each.lines(done)] == [
        global_id("Attempt", attempt.id or 0) for attempt in attempts
    ]
    assert (each.stored(), (done.result or {})["attempts"]) == (3, 5)


@pytest.mark.parametrize("most, parts", [(1, 5), (10_000_000, 1)])
def test_a_part_ends_where_it_would_be_large_and_an_attempt_is_never_cut(
    works: Works, monkeypatch: pytest.MonkeyPatch, most: int, parts: int
) -> None:
    monkeypatch.setattr(attempt_exports, "PART_BYTES", most)
    monkeypatch.setattr(attempt_exports, "READ_TOGETHER", 2)
    training = many(works, 5)
    done = works.done(works.export(training))
    lines = works.lines(done)
    assert (len(lines), len({line["attemptId"] for line in lines}), works.stored()) == (5, 5, parts)


def test_an_account_keeps_so_many_exports(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_EXPORTS", 2)
    training, colleague = works.hospital.training(), works.hospital.actor(Role.TEACHER)
    works.submitted(training)
    works.done(works.export(key="1"))
    works.clock.pass_(days=1)
    second = works.export(key="2")
    for _ in range(2):
        with pytest.raises(ValidationFailedError, match="idempotencyKey:too_many_exports"):
            works.export(key="3")
        works.work()
    assert works.export(key="2").id == second.id
    works.import_(training, PARTICIPANTS)
    works.export(actor=colleague)
    works.clock.pass_(seconds=KEPT.total_seconds() - 86_400)
    expire(works.database, works.clock, works.blobs)
    works.export(key="3")


def test_an_export_is_gone_after_a_week_and_takes_no_other_with_it(each: Works) -> None:
    training = each.hospital.training()
    each.submitted(training)
    first = each.done(each.export(training, key="1"))
    each.clock.pass_(days=1)
    second = each.done(each.export(training, key="2"))
    each.clock.pass_(seconds=(KEPT.total_seconds() - 86_400))
    assert not available(each.now(first), each.clock())
    assert expire(each.database, each.clock, each.blobs) == 1
    assert expire(each.database, each.clock, each.blobs) == 0
    with pytest.raises(NotFoundError):
        each.lines(first)
    assert (len(each.lines(second)), each.stored()) == (1, 1)


def test_a_file_that_will_not_go_keeps_no_other_and_goes_later(
    each: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = each.hospital.training()
    each.submitted(training)
    done = [each.done(each.export(training, key=key)) for key in "12"]
    [stuck] = [part["key"] for part in (done[0].checkpoint or {})["parts"]]
    each.clock.pass_(seconds=KEPT.total_seconds())
    delete = each.blobs.delete

    def refused(key: str) -> None:
        write_elsewhere(each)
        if key == stuck:
            raise PermissionError
        delete(key)

    with monkeypatch.context() as patch:
        patch.setattr(each.blobs, "delete", refused)
        with pytest.raises(PermissionError):
            expire(each.database, each.clock, each.blobs)
    assert [each.now(job).checkpoint is None for job in done] == [False, True]
    assert (expire(each.database, each.clock, each.blobs), each.stored()) == (1, 0)


def test_an_export_that_was_given_up_leaves_no_file(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    works.submitted(works.hospital.training())
    job = works.export()

    def refused(*_arguments: object, **_detail: object) -> None:
        raise DomainError

    monkeypatch.setattr("schema.services.attempt_exports.Audit.record", refused)
    assert (works.done(job).state, works.stored()) == ("failed", 1)
    works.clock.pass_(seconds=KEPT.total_seconds())
    expire(works.database, works.clock, works.blobs)
    assert works.stored() == 0


def test_nothing_to_export_is_an_empty_file(works: Works) -> None:
    job = works.done(works.export())
    assert (job.state, works.lines(job)) == ("succeeded", [])


def many(works: Works, count: int) -> TrainingSession:
    """Have so many attempts handed in at once, copies of one."""
    training = works.hospital.training()
    model = works.submitted(training, "Rythme sinusal, bloc de branche gauche complet, QRS à 140 ms.")
    with works.database.write() as session:
        answer = session.exec(select(Answer).where(Answer.attempt_id == model.id)).one()
        first = (session.exec(select(func.max(Attempt.id))).one() or 0) + 1
        copy = model.model_dump(exclude={"id", "number"})
        rows = [{**copy, "id": first + n, "number": n + 2} for n in range(count - 1)]
        said = answer.model_dump(exclude={"id", "attempt_id"})
        session.execute(insert(Attempt), rows)
        session.execute(insert(Answer), [{**said, "attempt_id": row["id"]} for row in rows])
    return training


def test_memory_does_not_grow_with_what_is_exported(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_exports, "TOGETHER", 50)
    peaks: list[int] = []
    for count in (100, 100, 800):
        job = works.export(many(works, count), key=f"{count}{len(peaks)}")
        tracemalloc.start()
        works.work()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (works.now(job).result or {})["attempts"] == count
    assert peaks[2] < 1.5 * peaks[1], peaks


@pytest.mark.usefixtures("two_at_a_time")
def test_long_work_gives_others_their_turn(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_exports, "PARTS_A_TURN", 1)
    monkeypatch.setattr(participant_imports, "CHUNKS_A_TURN", 1)
    training, other = works.hospital.training(), works.hospital.actor(Role.TEACHER)
    for _ in range(3):
        works.submitted(training)
    long_ones = [works.export(training), works.import_(training, PARTICIPANTS, actor=works.system)]
    short = works.export(actor=other)
    handlers: Any = {bulk.IMPORT_JOB: works.imports.work, bulk.EXPORT_JOB: works.exports.work}
    works.clock.pass_(seconds=1)
    run_due(works.database, handlers, works.clock, 3)
    assert [works.now(job).state for job in (*long_ones, short)] == ["queued", "queued", "succeeded"]
    done = [works.done(job).result or {} for job in long_ones]
    assert (done[0]["attempts"], done[1]["enrolled"]) == (3, 5)
