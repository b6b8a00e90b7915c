"""Participants imported and attempts exported from pages, with and without a script."""

import io
import json
import time

import pytest
from PIL import Image
from sqlmodel import Session

from schema.models.work import Job
from schema.policy import Role, Scope
from schema.services.bulk import EXPORT_JOB, IMPORT_JOB, PACS_JOB, RECORDINGS_JOB
from schema.services.jobs import run_due
from schema.services.tokens import Tokens
from schema.types.base import global_id
from server.app import Application
from server.pages.live import DONE
from server.worker import queues_of
from tests.server.conftest import browser
from tests.server.pages.conftest import Meet, School, Visitor


def worked_off(app: Application) -> None:
    """Do all imports and exports."""
    services = app.site.services
    for kind in (IMPORT_JOB, EXPORT_JOB, RECORDINGS_JOB, PACS_JOB):
        [lane] = [each for each in queues_of(services) if kind in each.handlers]
        run_due(services.database, lane.handlers, services.clock, 100)


def test_what_a_stranger_asks_for_is_not_there(meet: Meet, teacher: Visitor, school: School) -> None:
    job = teacher.leads("/exports", {"sessionId": school.session()})
    worked_off(teacher.app)
    for path in (job, job.replace("/jobs/", "/exports/")):
        assert meet().browser.get(path).status_code == 303
        for role in (Role.TEACHER, Role.EXPERT):
            colleague = meet(role)
            foreign, missing = colleague.get(path, 404), colleague.get(f"{path[:-4]}xxxx", 404)
            assert foreign.headings == missing.headings
    assert meet(Role.ADMIN).browser.get(job.replace("/jobs/", "/exports/")).status_code == 404
    assert meet(Role.STUDENT).browser.get(job.replace("/jobs/", "/exports/")).status_code == 403


def test_an_import_is_tried_first_then_done(teacher: Visitor, meet: Meet, school: School) -> None:
    session, student = school.session(), meet(Role.STUDENT)
    file = {"file": ("classe.csv", f"email\n{student.email}\nnobody@example.org\n".encode())}
    form = teacher.get(f"/sessions/{session}/import").form(f"/sessions/{session}/import")
    assert {"file", "dryRun", "csrf_token"} <= form.names
    for options, enrolled in (({"dryRun": "true"}, False), ({}, True)):
        job = teacher.leads(form.action, options, files=file)
        assert "Reload this page" in teacher.get(job).html
        worked_off(teacher.app)
        done = teacher.get(job)
        assert ("A trial" in done.words) is not enrolled
        assert "No student has an account with this address." in done.words
        assert "hx-sse:connect" not in done.html
        assert (student.name in teacher.get(f"/sessions/{session}").words) is enrolled


def kept_job(school: School, kind: str, state: str) -> str:
    """Store a job of the teacher as its worker leaves it, without a result; return its page."""

    def work(session: Session) -> int:
        now = school.clock()
        job = Job(
            kind=kind,
            payload={},
            owner_id=school.teacher.actor.account_id,
            state=state,
            run_after=now,
            created_at=now,
            finished_at=now,
        )
        session.add(job)
        session.flush()
        return job.id or 0

    return f"/jobs/{global_id('Job', school.do(work))}"


def test_work_without_a_result_says_that_it_is_done_and_a_training_where_to_look(
    teacher: Visitor, school: School
) -> None:
    trained = teacher.get(kept_job(school, "retrain_model", "succeeded"))
    assert "The training is over." in trained.words
    assert "/models" in trained.links
    for kind in ("export_attempts", "of_a_later_version"):
        assert "This is done." in teacher.get(kept_job(school, kind, "succeeded")).words


def test_work_that_failed_says_what_is_kept_and_whom_to_tell(teacher: Visitor, school: School) -> None:
    page = teacher.get(kept_job(school, "retrain_model", "failed"))
    [said] = page.said("error")
    assert said.startswith("This failed. What was stored before is kept. Start it again;")


def test_a_file_that_cannot_be_read_comes_back_with_the_form(teacher: Visitor, school: School) -> None:
    path = f"/sessions/{school.session()}/import"
    page = teacher.post(path, files={"file": ("a.csv", b"name\nAnne\n")})
    assert "The first line names the columns" in page.words
    assert "Choose a file." in teacher.post(path, {"dryRun": "true"}, files={"file": ("", b"")}).words
    huge = {"file": ("a.csv", b"x" * 2_000_000)}
    assert teacher.ask(path, files=huge).status_code == 413


