"""What the API says of cost, and what it refuses to those who ask too much."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import strawberry
from graphql import get_introspection_query
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from schema.build import Schema
from schema.context import Info
from schema.policy import ROLE_SCOPES, Role
from schema.services.metering import REFUSED
from schema.services.tokens import Tokens
from server import asking, graphql, graphql_socket
from server.app import Application, close_services, create_app
from server.graphql import Endpoint
from server.middleware import VisitorLookup
from server.operations import Operations, OperationsError
from server.places import NoPlaceError, Places
from server.settings import Settings
from tests.server.conftest import ADDRESS, Join, Person

POINTS = 500_000
VIEWER = "{ viewer { id } }"
COST = 52
CHANGES = "{ edges { node { revisions { number name createdAt recordingCount annotationCount } } } }"
DEAR = f"{{ cases(first: 100) {CHANGES} }}"


@pytest.fixture(scope="module")
def small(settings: Settings) -> Iterator[Application]:
    """Return an application whose tokens may spend little."""
    application = create_app(settings.model_copy(update={"api_points": POINTS}))
    yield application
    close_services(application.site.services)


Platform = Callable[[], TestClient]


@pytest.fixture
def platform(small: Application) -> Platform:
    """Return a function that makes an outside system, each with an account and a token of its own."""

    def made() -> TestClient:
        services, person = small.site.services, Person(small, Role.TEACHER)
        with services.database.write() as session:
            tokens = Tokens(session, services.clock, None)
            secret = tokens.create(person.account_id, "platform", ROLE_SCOPES[Role.TEACHER]).secret
        return TestClient(small, ADDRESS, headers={"authorization": f"Bearer {secret}"})

    return made


def test_each_answer_tells_its_cost_and_what_is_left(platform: Platform) -> None:
    answer = platform().post("/graphql", json={"query": VIEWER})
    left = POINTS - COST
    assert answer.json()["extensions"] == {"cost": {"requested": COST, "limit": POINTS, "remaining": left}}
    assert answer.headers["x-ratelimit-limit"] == str(POINTS)
    assert answer.headers["x-ratelimit-remaining"] == str(left)
    assert answer.headers["x-ratelimit-reset"] == "1"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("query", ["{ viewer {", "{ ...a }", DEAR, "{ viewer { id } }}"])
def test_a_document_that_is_refused_unread_is_paid_for_too(platform: Platform, query: str) -> None:
    answer = platform().post("/graphql", json={"query": query}).json()
    assert "data" not in answer
    assert answer["extensions"]["cost"]["requested"] == REFUSED
    assert answer["extensions"]["cost"]["remaining"] == POINTS - REFUSED


def test_whoever_has_spent_all_is_told_when_to_come_back(platform: Platform) -> None:
    client, other = platform(), platform()
    dear = "{ cases(first: 100) { edges { node { annotations { concept { label synonyms } } } } } }"
    answers = [client.post("/graphql", json={"query": dear})]
    while answers[-1].status_code == 200:
        assert len(answers) < 40
        answers.append(client.post("/graphql", json={"query": dear}))
    refused = answers[-1]
    assert refused.status_code == 429
    [error] = refused.json()["errors"]
    assert error["extensions"] == {
        "code": "RATE_LIMITED",
        "retryAfter": int(refused.headers["retry-after"]),
    }
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "data" not in refused.json()
    assert other.post("/graphql", json={"query": dear}).status_code == 200


def test_pages_are_not_paid_for(join: Join, app: Application) -> None:
    teacher = join(Role.TEACHER)
    before = teacher.browser.post("/graphql", json={"query": VIEWER}).json()["extensions"]["cost"][
        "remaining"
    ]
    assert teacher.browser.get("/cases").status_code == 200
    cost = teacher.browser.post("/graphql", json={"query": VIEWER}).json()["extensions"]["cost"]
    assert cost["remaining"] >= before - COST
    assert cost["limit"] == 2 * app.site.settings.api_points


def test_a_page_that_could_cost_too_much_stops_the_start(app: Application, tmp_path: Path) -> None:
    text = f"query Dear($first: Int) {{ cases(first: $first) {CHANGES} }}"
    (tmp_path / "dear.graphql").write_text(text, encoding="utf-8")
    with pytest.raises(OperationsError, match=r"dear\.graphql: A request may have a cost"):
        Operations(graphql_schema(app), tmp_path)


def graphql_schema(app: Application) -> Schema:
    return cast("Schema", app.site.operations._schema)  # noqa: SLF001 - built once, it takes a second


def test_a_socket_pays_as_well(platform: Platform) -> None:
    client = platform()
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})
        assert socket.receive_json()["payload"]["extensions"]["cost"]["remaining"] == POINTS - COST


def test_one_client_has_only_so_many_sockets(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql, "MOST_SOCKETS", 1)
    client = endpoint(app, settings)
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/graphql", ["graphql-transport-ws"]),
        ):
            raise AssertionError("a second socket was opened")
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}


def test_a_socket_does_not_change_hands(app: Application, platform: Platform) -> None:
    with TestClient(app, ADDRESS).websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        header = {"authorization": platform().headers["authorization"]}
        socket.send_json({"type": "connection_init", "payload": header})
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert caught.value.code == 4429


def test_a_socket_that_says_too_much_is_closed(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql_socket, "MOST_MESSAGES", 5)
    monkeypatch.setattr(graphql_socket, "MESSAGES_S", 1e9)
    with TestClient(app, ADDRESS).websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        for _ in range(4):
            socket.send_json({"type": "ping"})
            assert socket.receive_json() == {"type": "pong"}
        socket.send_json({"type": "ping"})
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert caught.value.code == 4429


def test_a_socket_whose_message_is_too_long_is_closed(app: Application) -> None:
    with TestClient(app, ADDRESS).websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "ping", "payload": {"x": "x" * graphql.MAX_DOCUMENT}})
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert caught.value.code == 4400


def test_a_silent_socket_is_closed_once_its_holder_has_signed_out(
    app: Application, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql_socket, "LOOK_AGAIN_S", 0.05)
    client = join(Role.TEACHER).browser
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        app.site.authentication.sign_out(client.cookies["chevet_session"])
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert caught.value.code == 4401


def test_a_socket_speaks_with_one_operation_more_than_it_may(join: Join) -> None:
    with join(Role.TEACHER).browser.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        query = "subscription { statisticsChanged { sequence } }"
        for number in range(graphql.MAX_OPERATIONS + 1):
            socket.send_json({"id": str(number), "type": "subscribe", "payload": {"query": query}})
        messages = [socket.receive_json() for _ in range(graphql.MAX_OPERATIONS + 1)]
    assert [message["type"] for message in messages].count("error") == 1


@strawberry.type
class _Query:
    @strawberry.field
    async def endless(self, info: Info) -> int:
        del info
        await asyncio.Event().wait()
        return 1


def endpoint(app: Application, settings: Settings) -> TestClient:
    """Return a client of a small schema's endpoint on the same site."""
    view = Endpoint(Schema(query=_Query), settings)
    alone = Application(routes=[Route("/graphql", view, methods=["POST"]), WebSocketRoute("/graphql", view)])
    alone.add_middleware(VisitorLookup)
    alone.site = alone.state.site = app.site
    return TestClient(alone, ADDRESS, headers={"sec-fetch-site": "same-origin"})


