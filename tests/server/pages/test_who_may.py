"""Who gets which page: strangers sign in, the wrong role is refused, what is another's does not exist."""

from urllib.parse import quote

import pytest

from schema.policy import Role
from tests.server.pages.conftest import Meet, School, Visitor

PAGES = [
    "/",
    "/builder",
    "/builder/new",
    "/builder/batch",
    "/builder/session",
    "/builder/Q2FzZToxMQ==/import",
    "/builder/Q2FzZToxMQ==/annotate",
    "/builder/Q2FzZToxMQ==/validate",
    "/builder/done/U2Vzc2lvbjox",
    "/cases",
    "/cases/Q2FzZToxMQ==",
    "/sessions",
    "/sessions/U2Vzc2lvbjox",
    "/review/QXR0ZW1wdDox",
    "/contests",
    "/contests/Q29udGVzdDox",
    "/learn",
    "/attempts/QXR0ZW1wdDox/1",
    "/attempts/QXR0ZW1wdDox/result",
    "/attempts/QXR0ZW1wdDox/1/concepts?q=bloc",
    "/account",
    "/accounts",
    "/audit",
    "/concepts",
    "/concepts/new",
    "/concepts/Q29uY2VwdDpMQkJC",
    "/concepts/Q29uY2VwdDpMQkJC/edit",
    "/ontologies",
    "/ontologies/T250b2xvZ3k6MQ==",
    "/matcher",
    "/cases/Q2FzZToxMQ==/recordings/UmVjb3JkaW5nOjE=/beats",
    "/predictions/QmVhdFByZWRpY3Rpb246MQ==",
    "/models",
    "/models/triage/runs",
    "/models/triage/runs/listed",
    "/monitoring/reports",
    "/alerts",
    "/alerts/QWxlcnQ6MQ==",
    "/alerts/rules/QWxlcnRSdWxlOjE=",
    "/statistics/feedback",
    "/statistics/feedback.csv",
    "/monitoring",
    "/monitoring.csv",
    "/monitoring.parquet",
    "/exports/feedback.jsonl",
    "/triage",
    "/triage/new",
    "/triage/visits/VHJpYWdlUHJlZGljdGlvbjox",
    "/segmentations",
    "/segmentations/new",
    "/segmentations/launch",
    "/segmentations/U2VnbWVudGF0aW9uUHJlZGljdGlvbjox",
    "/segmentations/patients/U2VnbWVudGVkUGF0aWVudDox",
    "/training",
    "/training/class",
    "/training/patient-01",
    "/training/answers/VHJpYWdlQW5zd2VyOjE=",
    "/webhooks",
    "/webhooks/V2ViaG9vazox",
    "/held",
    "/held/SGVsZFBhZ2U6MQ==",
    "/held/SGVsZFBhZ2U6MQ==/picture",
    "/jobs",
    "/jobs/Sm9iOjE=",
    "/exports/Sm9iOjE=",
    "/sessions/U2Vzc2lvbjox/import",
    "/api",
    "/api/changes",
    "/api/types/Case",
    "/api/types/Nothing",
]
FORMS = [
    "/builder/new",
    "/builder/batch",
    "/builder/session",
    "/builder/Q2FzZToxMQ==/import",
    "/builder/Q2FzZToxMQ==/annotations",
    "/builder/Q2FzZToxMQ==/validate",
    "/cases/Q2FzZToxMQ==/archive",
    "/cases/Q2FzZToxMQ==/restore",
    "/cases/Q2FzZToxMQ==/delete",
    "/sessions/U2Vzc2lvbjox/update",
    "/sessions/U2Vzc2lvbjox/status",
    "/sessions/U2Vzc2lvbjox/enrol",
    "/sessions/U2Vzc2lvbjox/extra-time",
    "/sessions/U2Vzc2lvbjox/remove",
    "/learn/join",
    "/learn/start",
    "/attempts/QXR0ZW1wdDox/1",
    "/attempts/QXR0ZW1wdDox/submit",
    "/attempts/QXR0ZW1wdDox/contest",
    "/contests/Q29udGVzdDox/rule",
    "/account/email",
    "/account/password",
    "/account/tokens",
    "/account/tokens/revoke",
    "/account/documents",
    "/account/documents/remove",
    "/accounts",
    "/accounts/update",
    "/accounts/reset-password",
    "/concepts",
    "/concepts/Q29uY2VwdDpMQkJC",
    "/concepts/Q29uY2VwdDpMQkJC/delete",
    "/concepts/Q29uY2VwdDpMQkJC/restore",
    "/ontologies",
    "/ontologies/T250b2xvZ3k6MQ==/activate",
    "/ontologies/T250b2xvZ3k6MQ==/faults",
    "/matcher",
    "/cases/Q2FzZToxMQ==/recordings/UmVjb3JkaW5nOjE=/beats",
    "/predictions/QmVhdFByZWRpY3Rpb246MQ==/feedback",
    "/alerts/rules",
    "/alerts/rules/QWxlcnRSdWxlOjE=/update",
    "/alerts/rules/QWxlcnRSdWxlOjE=/delete",
    "/alerts/QWxlcnQ6MQ==/acknowledge",
    "/alerts/QWxlcnQ6MQ==/close",
    "/models/promote",
    "/models/rollback",
    "/models/sync",
    "/models/retrain",
    "/models/beats/promote",
    "/models/beats/rollback",
    "/models/beats/compare",
    "/models/beats/trial",
    "/models/beats/stop",
    "/models/beats/policy",
    "/triage/new",
    "/triage/visits/VHJpYWdlUHJlZGljdGlvbjox/feedback",
    "/segmentations/new",
    "/segmentations/launch",
    "/segmentations/U2VnbWVudGF0aW9uUHJlZGljdGlvbjox/feedback",
    "/training/patient-01",
    "/webhooks",
    "/webhooks/V2ViaG9vazox/update",
    "/webhooks/V2ViaG9vazox/state",
    "/webhooks/V2ViaG9vazox/rotate",
    "/webhooks/V2ViaG9vazox/test",
    "/webhooks/V2ViaG9vazox/redeliver",
    "/webhooks/V2ViaG9vazox/redeliver-dead",
    "/webhooks/V2ViaG9vazox/delete",
    "/exports",
]
EXPERTS = ["/concepts/new", "/concepts/Q29uY2VwdDpMQkJC/edit", "/ontologies"]
RUNS = ["/models/triage/runs", "/models/triage/runs/listed"]
AUTHORS = ["/builder", "/builder/new", "/builder/session", "/cases", "/sessions", "/contests", "/webhooks"]
CLOSED = [
    (Role.TEACHER, ["/audit", "/alerts", "/monitoring/reports", *RUNS, *EXPERTS]),
    (Role.EXPERT, ["/accounts", "/audit", "/alerts", "/monitoring/reports", *RUNS]),
    (
        Role.STUDENT,
        [
            *AUTHORS,
            *EXPERTS,
            "/accounts",
            "/audit",
            "/matcher",
            "/models",
            "/alerts",
            "/statistics/feedback",
            "/monitoring",
            "/training/class",
            "/triage/new",
            "/segmentations/new",
        ],
    ),
    (
        Role.ANALYST,
        [
            *AUTHORS,
            *EXPERTS,
            "/learn",
            "/accounts",
            "/audit",
            "/triage/new",
            "/segmentations/new",
            "/training",
        ],
    ),
    (
        Role.CLINICIAN,
        [
            *AUTHORS,
            *EXPERTS,
            "/learn",
            "/accounts",
            "/audit",
            "/matcher",
            "/models",
            "/alerts",
            "/statistics/feedback",
            "/monitoring",
            "/training",
            "/training/class",
        ],
    ),
]


