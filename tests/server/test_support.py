"""What page modules are written with: operations in, templates out, errors where they belong."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
import strawberry
from graphql import GraphQLError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from strawberry.file_uploads import Upload

from schema.types.base import Conflict, FieldError, NotAllowed, NotFound, ValidationErrors
from server.app import STATIC, Application
from server.context import FORM_TOKEN
from server.errors import SignInRequired, on_refusal, on_sign_in_required
from server.middleware import VisitorLookup
from server.operations import Operations
from server.pages.support import STATUS, form_of, found, mutate, query, redirect, render, submit
from server.rendering import Renderer


@strawberry.type
class Thing:
    name: str
    minutes: int


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, id: strawberry.ID) -> Thing | None:  # noqa: A002 - the customary name
        if id in CODES:
            raise GraphQLError("worded", extensions={"code": CODES[id]})
        if id == "broken":
            raise RuntimeError("secret")
        return Thing(name=id, minutes=5) if id == "1" else None


CODES = {"anonymous": "UNAUTHENTICATED", "forbidden": "FORBIDDEN", "bad": "BAD_REQUEST"}


@strawberry.input
class ThingInput:
    name: str
    minutes: int
    file: Upload | None = None


ThingResult = Annotated[
    Thing | ValidationErrors | NotFound | NotAllowed | Conflict, strawberry.union("ThingResult")
]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def make(self, input: ThingInput) -> ThingResult:  # noqa: A002 - the customary name
        match input.name:
            case "gone":
                return NotFound(message="gone", code="not_found")
            case "closed":
                return NotAllowed(message="This is closed.", code="closed")
            case "stale":
                return Conflict(message="Somebody was faster.", code="stale_revision", current=7)
            case "":
                missing = FieldError(path=["name"], message="Name it.", code="required")
                return ValidationErrors(message="Not like this.", code="invalid", fields=[missing])
        size = len(await input.file.read()) if input.file else input.minutes  # type: ignore[attr-defined]
        return Thing(name=input.name, minutes=size)


UNION = """
    ... on Thing { name minutes }
    ... on ValidationErrors { fields { path message code } }
    ... on NotFound { message }
    ... on NotAllowed { message }
    ... on Conflict { message current }
