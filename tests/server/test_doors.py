"""The door against forgery, the headers of every answer, the log line, the limits on bodies."""

import asyncio
import json
import logging
import re
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from schema.policy import Role
from server.app import MAX_BODY, Application, behind_proxies, close_services, create_app
from server.settings import Settings
from tests.server.conftest import ADDRESS, Join, browser

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def bare(app: Application) -> TestClient:
    return TestClient(app, ADDRESS, follow_redirects=False)


@pytest.mark.parametrize(
    "headers, passes",
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": ADDRESS}, False),
        ({"origin": ADDRESS}, True),
        ({"origin": "https://elsewhere.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
        ({"cookie": "chevet_session=x"}, False),
        ({"cookie": "chevet_session=x", "origin": ADDRESS}, True),
        ({"content-type": "text/plain"}, False),
        ({"authorization": "Bearer nobody"}, True),
        ({"authorization": "bearer nobody", "sec-fetch-site": "cross-site"}, True),
        ({"authorization": "Basic bm9ib2R5", "cookie": "chevet_session=x"}, False),
    ],
)
def test_only_requests_from_our_own_pages_or_with_a_token_change_anything(
    app: Application, headers: dict[str, str], *, passes: bool
) -> None:
    answer = bare(app).post("/graphql", json={"query": "{ viewer { id } }"}, headers=headers)
    assert answer.status_code == (200 if passes else 403)


def test_a_program_that_forgets_its_token_is_told_so(app: Application) -> None:
    english = {"accept-language": "en"}
    answer = bare(app).post("/graphql", json={"query": "{ viewer { id } }"}, headers=english)
    [fault] = answer.json()["errors"]
    assert (fault["message"], fault["extensions"]["code"]) == ("This request has no token", "FORBIDDEN")
    assert "the header Authorization with Bearer" in answer.json()["message"]
    page = bare(app).post("/sign-out", headers=english)
    assert "It did not come from a page of this site" in page.text


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/preferences", "/graphql", "/nowhere"])
def test_the_door_guards_every_path_and_multipart_too(app: Application, path: str) -> None:
    files = {"file": ("ecg.png", b"\x89PNG")}
    assert bare(app).post(path, files=files).status_code == 403
    assert bare(app).post(path, files=files, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_refused_body_is_not_read(app: Application) -> None:
    huge = {"content-length": "900000000", "sec-fetch-site": "cross-site"}
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "headers": [(name.encode(), value.encode()) for name, value in huge.items()],
        "query_string": b"",
        "server": ("testserver", 80),
        "scheme": "http",
    }
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 403


def test_a_bearer_request_is_never_signed_in_by_its_cookie(join: Join) -> None:
    teacher = join(Role.TEACHER)
    query = {"query": "{ viewer { displayName } }"}
    assert teacher.browser.post("/graphql", json=query).json()["data"]["viewer"] is not None
    forged = teacher.browser.post("/graphql", json=query, headers={"authorization": "Bearer x"})
    assert forged.json()["data"] == {"viewer": None}
    empty = teacher.browser.post("/graphql", json=query, headers={"authorization": "Bearer "})
    assert empty.json()["data"] == {"viewer": None}


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/health", "/static/css/base.css", "/graphql"])
def test_every_answer_carries_the_policy(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path, headers={"accept": "application/xml"})
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_what_says_nothing_of_caches_is_kept_by_none(stranger: TestClient, join: Join) -> None:
    asked = join(Role.STUDENT).browser.post("/graphql", json={"query": "{ viewer { displayName } }"})
    assert asked.json()["data"]["viewer"]["displayName"]
    for answer in (asked, stranger.get("/cases"), stranger.get("/nowhere")):
        assert answer.headers["cache-control"] == "no-store"


def test_refusals_and_bodies_too_large_carry_the_policy_as_well(
    app: Application, stranger: TestClient
) -> None:
    forged = bare(app).post("/sign-in")
    too_large = stranger.post("/sign-in", content=b"x" * (MAX_BODY + 1))
    assert (forged.status_code, too_large.status_code) == (403, 413)
    assert {answer.headers["content-security-policy"] for answer in (forged, too_large)} == {POLICY}


def test_a_body_beyond_the_limit_gets_a_page_that_says_so(stranger: TestClient) -> None:
    answer = stranger.post("/sign-in", content=b"x" * (MAX_BODY + 1))
    assert "This is too large" in answer.text
    kind = {"content-type": "application/x-www-form-urlencoded"}
    chunked = stranger.post("/sign-in", content=iter([b"x" * MAX_BODY, b"x"]), headers=kind)
    assert chunked.status_code == 413


def test_a_graphql_document_has_a_limit_of_its_own(stranger: TestClient) -> None:
    huge = {"query": "{ viewer { id } }", "variables": {"x": "x" * 1_000_000}}
    answer = stranger.post("/graphql", json=huge)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "HTTP_413"


def test_each_answer_has_a_request_id_and_a_good_one_is_kept(stranger: TestClient) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", stranger.get("/health").headers["x-request-id"])
    kept = stranger.get("/health", headers={"x-request-id": "proxy-12345678"})
    assert kept.headers["x-request-id"] == "proxy-12345678"
    replaced = stranger.get("/health", headers={"x-request-id": "<script>"})
    assert "script" not in replaced.headers["x-request-id"]


def test_the_log_line_has_neither_query_nor_body(
    stranger: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    access = logging.getLogger("chevet.access")
    access.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, "chevet.access"):
            stranger.post("/sign-in?code=ABC123", data={"email": "ada@example.org", "password": "hunter2"})
    finally:
        access.removeHandler(caplog.handler)
    [line] = {record.getMessage() for record in caplog.records if record.name == "chevet.access"}
    logged = json.loads(line)
    assert (logged["method"], logged["path"], logged["status"]) == ("POST", "/sign-in", 403)
    assert "ABC123" not in line
    assert "ada" not in line
    assert "10.0.0.1" not in line


def test_production_asks_browsers_for_https(settings: Settings) -> None:
    strict = settings.model_copy(update={"env": "production", "public_url": "https://chevet.example"})
    application = create_app(strict)
    try:
        answer = browser(application).get("/sign-in")
    finally:
        close_services(application.site.services)
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize("proxy, believed", [("10.7.0.1", True), ("10.7.0.2", False)])
def test_only_a_trusted_proxy_is_believed(
    app: Application, settings: Settings, proxy: str, *, believed: bool
) -> None:
    proxied = behind_proxies(app, settings.model_copy(update={"trusted_proxies": ("10.7.0.1",)}))
    forwarded = {
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-proto": "https",
        "origin": "https://testserver",
    }

    async def asgi3(scope: Scope, receive: Receive, send: Send) -> None:
        await proxied(scope, receive, send)  # TestClient takes granian's plain function for an older protocol

    client = TestClient(asgi3, ADDRESS, client=(proxy, 50000))
    answer = client.post("/graphql", json={"query": "{ viewer { id } }"}, headers=forwarded)
    assert answer.status_code == (200 if believed else 403)


def test_no_answer_leads_to_the_host_a_request_names(stranger: TestClient) -> None:
    answer = stranger.get("/cases/", headers={"host": "evil.example"})
    assert answer.status_code == 404
    assert "evil.example" not in answer.text