def test_a_stranger_signs_in_and_comes_back(meet: Meet) -> None:
    stranger = meet()
    for path in PAGES:
        answer = stranger.browser.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"] == f"/sign-in?next={quote(path)}"


def test_what_a_stranger_sends_changes_nothing(meet: Meet) -> None:
    stranger = meet()
    complete = {"enrolmentId": "x", "id": "x", "status": "OPEN", "idempotencyKey": "k", "joinCode": "x"}
    complete |= {"extraMinutes": "5", "revision": "1", "email": "a@example.org", "displayName": "A"}
    complete |= {"role": "ADMIN", "name": "x", "difficulty": "BEGINNER", "timeLimitMinutes": "20"}
    complete |= {
        "currentPassword": "x",
        "newPassword": "y",
        "accountId": "x",
        "scopes": "PROFILE",
        "password": "z",
        "caseIds": "x",
        "share": "10",
        "code": "LLAMA_SIGN",
        "labelFr": "x",
        "labelEn": "x",
        "category": "RHYTHM",
        "kind": "SIGN",
        "version": "x",
        "changeId": "x",
        "decision": "x",
        "answerId": "x",
        "conceptId": "x",
        "verdict": "FOUND",
        "url": "https://hooks.example.org/",
        "events": "ATTEMPT_SUBMITTED",
        "type": "CORRECT",
        "versionId": "x",
        "modelId": "x",
        "level": "TRI_1",
        "family": "TRIAGE",
    }
    for path in FORMS:
        verdict = {"verdict": "RULES"} if path == "/matcher" else {}
        answer = stranger.ask(path, complete | verdict)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/"), path


