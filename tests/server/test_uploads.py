"""Large bodies: who may send one, decided before it is read."""

import pytest
from starlette.testclient import TestClient

from schema.policy import Role, Scope
from schema.services.tokens import Tokens
from server.app import MAX_BODY, Application
from server.graphql import MAX_DOCUMENT
from tests.server.conftest import Join

LARGE = MAX_BODY + 1_000
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=cut"}
FILE = (
    b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    + b"x" * LARGE
    + b"\r\n--cut--\r\n"
)
PLACES = ["/builder/new", "/builder/anything/import"]
EVERY_PLACE = [*PLACES, "/ontologies"]


@pytest.mark.parametrize("path", EVERY_PLACE)
def test_a_stranger_signs_in_before_a_large_body_is_read(stranger: TestClient, path: str) -> None:
    answer = stranger.post(path, content=FILE, headers=MULTIPART)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", [*EVERY_PLACE, "/graphql"])
def test_a_student_cannot_send_a_large_body(join: Join, path: str) -> None:
    student = join(Role.STUDENT).browser
    assert student.post(path, content=FILE, headers=MULTIPART).status_code == 413


def test_a_stranger_cannot_send_the_api_a_large_file(stranger: TestClient) -> None:
    assert stranger.post("/graphql", content=FILE, headers=MULTIPART).status_code == 413


@pytest.mark.parametrize("path", PLACES)
def test_a_teachers_large_body_must_be_files(join: Join, path: str) -> None:
    teacher = join(Role.TEACHER).browser
    assert teacher.post(path, content=b"files=" + b"x" * LARGE, headers=URLENCODED).status_code == 413
    without_form_token = teacher.post(path, content=FILE, headers=MULTIPART)
    assert without_form_token.status_code == 403


def test_a_teacher_cannot_send_an_ontology(join: Join) -> None:
    assert join(Role.TEACHER).browser.post("/ontologies", content=FILE, headers=MULTIPART).status_code == 413


@pytest.mark.parametrize(
    "role, scope, status",
    [
        (Role.EXPERT, Scope.CONCEPTS_WRITE, 400),
        (Role.EXPERT, Scope.CASES_WRITE, 400),
        (Role.ADMIN, Scope.MODELS_WRITE, 400),
        (Role.EXPERT, Scope.CONCEPTS_READ, 413),
    ],
)
def test_the_api_takes_a_file_from_whoever_may_write_with_it(  # noqa: PLR0917 - what is tried
    app: Application, join: Join, stranger: TestClient, role: Role, scope: Scope, status: int
) -> None:
    services = app.site.services
    with services.database.write() as session:
        made = Tokens(session, services.clock, None).create(
            join(role).account_id, "outside system", frozenset({scope})
        )
    headers = {**MULTIPART, "authorization": f"Bearer {made.secret}"}
    assert len(FILE) > MAX_DOCUMENT
    assert stranger.post("/graphql", content=FILE, headers=headers).status_code == status