def test_an_export_is_downloaded_line_by_line(teacher: Visitor, meet: Meet, school: School) -> None:
    session, student = school.session(), meet(Role.STUDENT)
    attempt = school.handed_in(session, student)
    job = teacher.leads("/exports", {"sessionId": session})
    worked_off(teacher.app)
    [where] = [link for link in teacher.get(job).links if link.startswith("/exports/")]
    answer = teacher.browser.get(where)
    assert answer.headers["content-disposition"] == 'attachment; filename="attempts.jsonl"'
    assert answer.headers["cache-control"] == "no-store"
    [line] = [json.loads(each) for each in answer.text.splitlines()]
    assert line["attemptId"] == attempt
    assert student.name not in answer.text
    assert job in teacher.get("/jobs").links
    for header in ("Bearer gone", "bearer "):
        refused = browser(teacher.app).get(where, headers={"authorization": header})
        [fault] = refused.json()["errors"]
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), header
        assert fault["extensions"]["code"] == "UNAUTHENTICATED", header
        assert attempt not in refused.text, header


def test_no_part_of_an_export_is_read_whole(
    teacher: Visitor, meet: Meet, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = school.session()
    attempts = [school.handed_in(session, meet(Role.STUDENT)) for _ in range(2)]
    job = teacher.leads("/exports", {"sessionId": session})
    with monkeypatch.context() as patch:
        patch.setattr("schema.services.attempt_exports.TOGETHER", 1)
        worked_off(teacher.app)
    monkeypatch.setattr("server.blobs.CHUNK", 100)
    monkeypatch.delattr(type(teacher.app.site.services.blobs), "get")
    lines = teacher.browser.get(job.replace("/jobs/", "/exports/")).text.splitlines()
    assert [json.loads(line)["attemptId"] for line in lines] == attempts


@pytest.mark.parametrize("scope, status", [(Scope.SESSIONS_READ, 200), (Scope.CASES_READ, 403)])
def test_a_token_downloads_what_its_account_asked_for(
    teacher: Visitor, meet: Meet, school: School, scope: Scope, status: int
) -> None:
    job = teacher.leads("/exports", {"sessionId": school.session()})
    worked_off(teacher.app)
    services = teacher.app.site.services
    with services.database.write() as session:
        tokens = Tokens(session, services.clock, teacher.actor)
        token = tokens.create(teacher.actor.account_id, "LMS", frozenset({scope})).secret
    where = job.replace("/jobs/", "/exports/")
    stranger = meet().browser
    answer = stranger.get(where, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == status


def test_a_job_is_followed_to_its_end_and_no_further(
    teacher: Visitor, meet: Meet, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.pages.live.LIFETIME_S", 60.0)
    job = teacher.leads("/exports", {"sessionId": school.session()})
    worked_off(teacher.app)
    started = time.monotonic()
    said = teacher.browser.get(f"{job}/live").text
    assert said.endswith(DONE)
    assert "/exports/" in said
    assert time.monotonic() - started < 30
    assert "refused" in meet(Role.TEACHER).browser.get(f"{job}/live").text


def test_too_many_exports_at_once_are_refused_in_words(meet: Meet) -> None:
    teacher = meet(Role.TEACHER)
    for _ in range(5):
        assert teacher.leads("/exports").startswith("/jobs/")
    assert teacher.leads("/exports") == "/jobs"
    assert "At most 5 at a time." in teacher.get("/jobs").words
    worked_off(teacher.app)


def bmp() -> bytes:
    output = io.BytesIO()
    Image.new("L", (60, 40), 255).save(output, "BMP")
    return output.getvalue()


def test_strangers_and_students_have_no_page_to_import_ecgs(meet: Meet) -> None:
    assert meet().browser.get("/builder/batch").status_code == 303
    student = meet(Role.STUDENT)
    assert student.browser.get("/builder/batch").status_code == 403
    assert student.ask("/builder/batch", files={"files": ("a.bmp", bmp())}).status_code == 403


def test_many_ecgs_become_drafts_and_the_others_are_told_file_by_file(teacher: Visitor) -> None:
    assert "/builder/batch" in teacher.get("/builder/new").links
    form = teacher.get("/builder/batch").form("/builder/batch")
    assert {"files", "grouping", "name", "csrf_token"} <= form.names
    files = [("files", (name, bmp())) for name in ("P1_1.bmp", "P1_2.bmp")] + [("files", ("P2_1.bmp", b"x"))]
    job = teacher.leads(form.action, {"grouping": "PREFIX", "name": "Garde"}, files=files)
    assert "Reload this page" in teacher.get(job).html
    worked_off(teacher.app)
    done = teacher.get(job)
    assert "This is no ECG we can read." in done.words
    drafts = {link for link in done.links if link.startswith("/builder/") and link.endswith("/import")}
    [draft] = drafts
    assert "Garde 1" in teacher.get(draft).html
    assert "P1_" not in done.html + teacher.get(draft).html
    assert "Import of ECGs" in teacher.get("/jobs").words


def test_nothing_chosen_to_import_comes_back_with_the_form(teacher: Visitor) -> None:
    page = teacher.post("/builder/batch", {"grouping": "FOLDER", "name": "Garde"}, files={"files": ("", b"")})
    assert page.headings[0] == "Import a batch of ECGs (several cases)"
    assert 'value="Garde"' in page.html
