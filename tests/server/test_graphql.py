"""The view at /graphql: what it takes, what it refuses, how it words errors."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import strawberry
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from schema.build import Schema
from schema.policy import ROLE_SCOPES, Role
from schema.services.tokens import Tokens
from schema.types.base import global_id
from server.app import Application, close_services, create_app
from server.graphql import Endpoint
from server.settings import Settings
from tests.server.conftest import ADDRESS, Join, browser

VIEWER = "{ viewer { displayName role } }"


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


def test_a_session_and_a_token_are_the_same_viewer(app: Application, join: Join) -> None:
    person = join(Role.TEACHER)
    services = app.site.services
    with services.database.write() as session:
        tokens = Tokens(session, services.clock, None)
        made = tokens.create(person.account_id, "outside system", ROLE_SCOPES[Role.TEACHER])
    with_cookie = person.browser.post("/graphql", json={"query": VIEWER}).json()
    header = {"authorization": f"Bearer {made.secret}"}
    with_token = TestClient(app, ADDRESS).post("/graphql", json={"query": VIEWER}, headers=header).json()
    assert with_cookie["data"] == with_token["data"]
    assert with_cookie["data"]["viewer"]["role"] == "TEACHER"


def test_a_document_that_does_not_fit_the_schema_is_a_bad_request(stranger: TestClient) -> None:
    assert codes(stranger.post("/graphql", json={"query": "{ nonsense }"})) == ["BAD_REQUEST"]
    assert codes(stranger.post("/graphql", json={"query": "{ viewer {"})) == ["BAD_REQUEST"]


def test_a_long_literal_is_not_echoed(stranger: TestClient) -> None:
    answer = stranger.post("/graphql", json={"query": '{ case(id: 1.5, x: "' + "y" * 100_000 + '") { id } }'})
    assert len(answer.text) < 2000


def test_a_body_that_is_no_json_is_refused(stranger: TestClient) -> None:
    json_type = {"content-type": "application/json"}
    assert stranger.post("/graphql", content=b"{", headers=json_type).status_code == 400
    assert (
        stranger.post("/graphql", content=b"query", headers={"content-type": "text/plain"}).status_code == 400
    )


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"operations": "[]", "map": "{}"},
        {"operations": "5", "map": "{}"},
        {"operations": "{", "map": "{}"},
        {"operations": '{"query": "{ viewer { id } }"}', "map": "[]"},
        {"operations": '{"query": "{ viewer { id } }"}', "map": '{"0": ["variables.a.b"]}'},
        {"operations": '{"query": "{ viewer { id } }"}', "map": '{"9": ["variables.a"]}'},
        {"operations": '{"query": 5, "variables": "x"}', "map": "{}"},
    ],
)
def test_a_multipart_request_of_another_shape_is_a_bad_request(
    stranger: TestClient, parts: dict[str, str]
) -> None:
    answer = stranger.post("/graphql", data=parts, files={"0": ("ecg.png", b"content")})
    assert answer.status_code == 400
    assert codes(answer) == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    "body", ["5", "null", '"{ viewer { id } }"', "{}", '{"query": {}}', '{"variables": []}']
)
def test_json_of_another_shape_is_a_bad_request(stranger: TestClient, body: str) -> None:
    answer = stranger.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert codes(answer) == ["BAD_REQUEST"]


def test_a_batch_is_refused(stranger: TestClient) -> None:
    assert stranger.post("/graphql", json=[{"query": VIEWER}, {"query": VIEWER}]).status_code == 400


def test_a_multipart_request_passes_with_the_door_only(app: Application) -> None:
    parts = {"operations": f'{{"query": "{VIEWER}"}}', "map": "{}"}
    files = {"0": ("ecg.png", b"content")}
    bare = TestClient(app, ADDRESS)
    assert bare.post("/graphql", data=parts, files=files).status_code == 403
    ours = bare.post("/graphql", data=parts, files=files, headers={"origin": ADDRESS})
    assert ours.json()["data"] == {"viewer": None}


def test_in_production_there_is_neither_graphiql_nor_queries_by_get(settings: Settings) -> None:
    strict = settings.model_copy(update={"env": "production", "public_url": "https://testserver"})
    application = create_app(strict)
    try:
        client = browser(application)
        assert client.get("/graphql").status_code == 405
        assert client.get("/graphql", params={"query": VIEWER}).status_code == 405
    finally:
        close_services(application.site.services)


def test_in_development_graphiql_is_served_under_its_own_policy(stranger: TestClient) -> None:
    answer = stranger.get("/graphql")
    assert "graphiql" in answer.text.lower()
    assert "unpkg.com" in answer.headers["content-security-policy"]


def test_a_mutation_by_get_is_refused(stranger: TestClient) -> None:
    answer = stranger.get("/graphql", params={"query": "mutation { __typename }"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def subscribe(client: TestClient, protocols: list[str], **headers: str) -> Any:
    with client.websocket_connect("/graphql", subprotocols=protocols, headers=headers) as socket:
        socket.send_json({"type": "connection_init"})
        return socket.receive_json()


def test_subscriptions_speak_the_current_protocol_only(stranger: TestClient) -> None:
    assert subscribe(stranger, ["graphql-transport-ws"], origin=ADDRESS) == {"type": "connection_ack"}
    with pytest.raises(WebSocketDisconnect) as caught:
        subscribe(stranger, ["graphql-ws"], origin=ADDRESS)
    assert caught.value.code == 4406


def test_another_sites_page_cannot_open_a_socket(app: Application) -> None:
    with pytest.raises(WebSocketDisconnect):
        subscribe(TestClient(app, ADDRESS), ["graphql-transport-ws"], origin="https://elsewhere.example")


def test_a_query_over_the_socket_knows_its_viewer(join: Join) -> None:
    client = join(Role.STUDENT).browser
    with client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})
        assert socket.receive_json()["payload"]["data"]["viewer"]["role"] == "STUDENT"


def ask(socket: Any, name: str, query: str) -> None:
    socket.send_json({"id": name, "type": "subscribe", "payload": {"query": query}})


FIGURES = "subscription { statisticsChanged { statistics { caseCount } } }"
SHUT = """mutation($id: ID!) {
    updateAccount(input: { id: $id, disabled: true }) { ... on Account { id disabledAt } }
}"""


def test_an_open_socket_says_nothing_more_once_the_account_is_shut(join: Join) -> None:
    teacher, admin = join(Role.TEACHER), join(Role.ADMIN).browser
    with teacher.browser.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        ask(socket, "figures", FIGURES)
        assert socket.receive_json()["payload"]["data"]["statisticsChanged"]
        shut = {"query": SHUT, "variables": {"id": global_id("Account", teacher.account_id)}}
        assert admin.post("/graphql", json=shut).json()["data"]["updateAccount"]["disabledAt"]
        ask(socket, "cases", "{ cases { totalCount } }")
        query = {"query": 'mutation { createCase(input: { name: "one more" }) { __typename } }'}
        assert join(Role.TEACHER).browser.post("/graphql", json=query).json()["data"]["createCase"]
        answers: dict[str, Any] = {}
        while len(answers) < 2:
            message = socket.receive_json()
            if message["type"] == "next":
                answers[message["id"]] = message["payload"]
    for answer in answers.values():
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


def test_each_operation_over_a_socket_reads_afresh(join: Join) -> None:
    with join(Role.TEACHER).browser.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        ask(socket, "1", 'mutation { createCase(input: { name: "read twice" }) { ... on Case { id } } }')
        made = socket.receive_json()["payload"]["data"]["createCase"]["id"]
        socket.receive_json()
        counted = f'{{ case(id: "{made}") {{ revisions {{ number }} }} }}'
        change = f'updateCase(input: {{ id: "{made}", revision: 1, name: "anew" }}) {{ __typename }}'
        answers = []
        for number, query in enumerate((counted, f"mutation {{ {change} }}", counted)):
            ask(socket, f"again {number}", query)
            answers.append(socket.receive_json()["payload"]["data"])
            assert socket.receive_json()["type"] == "complete"
    assert answers[0]["case"]["revisions"] == [{"number": 1}]
    assert answers[2]["case"]["revisions"] == [{"number": 2}, {"number": 1}]


@pytest.mark.parametrize("query", ["{ viewer {", "{ nonsense }", "{" + "viewer { id } " * 1000 + "}"])
def test_a_document_that_cannot_be_executed_is_refused_over_the_socket_too(
    stranger: TestClient, query: str
) -> None:
    with stranger.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        ask(socket, "1", query)
        answer = socket.receive_json()
        assert (answer["type"], len(answer["payload"])) == ("error", 1)
        ask(socket, "2", VIEWER)
        assert socket.receive_json()["payload"]["data"] == {"viewer": None}


SHAPES = [5, [1], None, "text", {"type": "subscribe", "id": [], "payload": {"query": VIEWER}}]


@pytest.mark.parametrize("message", SHAPES)
def test_json_that_is_no_message_closes_the_socket(stranger: TestClient, message: object) -> None:
    with stranger.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        socket.send_json(message)
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert caught.value.code == 4400


@strawberry.type
class _Query:
    @strawberry.field
    def broken(self) -> int:
        raise RuntimeError("ada@example.org")


@strawberry.type
class _Subscription:
    @strawberry.subscription
    async def broken(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("ada@example.org")


@pytest.mark.parametrize("query", ["{ broken }", "subscription { broken }"])
def test_errors_over_the_socket_are_masked(
    app: Application, settings: Settings, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "strawberry")  # as server.logs does
    caplog.handler.setLevel(logging.NOTSET)
    endpoint = Endpoint(Schema(query=_Query, subscription=_Subscription), settings)
    small = Application(routes=[WebSocketRoute("/graphql", endpoint)])
    small.site = small.state.site = app.site
    with TestClient(small, ADDRESS).websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        received = [socket.receive_json()]
        while received[-1]["type"] != "complete":
            received.append(socket.receive_json())
    [error] = [error for message in received for error in message.get("payload", {}).get("errors", [])]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["requestId"] in caplog.text
    assert "ada@example.org" not in f"{received}{caplog.text}"


@pytest.mark.parametrize("accept", ["text/event-stream", 'multipart/mixed;subscriptionSpec="1.0"'])
def test_subscriptions_over_plain_http_are_refused(join: Join, accept: str) -> None:
    query = {"query": "subscription { statisticsChanged { sequence } }"}
    answer = join(Role.TEACHER).browser.post("/graphql", json=query, headers={"accept": accept})
    assert answer.status_code == 400