@pytest.mark.parametrize("token", [{}, {"csrf_token": "forged"}])
def test_no_form_is_taken_without_its_token(teacher: Visitor, token: dict[str, str]) -> None:
    for path in FORMS:
        answer = teacher.browser.post(path, data=token)
        assert answer.status_code == 403, path
        assert "This request was refused" in answer.text


@pytest.mark.parametrize("role, paths", CLOSED)
def test_a_page_that_is_not_for_a_role_says_so(meet: Meet, role: Role, paths: list[str]) -> None:
    visitor = meet(role)
    for path in paths:
        assert visitor.get(path, 403).headings == ["This is not open to you"], path


@pytest.mark.parametrize("path", ["/builder/new", "/builder/session"])
def test_a_student_makes_no_case_and_no_session(student: Visitor, path: str) -> None:
    form = {"name": "x", "difficulty": "BEGINNER", "timeLimitMinutes": "20", "caseIds": "x"}
    assert student.ask(path, form).status_code == 403


def test_what_is_another_teachers_is_like_what_does_not_exist(meet: Meet, school: School) -> None:
    colleague, learner = meet(Role.TEACHER), meet(Role.STUDENT)
    session = school.session()
    attempt = school.begun(session, learner)
    draft = school.draft(recordings=1)
    theirs = [
        f"/builder/{draft}/import",
        f"/builder/{draft}/annotate",
        f"/builder/{draft}/validate",
        f"/cases/{draft}",
        f"/sessions/{session}",
        f"/builder/done/{session}",
        f"/sessions/{session}/import",
        f"/review/{attempt}",
        f"/attempts/{attempt}/1",
        f"/attempts/{attempt}/result",
    ]
    for path in theirs:
        foreign = colleague.get(path, 404)
        missing = colleague.get(path.replace(draft, "x").replace(session, "x").replace(attempt, "x"), 404)
        assert foreign.headings == missing.headings == ["There is nothing here"], path


def test_what_is_another_teachers_cannot_be_changed(meet: Meet, school: School) -> None:
    colleague, learner = meet(Role.TEACHER), meet(Role.STUDENT)
    session = school.session()
    enrolment = school.enrolled(session, learner)
    draft = school.draft(recordings=1)
    changes = {
        f"/builder/{draft}/import": {"revision": "1", "name": "mine", "demo": "1", "move": "x:up"},
        f"/builder/{draft}/annotations": {"revision": "1", "draftText": "mine", "add": "LBBB"},
        f"/builder/{draft}/validate": {"revision": "1"},
        f"/cases/{draft}/archive": {},
        f"/cases/{draft}/restore": {},
        f"/cases/{draft}/delete": {},
        f"/sessions/{session}/update": {"revision": "1", "name": "mine"},
        f"/sessions/{session}/status": {"status": "CLOSED"},
        f"/sessions/{session}/enrol": {"email": learner.email},
        f"/sessions/{session}/extra-time": {"enrolmentId": enrolment, "extraMinutes": "5"},
        f"/sessions/{session}/remove": {"enrolmentId": enrolment},
        "/exports": {"sessionId": session},
    }
    for path, form in changes.items():
        assert colleague.ask(path, form).status_code == 404, path


def test_a_student_sees_no_attempt_of_another(meet: Meet, student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), meet(Role.STUDENT))
    for path in (f"/attempts/{attempt}/1", f"/attempts/{attempt}/result", f"/review/{attempt}"):
        student.get(path, 404)
    assert student.ask(f"/attempts/{attempt}/1", {"text": "mine", "revision": "0"}).status_code == 404
    assert student.ask(f"/attempts/{attempt}/submit", {"idempotencyKey": "k"}).status_code == 404


def test_a_validated_case_of_a_colleague_is_read_but_not_edited(meet: Meet, school: School) -> None:
    case, colleague = school.validated("Vu par tous"), meet(Role.TEACHER)
    page = colleague.get(f"/cases/{case}")
    assert page.headings == ["Vu par tous"]
    assert f"/cases/{case}/archive" not in [form.action for form in page.forms]
    assert f"/builder/{case}/import" not in page.links
    for step in ("import", "annotate", "validate"):
        colleague.get(f"/builder/{case}/{step}", 403)


@pytest.mark.parametrize("role", list(Role))
def test_the_first_page_opens_every_way_a_role_has(meet: Meet, role: Role) -> None:
    visitor = meet(role)
    page = visitor.get("/")
    assert page.headings == [f"Hello, {visitor.name}"]
    for link in {link for link in page.links if link.startswith("/") and link != "/builder"}:
        visitor.get(link)