"""
FILES = {
    "show.graphql": "query Show($id: ID!) { thing(id: $id) { name } }",
    "make.graphql": f"mutation Make($input: ThingInput!) {{ make(input: $input) {{ {UNION} }} }}",
    "show.html": "{% extends layout %}{% block title %}T{% endblock %}"
    "{% block main %}{{ thing.name }}{% endblock %}",
    "_row.html": "row {{ thing.name }}",
    "form.html": "{{ form.value('name') }}|{{ form.value('minutes') }}|{{ form.error('minutes') }}"
    "|{{ form.error('name') }}|{{ refused }}",
    "_layout/base.html": "<whole>{% block main %}{% endblock %}{% block title %}{% endblock %}</whole>",
    "_layout/fragment.html": "<part>{% block main %}{% endblock %}{% block title %}{% endblock %}</part>",
    "errors/error.html": "{{ status }}",
}


async def show(request: Request) -> Response:
    data = await query(request, "show", id=request.path_params["id"])
    return await render(request, "show.html", {"thing": found(data["thing"])}, partial="_row.html")


async def make(request: Request) -> Response:
    done = await submit(request, "make")
    if done.ok:
        return redirect(request, f"/show/{done.value['minutes']}", said="Made.")
    data = {"form": done.form, "refused": done.message}
    return await render(request, "form.html", data, status=done.status)


async def press(request: Request) -> Response:
    await form_of(request)
    done = await mutate(request, "make", input={"name": "pressed", "minutes": 3})
    return redirect(request, f"/show/{done.value['name']}")


ROUTES = [
    Route("/show/{id}", show),
    *(Route(f"/{page.__name__}", page, methods=["POST"]) for page in (make, press)),
]


@pytest.fixture
def site(app: Application, tmp_path: Path) -> Application:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    handlers = {HTTPException: on_refusal, SignInRequired: on_sign_in_required}
    small = Application(routes=ROUTES, middleware=[Middleware(VisitorLookup)], exception_handlers=handlers)
    whole = app.site
    renderer = Renderer(whole.settings, whole.signer, tmp_path, STATIC, small.url_path_for)
    operations = Operations(strawberry.Schema(Query, Mutation), tmp_path)
    small.site = small.state.site = replace(whole, operations=operations, renderer=renderer)
    return small


@pytest.fixture
def client(site: Application) -> TestClient:
    headers = {"sec-fetch-site": "same-origin", "accept-language": "en"}
    return TestClient(site, headers=headers, follow_redirects=False)


@pytest.fixture
def token(site: Application) -> str:
    return site.site.signer.sign(FORM_TOKEN, "")


def test_a_query_becomes_a_page(client: TestClient) -> None:
    assert client.get("/show/1").text == "<whole>1T</whole>"


def test_htmx_gets_the_partial_a_page_offers(client: TestClient) -> None:
    assert client.get("/show/1", headers={"hx-request": "true", "hx-request-type": "partial"}).text == "row 1"
    assert client.get("/show/1", headers={"hx-request": "true", "hx-request-type": "full"}).text.startswith(
        "<whole>"
    )


@pytest.mark.parametrize(
    "identifier, status", [("2", 404), ("forbidden", 403), ("bad", 400), ("broken", 500), ("anonymous", 303)]
)
def test_a_refused_query_becomes_the_page_that_says_so(
    client: TestClient, identifier: str, status: int
) -> None:
    answer = client.get(f"/show/{identifier}")
    assert answer.status_code == status
    assert "secret" not in answer.text


def test_a_form_that_is_accepted_leads_on(client: TestClient, token: str) -> None:
    answer = client.post("/make", data={"csrf_token": token, "name": "ECG", "minutes": "30"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/show/30")
    assert "chevet_flash" in answer.headers["set-cookie"]


def test_on_htmx_it_leads_on_by_header(client: TestClient, token: str) -> None:
    form = {"csrf_token": token, "name": "ECG", "minutes": "30"}
    answer = client.post("/make", data=form, headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/show/30")


def test_a_value_of_the_wrong_type_comes_back_beside_its_field(client: TestClient, token: str) -> None:
    answer = client.post("/make", data={"csrf_token": token, "name": "ECG", "minutes": "abc"})
    assert answer.status_code == 422
    assert answer.text == "ECG|abc|Give a whole number.|None|"


def test_a_fault_the_domain_finds_comes_back_the_same_way(client: TestClient, token: str) -> None:
    answer = client.post("/make", data={"csrf_token": token, "name": "", "minutes": "30"})
    assert answer.status_code == 422
    assert answer.text == "|30|None|Name it.|"


@pytest.mark.parametrize(
    "name, status, said", [("closed", 403, "This is closed."), ("stale", 409, "Somebody was faster.")]
)
def test_a_refusal_keeps_what_was_typed(
    client: TestClient, token: str, name: str, status: int, said: str
) -> None:
    answer = client.post("/make", data={"csrf_token": token, "name": name, "minutes": "30"})
    assert answer.status_code == status
    assert answer.text == f"{name}|30|None|None|{said}"


def test_what_is_gone_is_not_found(client: TestClient, token: str) -> None:
    assert client.post("/make", data={"csrf_token": token, "name": "gone", "minutes": "1"}).status_code == 404


def test_a_file_is_handed_to_the_mutation(client: TestClient, token: str) -> None:
    form = {"csrf_token": token, "name": "ECG", "minutes": "1"}
    answer = client.post("/make", data=form, files={"file": ("ecg.png", b"x" * 77)})
    assert answer.headers["location"] == "/show/77"


def test_a_button_runs_a_mutation_of_the_pages_own(client: TestClient, token: str) -> None:
    assert client.post("/press", data={"csrf_token": token}).headers["location"] == "/show/pressed"
    assert client.post("/press", headers={"x-csrf-token": token}).headers["location"] == "/show/pressed"


@pytest.mark.parametrize("wrong", ["", "x" * 43])
def test_without_its_token_no_form_changes_anything(client: TestClient, wrong: str) -> None:
    form = {"csrf_token": wrong, "name": "ECG", "minutes": "30"}
    assert client.post("/make", data=form).status_code == 403
    assert client.post("/press", data=form).status_code == 403


def test_every_refusal_of_a_result_union_has_its_status() -> None:
    assert STATUS == {"ValidationErrors": 422, "NotFound": 404, "NotAllowed": 403, "Conflict": 409}
