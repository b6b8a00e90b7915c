"""Imports and exports over the API: a job to follow, and what came of it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from schema.policy import Actor, Role
from schema.services.bulk import EXPORT_JOB, IMPORT_JOB, RECORDINGS_JOB
from schema.services.jobs import run_due
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.training import Hospital

REFUSALS = """... on ValidationErrors { fields { path code message } } ... on NotFound { message }
  ... on NotAllowed { code message }"""
IMPORT = f"""mutation M($input: ImportParticipantsInput!) {{ importParticipants(input: $input) {{ __typename
  ... on Job {{ id kind state result {{ __typename }} }} {REFUSALS} }} }}"""
EXPORT = f"""mutation M($input: ExportAttemptsInput!) {{ exportAttempts(input: $input) {{ __typename
  ... on Job {{ id kind state }} {REFUSALS} }} }}"""
IMPORT_ECGS = f"""mutation M($input: ImportRecordingsInput!) {{ importRecordings(input: $input) {{ __typename
  ... on Job {{ id kind state }} {REFUSALS} }} }}"""
ECGS = """query Q($id: ID!) { job(id: $id) { state result { __typename ... on RecordingImport {
  fileCount recordingCount caseCount faultCount files { number caseId recordingCount message code } } } } }"""
JOB = """query Q($id: ID!) { job(id: $id) { state progress finishedAt result { __typename
  ... on ParticipantImport { dryRun lineCount enrolledCount presentCount faultCount
    faults { line column message code } }
  ... on AttemptExport { attemptCount size url expiresAt } } } }"""
JOBS = "query Q { jobs(first: 5) { totalCount edges { node { kind } } } }"


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


def work(world: World) -> None:
    services = world.services
    handlers: Any = {
        IMPORT_JOB: services.imports.work,
        EXPORT_JOB: services.exports.work,
        RECORDINGS_JOB: services.recording_imports.work,
    }
    run_due(world.database, handlers, world.clock, 10)


def imported(world: World, actor: Actor | None, session: str, text: str, **more: Any) -> Any:
    given = {"sessionId": session, "file": io.BytesIO(text.encode()), "idempotencyKey": "k", **more}
    return world.ask(IMPORT, actor, input=given)


def test_who_manages_no_such_session_imports_and_exports_nothing(world: World, hospital: Hospital) -> None:
    session = global_id("Session", hospital.training().id or 0)
    for actor in (hospital.actor(Role.TEACHER), hospital.actor(Role.EXPERT)):
        for key in (session, global_id("Session", 999), "forged"):
            assert imported(world, actor, key, "email\na@b.org\n")["__typename"] == "NotFound"
            given = {"sessionId": key, "idempotencyKey": "k"}
            assert world.ask(EXPORT, actor, input=given)["__typename"] == "NotFound"


def test_an_import_is_followed_to_its_end(world: World, hospital: Hospital) -> None:
    session = global_id("Session", hospital.training().id or 0)
    student, teacher = hospital.account(Role.STUDENT), hospital.teacher
    job = imported(world, teacher, session, f"email\n{student.email}\nnobody@example.org\n")
    assert (job["kind"], job["state"], job["result"]) == ("import_participants", "QUEUED", None)
    work(world)
    done = world.ask(JOB, teacher, id=job["id"])
    assert (done["state"], done["progress"]) == ("SUCCEEDED", 1.0)
    assert done["result"] == {
        "__typename": "ParticipantImport",
        "dryRun": False,
        "lineCount": 2,
        "enrolledCount": 1,
        "presentCount": 0,
        "faultCount": 1,
        "faults": [
            {
                "line": 3,
                "column": "email",
                "code": "no_such_student",
                "message": "No student has an account with this address.",
            }
        ],
    }
    assert world.ask(JOB, hospital.actor(Role.TEACHER), id=job["id"]) is None
    assert world.ask(JOBS, teacher) == {"totalCount": 1, "edges": [{"node": {"kind": "import_participants"}}]}
    assert world.ask(JOBS, hospital.actor(Role.TEACHER))["totalCount"] == 0


def test_a_file_that_cannot_be_read_is_refused_at_once(world: World, hospital: Hospital) -> None:
    session = global_id("Session", hospital.training().id or 0)
    refused = imported(world, hospital.teacher, session, "name\nAnne\n")
    assert [(each["path"], each["code"]) for each in refused["fields"]] == [(["file"], "file_no_columns")]


def test_an_export_says_where_it_is_and_until_when(world: World, hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    key = {"idempotencyKey": "k", "sessionId": global_id("Session", training.id or 0)}
    job = world.ask(EXPORT, hospital.teacher, input=key)
    assert world.ask(EXPORT, hospital.teacher, input=key)["id"] == job["id"]
    work(world)
    done = world.ask(JOB, hospital.teacher, id=job["id"])["result"]
    assert (done["attemptCount"], done["url"]) == (1, f"/exports/{job['id']}")
    world.clock.pass_(days=7)
    assert world.ask(JOB, hospital.teacher, id=job["id"])["result"]["url"] is None


def test_strangers_and_students_import_no_ecg(world: World) -> None:
    given = {"files": [io.BytesIO(b"x")], "idempotencyKey": "k"}
    assert world.codes(IMPORT_ECGS, None, input=given) == ["UNAUTHENTICATED"]
    refused = world.ask(IMPORT_ECGS, world.person(Role.STUDENT), input=given)
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "missing_scope")


def test_an_import_of_ecgs_tells_file_by_file_what_came_of_it(world: World) -> None:
    teacher, output = world.person(), io.BytesIO()
    Image.new("L", (30, 20)).save(output, "BMP")
    files = [io.BytesIO(output.getvalue()), io.BytesIO(b"a letter")]
    given = {"files": files, "idempotencyKey": "k", "grouping": "EACH", "name": "Garde"}
    job = world.ask(IMPORT_ECGS, teacher, input=given)
    assert (job["kind"], job["state"]) == ("import_recordings", "QUEUED")
    work(world)
    result = world.ask(ECGS, teacher, id=job["id"])["result"]
    first, second = result.pop("files")
    assert result == {
        "__typename": "RecordingImport",
        "fileCount": 2,
        "recordingCount": 1,
        "caseCount": 1,
        "faultCount": 1,
    }
    assert (first["number"], first["recordingCount"], first["message"], first["code"]) == (1, 1, None, None)
    assert (second["caseId"], second["code"]) == (None, "file_unsupported_type")
    assert second["message"].startswith("This is no ECG we can read.")
    named = world.ask("query Q($id: ID!) { case(id: $id) { name } }", teacher, id=first["caseId"])
    assert named == {"name": "Garde 1"}
    assert world.ask(ECGS, world.person(), id=job["id"]) is None


def test_what_is_no_file_is_refused_at_its_field(world: World) -> None:
    refused = world.ask(IMPORT_ECGS, world.person(), input={"files": [], "idempotencyKey": "k"})
    assert [(each["path"], each["code"]) for each in refused["fields"]] == [(["files"], "required")]
