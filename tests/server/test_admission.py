"""What is let in and what is refused while a process has all it can do."""

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from schema.policy import Role
from server import admission, stays
from server.admission import Admission
from server.app import Application, close_services, create_app
from server.lanes import Lane, Lanes
from server.pages import learn
from server.saving import saves_only
from server.settings import Settings
from tests.server.conftest import Person, browser

NO_PLACE = (0, 0, 1.0, time.monotonic)
SAVE = """mutation Save($input: SaveAnswerInput!) {
  saveAnswer(input: $input) { __typename } }
query Other { viewer { id } }"""
GIVEN = {"attemptId": "QXR0ZW1wdDox", "position": 1, "text": "", "conceptIds": [], "revision": 0}


@pytest.fixture(scope="module")
def crowded(settings: Settings) -> Iterator[Application]:
    """Return an application with no place but for those who save and hand in."""
    application = create_app(settings)
    site = replace(application.site, lanes=Lanes())
    site.lanes.general = Lane(*NO_PLACE)
    application.site = application.state.site = site
    yield application
    close_services(site.services)


@pytest.fixture
def student(crowded: Application) -> TestClient:
    """Return the browser of a student who has signed in before."""
    return Person(crowded, Role.STUDENT).browser


def test_a_page_is_refused_with_what_to_do_and_when(crowded: Application) -> None:
    answer = browser(crowded).get("/learn?after=x&n=<2>", headers={"accept-language": "fr"})
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= admission.LONGEST_RETRY_S
    assert "Beaucoup de monde en même temps" in answer.text
    assert 'href="/learn?after=x&amp;n=%3C2%3E"' in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_form_that_is_refused_is_sent_again_by_reloading(student: TestClient) -> None:
    answer = student.post("/learn/join", data={"joinCode": "AAAAAAAA"})
    assert answer.status_code == 503
    assert "what you typed is then sent again" in answer.text
    assert "/learn/join" not in answer.text


def test_htmx_gets_a_fragment_that_takes_no_pages_place(student: TestClient) -> None:
    answer = student.get("/attempts/x/concepts?q=a", headers={"hx-request": "true"})
    assert (answer.status_code, "hx-retarget" in answer.headers) == (503, False)
    assert "<html" not in answer.text


@pytest.mark.parametrize("media_type", ["application/json", "application/graphql-response+json"])
def test_the_api_refuses_with_a_code(crowded: Application, media_type: str) -> None:
    headers = {"accept": media_type, "authorization": "Bearer nobody"}
    answer = browser(crowded).post("/graphql", json={"query": "{ viewer { id } }"}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (503, media_type)
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "OVERLOADED", "retryAfter": int(answer.headers["retry-after"])}
    assert "data" not in answer.json()


def test_what_is_refused_is_refused_before_anybody_is_looked_up(
    crowded: Application, student: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(crowded.site.authentication), "by_session_token", None)
    assert student.get("/learn").status_code == 503


@pytest.mark.parametrize("path", ["/health", "/ready", "/static/img/mark.svg"])
def test_what_costs_little_is_answered_all_the_same(crowded: Application, path: str) -> None:
    assert browser(crowded).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/attempts/QXR0ZW1wdDox/1", "/attempts/QXR0ZW1wdDox/submit"])
def test_a_page_saves_and_hands_in_while_others_are_refused(student: TestClient, path: str) -> None:
    assert student.post(path, data={}, headers={"accept": "application/json"}).status_code == 403
    assert student.get("/attempts/QXR0ZW1wdDox/1").status_code == 503


def test_the_api_saves_while_others_are_refused(student: TestClient) -> None:
    asked: dict[str, Any] = {"query": SAVE, "operationName": "Save", "variables": {"input": GIVEN}}
    answer = student.post("/graphql", json=asked)
    assert answer.json()["data"] == {"saveAnswer": {"__typename": "NotFound"}}
    assert student.post("/graphql", json=asked | {"operationName": "Other"}).status_code == 503


