"""Input no browser of ours sends: refused or ignored, never a fault."""

import pytest
from starlette.testclient import TestClient

from schema.policy import Role
from tests.server.conftest import Join
from tests.server.test_auth import token_of

ENDLESS = "9" * 5000
"""More digits than Python turns into a number."""
ODD_CHARSETS = ["undefined", "unicode_escape", "punycode", "utf-7"]


def part(name: str, value: str) -> str:
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


@pytest.mark.parametrize("charset", ODD_CHARSETS)
def test_a_form_in_another_encoding_is_refused(stranger: TestClient, charset: str) -> None:
    body = part("csrf_token", "\\ud800") + part("email", "\\ud800") + "--cut--\r\n"
    kind = {"content-type": f"multipart/form-data; boundary=cut; charset={charset}"}
    assert stranger.post("/sign-in", content=body, headers=kind).status_code == 400


def test_a_form_that_says_it_is_in_utf_8_is_read(stranger: TestClient) -> None:
    token = token_of(stranger.get("/sign-in").text)
    body = f"csrf_token={token}&email=x&password=y"
    kind = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
    assert stranger.post("/sign-in", content=body, headers=kind).status_code == 422


def test_endless_digits_in_an_address_lead_nowhere(join: Join) -> None:
    assert join(Role.STUDENT).browser.get(f"/attempts/QXR0ZW1wdDox/{ENDLESS}").status_code == 404


def test_endless_digits_in_a_form_are_no_number(join: Join) -> None:
    student = join(Role.STUDENT).browser
    token = token_of(student.get("/account").text)
    answer = student.post(
        "/attempts/QXR0ZW1wdDo5OTk5/1", data={"csrf_token": token, "text": "", "revision": ENDLESS}
    )
    assert answer.status_code == 400
    data = {"csrf_token": token, "name": "Moodle", f"scopes.{ENDLESS}": "PROFILE"}
    assert student.post("/account/tokens", data=data).status_code == 422


def test_htmx_is_sent_on_to_an_address_in_any_script(stranger: TestClient) -> None:
    token = token_of(stranger.get("/sign-in").text)
    data = {"csrf_token": token, "theme": "dark", "next": "/cases?search=\u20ac"}
    answer = stranger.post("/preferences", data=data, headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"] == "/cases?search=%E2%82%AC"
    assert answer.status_code == 204


@pytest.mark.parametrize(
    "instant", ["9999-12-31T23:59", "0001-01-01T00:00", "3000-01-02T00:00", "1899-01-01T00:00"]
)
def test_an_instant_at_the_end_of_the_calendar_is_refused_beside_its_field(join: Join, instant: str) -> None:
    teacher = join(Role.TEACHER).browser
    token = token_of(teacher.get("/account").text)
    data = {"csrf_token": token, "name": "Moodle", "scopes": "PROFILE", "expiresAt": instant}
    assert teacher.post("/account/tokens", data=data).status_code == 422
    assert teacher.get("/account").status_code == 200


@pytest.mark.parametrize("given", ["words", {"file": "words"}, 5])
def test_what_is_no_file_cannot_be_added_to_a_case(join: Join, given: object) -> None:
    teacher = join(Role.TEACHER).browser
    made = teacher.post(
        "/graphql", json={"query": "mutation { createCase(input: {}) { ... on Case { id } } }"}
    )
    add = """mutation($input: AddRecordingInput!) { addRecording(input: $input) {
        ... on ValidationErrors { fields { path code } } } }"""
    case = made.json()["data"]["createCase"]["id"]
    variables = {"input": {"caseId": case, "file": given}}
    answer = teacher.post("/graphql", json={"query": add, "variables": variables}).json()
    assert answer["data"] == {"addRecording": {"fields": [{"path": ["file"], "code": "required"}]}}


def test_a_list_of_lists_that_is_sent_flat_is_no_fault_of_ours(join: Join) -> None:
    student, expert = join(Role.STUDENT).browser, join(Role.EXPERT).browser
    for reader, status in ((student, 403), (expert, 422)):
        data = {"csrf_token": token_of(reader.get("/account").text), "requires": "words"}
        assert reader.post("/concepts", data=data).status_code == status