def test_what_takes_too_long_is_given_up(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LONGEST_EXECUTION_S", 0.05)
    answer = endpoint(app, settings).post("/graphql", json={"query": "{ endless }"})
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"] == {"code": "TIMED_OUT"}
    assert "data" not in answer.json()


def test_one_client_has_only_so_many_requests_under_way(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql, "MOST_AT_ONCE", 0)
    answer = endpoint(app, settings).post("/graphql", json={"query": "{ __typename }"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED"}


def test_places_are_counted_client_by_client_and_given_back() -> None:
    places = Places(2)
    with places.one("a"), places.one("a"), places.one("b"), pytest.raises(NoPlaceError), places.one("a"):
        raise AssertionError("there was a third place")
    with places.one("a"), places.one("a"):
        assert list(places._taken) == ["a"]  # noqa: SLF001 - clients that left must leave nothing behind
    assert not places._taken  # noqa: SLF001


def test_a_join_code_cannot_be_guessed_for_long(join: Join) -> None:
    student = join(Role.STUDENT).browser
    guess = """mutation { joinSession(input: { joinCode: "AAAAAAAA" }) {
        ... on ValidationErrors { fields { code } } } }"""
    codes = [
        student.post("/graphql", json={"query": guess}).json()["data"]["joinSession"]["fields"][0]["code"]
        for _ in range(22)
    ]
    assert codes[:20] == ["unknown_join_code"] * 20
    assert codes[-1] == "too_many_attempts"


JSON, NEWER = "application/json", "application/graphql-response+json"


@pytest.mark.parametrize(
    "accept, expected",
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/html", JSON),
        (JSON, JSON),
        (NEWER, NEWER),
        (f"{NEWER}, {JSON}", NEWER),
        (f"{NEWER}; charset=utf-8, {JSON}; q=0.9", NEWER),
        (f"{NEWER};q=0.5, {JSON}", JSON),
        (f"{NEWER};q=0", JSON),
        ("APPLICATION/GraphQL-Response+JSON", NEWER),
    ],
)
def test_the_answers_media_type_is_the_one_asked_for(
    stranger: TestClient, accept: str, expected: str
) -> None:
    answer = stranger.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": accept})
    assert answer.headers["content-type"] == expected


@pytest.mark.parametrize(
    "query, variables",
    [
        ("{ viewer {", {}),
        ("{ nonsense }", {}),
        ("query($id: ID!) { case(id: $id) { id } }", {"id": None}),
        (DEAR, {}),
    ],
    ids=["unparsed", "invalid", "coercion", "dear"],
)
@pytest.mark.parametrize("accept, status", [(JSON, 200), (NEWER, 400)])
def test_a_refused_request_has_no_data_and_the_media_types_status(
    stranger: TestClient, query: str, variables: dict[str, object], accept: str, status: int
) -> None:
    body = {"query": query, "variables": variables}
    answer = stranger.post("/graphql", json=body, headers={"accept": accept})
    assert (answer.status_code, "data" in answer.json()) == (status, False)


def test_an_error_of_execution_is_a_success_of_the_protocol(stranger: TestClient) -> None:
    query = {"query": "{ cases { totalCount } }"}
    answer = stranger.post("/graphql", json=query, headers={"accept": NEWER})
    assert (answer.status_code, answer.json()["data"]) == (200, None)


@pytest.mark.parametrize("name, expected", [("a", {"a": "Query"}), ("b", {"b": "Query"}), (None, None)])
def test_of_several_operations_the_named_one_is_executed(
    stranger: TestClient, name: str | None, expected: dict[str, str] | None
) -> None:
    query = "query a { a: __typename } query b { b: __typename }"
    answer = stranger.post("/graphql", json={"query": query, "operationName": name})
    assert answer.json().get("data") == expected


def test_in_development_the_schema_speaks_of_itself(stranger: TestClient) -> None:
    whole = stranger.post("/graphql", json={"query": get_introspection_query()}).json()
    assert whole["data"]["__schema"]["queryType"]["name"] == "Query"
    by_get = stranger.get("/graphql", params={"query": "{ __typename }"})
    assert by_get.json()["data"] == {"__typename": "Query"}
    assert "Did you mean" in stranger.post("/graphql", json={"query": "{ viewr { id } }"}).text