def test_a_socket_asks_and_saves_in_the_same_lanes(student: TestClient) -> None:
    asked = [
        ("subscription { nothing }", {}),
        ("{ viewer { id } }", {}),
        (SAVE, {"operationName": "Save", "variables": {"input": GIVEN}}),
    ]
    codes = []
    with student.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        for number, (query, more) in enumerate(asked):
            socket.send_json({"id": str(number), "type": "subscribe", "payload": {"query": query, **more}})
            answer = socket.receive_json()
            errors = answer["payload"] if answer["type"] == "error" else []
            codes.append([error.get("extensions", {}).get("code") for error in errors])
            if answer["type"] == "next":
                assert answer["payload"]["data"] == {"saveAnswer": {"__typename": "NotFound"}}
    assert codes == [[None], ["OVERLOADED"], []]


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ viewer { id } }"}',
        b'{"query": "mutation { saveAnswer(input: 1) { id } other: createSession { id } }"}',
        b'{"query": "query saveAnswer { cases { totalCount } }"}',
        b'{"query": "mutation { ...a } fragment a on Mutation { saveAnswer { id } }"}',
        b'{"query": "mutation { saveAnswer { id }"}',
        b'{"query": ["saveAnswer"]}',
        b'{"query": "mutation { saveAnswer { id } }", "operationName": {}}',
        b'["saveAnswer"]',
        b"saveAnswer",
        b'{"query": "mutation { saveAnswer { id } } #' + b" " * 20_000 + b'"}',
        b'{"query": "' + b"mutation { saveAnswer { " + b"a { " * 2000 + b'"}',
    ],
)
def test_only_what_does_nothing_else_counts_as_saving(body: bytes) -> None:
    assert not saves_only(body)


def test_saving_and_handing_in_under_any_name_count() -> None:
    assert saves_only(b'{"query": "mutation { a: saveAnswer { id } b: submitAttempt { id } }"}')


class Line:
    """A connection to a small application, whose messages come when the test says."""

    def __init__(self, lanes: Lanes, application: Any, method: str = "POST") -> None:
        self.coming: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "http", "method": method, "path": "/learn/join", "headers": [], "state": {}}
        door = Admission(application, lanes, learn.WRITING)
        self.task = asyncio.create_task(door(scope, self.coming.get, self._send))
        self.sent: list[Message] = []

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def body(self, data: bytes, *, more: bool) -> None:
        """Have a part of the body come."""
        self.coming.put_nowait({"type": "http.request", "body": data, "more_body": more})


async def settle() -> None:
    """Let everything that can happen now happen."""
    for _ in range(10):
        await asyncio.sleep(0)


def taken(lanes: Lanes) -> int:
    """Return how many places of the general lane are taken."""
    return lanes.general.figures.taken


def test_a_slow_body_and_a_slow_answer_hold_no_place() -> None:
    goes_on = asyncio.Event()

    async def application(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await goes_on.wait()
        await send({"type": "http.response.start", "status": 200})
        await receive()

    async def scene() -> None:
        lanes, parts = Lanes(), b"x" * stays.READ_AHEAD
        line = Line(lanes, application)
        await settle()
        seen = [taken(lanes)]
        line.body(parts, more=True)  # the rest has not come: the application waits for it
        await settle()
        seen.append(taken(lanes))
        line.body(b"", more=False)
        await settle()
        seen.append(taken(lanes))
        goes_on.set()
        await settle()
        seen.append(taken(lanes))
        assert seen == [0, 0, 1, 0]
        assert not line.task.done()
        line.coming.put_nowait({"type": "http.disconnect"})
        await line.task
        assert taken(lanes) == 0

    asyncio.run(scene())


def test_an_application_that_fails_gives_its_place_back() -> None:
    async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError

    async def scene() -> None:
        lanes = Lanes()
        with pytest.raises(LookupError):
            await Line(lanes, application, "GET").task
        assert taken(lanes) == 0

    asyncio.run(scene())


def test_whoever_takes_long_steps_aside_but_not_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stays, "HELD_S", 0.0)
    monkeypatch.setattr(stays, "MOST_ASIDE", 1)

    async def scene() -> None:
        lanes, ends = Lanes(), asyncio.Event()
        lanes.general = Lane(1, 2, 1e9, time.monotonic)

        async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await ends.wait()

        door = Admission(application, lanes, learn.WRITING)
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        receive: Any = None
        tasks = [asyncio.create_task(door(scope | {"state": {}}, receive, receive)) for _ in range(3)]
        await settle()
        assert lanes.general.figures[:2] == (1, 1)  # one has stepped aside, one has the place, one waits
        ends.set()
        await asyncio.gather(*tasks)
        assert lanes.general.figures[:2] == (0, 0)

    asyncio.run(scene())


def test_an_overload_is_logged_as_it_begins_and_as_it_ends(
    crowded: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(admission, "CALM_S", 0.0)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "app": crowded,
    }

    async def application(*_: Any) -> None:
        raise AssertionError("it was let in")

    async def scene() -> None:
        async def send(_message: Message) -> None:
            pass

        door = Admission(application, crowded.site.lanes, learn.WRITING)
        receive: Any = None
        for _ in range(2):
            await door(scope | {"state": {}}, receive, send)
        await settle()

    with caplog.at_level(logging.WARNING, "chevet.admission"):
        asyncio.run(scene())
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "overloaded: requests are refused from now on",
        f"no longer overloaded: 2 refused in {said[1][-5:]}",
    ]
