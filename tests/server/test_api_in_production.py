"""The API in production: what a stranger, a browser and a token may ask, and every attack we know."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import get_introspection_query
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from schema.policy import ROLE_SCOPES, Role, Scope
from schema.services.tokens import Tokens
from server.app import Application, close_services, create_app
from server.graphql import MAX_DOCUMENT
from server.settings import Settings
from tests.schema.attacks import ATTACKS
from tests.server.conftest import PASSWORD, Person, browser

ADDRESS = "https://testserver"
VIEWER = "{ viewer { displayName role } }"
OWN = "home/home"


@pytest.fixture(scope="module")
def strict(settings: Settings) -> Iterator[Application]:
    """Return the application in production."""
    production = settings.model_copy(update={"env": "production", "public_url": ADDRESS})
    application = create_app(production)
    yield application
    close_services(application.site.services)


@pytest.fixture(scope="module")
def teacher(strict: Application) -> Person:
    return Person(strict, Role.TEACHER)


@pytest.fixture(scope="module")
def session(strict: Application, teacher: Person) -> TestClient:
    """Return the browser of a teacher who is signed in."""
    client = browser(strict)
    client.base_url = client.base_url.copy_with(scheme="https")
    token = strict.site.authentication.sign_in(teacher.email, PASSWORD, "10.8.0.1")
    client.cookies.set("__Host-chevet_session", token, domain="testserver.local")
    return client


@pytest.fixture(scope="module")
def platform(strict: Application, teacher: Person) -> TestClient:
    """Return an outside system with the teacher's token."""
    return outside(strict, teacher, ROLE_SCOPES[Role.TEACHER] - {Scope.SCHEMA_READ})


@pytest.fixture(scope="module")
def developer(strict: Application, teacher: Person) -> TestClient:
    """Return an outside system whose token lets it ask the schema about itself."""
    return outside(strict, teacher, frozenset({Scope.SCHEMA_READ}))


def outside(strict: Application, teacher: Person, scopes: frozenset[Scope]) -> TestClient:
    services = strict.site.services
    with services.database.write() as write:
        tokens = Tokens(write, services.clock, None)
        made = tokens.create(teacher.account_id, "outside system", scopes)
    return TestClient(strict, ADDRESS, headers={"authorization": f"Bearer {made.secret}"})


@pytest.fixture
def nobody(strict: Application) -> TestClient:
    client = browser(strict, "10.0.0.9")
    client.base_url = client.base_url.copy_with(scheme="https")
    return client


def post(client: TestClient, query: str, **more: Any) -> Any:
    return client.post("/graphql", json={"query": query, **more})


def codes(answer: Any) -> set[str]:
    return {error["extensions"]["code"] for error in answer.json()["errors"]}


def test_a_stranger_may_ask_nothing_but_the_pages_operations(nobody: TestClient, strict: Application) -> None:
    refused = post(nobody, VIEWER)
    assert (refused.status_code, codes(refused), "data" in refused.json()) == (403, {"FORBIDDEN"}, False)
    assert post(nobody, strict.site.operations[OWN].text).status_code == 200


def test_a_browser_may_ask_nothing_but_the_pages_operations(session: TestClient, strict: Application) -> None:
    assert post(session, VIEWER).status_code == 403
    own = strict.site.operations[OWN].text
    assert post(session, own).json()["data"]["viewer"] is not None
    assert post(session, f"{own} ").status_code == 403


def test_a_token_may_ask_anything_by_post(platform: TestClient) -> None:
    assert post(platform, VIEWER).json()["data"]["viewer"]["role"] == "TEACHER"


@pytest.mark.parametrize("header", ["Bearer ", "Bearer guessed", "bearer chv_0000"])
def test_a_bad_token_is_a_stranger(strict: Application, header: str) -> None:
    client = TestClient(strict, ADDRESS, headers={"authorization": header})
    assert post(client, VIEWER).status_code == 403


def test_a_browser_may_ask_nothing_else_over_a_socket(session: TestClient, strict: Application) -> None:
    with session.websocket_connect(
        "/graphql", ["graphql-transport-ws"], headers={"origin": ADDRESS}
    ) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})
        assert socket.receive_json()["type"] == "error"
        own = strict.site.operations["home/figures"].text
        socket.send_json({"id": "2", "type": "subscribe", "payload": {"query": own}})
        assert socket.receive_json()["type"] == "next"


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_neither_echoed_nor_logged(
    platform: TestClient, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    with caplog.at_level(logging.WARNING):
        caplog.set_level(logging.CRITICAL, "strawberry")  # as server.logs does
        answer = post(platform, text, variables={"ids": ["x"] * 100})
    assert answer.status_code in {200, 400, 413}
    assert answer.json().get("data") is None
    assert codes(answer) <= {"BAD_REQUEST", "TOO_MUCH", "HTTP_413"}
    assert len(answer.text) < 3_000
    assert caplog.text == ""


FILTER = "query($f: CaseFilter) { cases(filter: $f) { totalCount } }"
IDS = "query($i: [ID!]!) { nodes(ids: $i) { id } }"
VARIABLES: dict[str, tuple[str, Any]] = {
    "an object for a text": (FILTER, {"f": {"search": {"a": 1}}}),
    "a list for an object": (FILTER, {"f": [[[]]]}),
    "a text for an object": (FILTER, {"f": "x" * 100_000}),
    "a long text for an enum": (FILTER, {"f": {"category": "x" * 150_000}}),
    "many unknown fields": (FILTER, {"f": {f"a{n}": 1 for n in range(10_000)}}),
    "deep values": (FILTER, {"f": {"search": [[[[[[[[[["x"]]]]]]]]]]}}),
    "many of another type": (IDS, {"i": [{}] * 50_000}),
    "many ids": (IDS, {"i": ["x"] * 40_000}),
    "nothing where something must be": (IDS, {"i": None}),
    "endless digits": ("query($n: Int) { cases(first: $n) { totalCount } }", {"n": 10**400}),
    "a true number": ("query($n: Int) { cases(first: $n) { totalCount } }", {"n": True}),
}


@pytest.mark.parametrize("query, variables", VARIABLES.values(), ids=VARIABLES)
def test_variables_of_another_shape_are_refused_and_neither_echoed_nor_logged(
    platform: TestClient, caplog: pytest.LogCaptureFixture, query: str, variables: Any
) -> None:
    with caplog.at_level(logging.WARNING):
        caplog.set_level(logging.CRITICAL, "strawberry")
        answer = post(platform, query, variables=variables)
    assert answer.json().get("data") is None
    assert codes(answer) <= {"BAD_REQUEST", "TOO_MUCH"}
    assert len(answer.text) < 30_000
    assert caplog.text == ""


BODIES: dict[str, bytes] = {
    "a batch": b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]',
    "a batch of one": b'[{"query": "{ __typename }"}]',
    "an empty batch": b"[]",
    "one name twice": b'{"query": "{ __typename }", "query": "{ viewer { id } }"}',
    "one variable twice": b'{"query": "query($a: Int) { __typename }", "variables": {"a": 1, "a": 2}}',
    "no number": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    "endless digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "deep values": b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    "half a text": b'{"query": "{ __typename',
    "another encoding": '{"query": "{ __typename }"}'.encode("utf-16"),
    "no text": b'{"query": "\xff"}',
    "nothing": b"",
    "a name that is none": b'{"query": "{ __typename }", "operationName": ["a"]}',
    "a name nobody has": b'{"query": "{ __typename }", "operationName": "a"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_of_another_shape_is_a_bad_request(platform: TestClient, body: bytes) -> None:
    answer = platform.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, codes(answer)) == (400, {"BAD_REQUEST"})


def test_a_large_body_is_not_read(platform: TestClient) -> None:
    answer = post(platform, VIEWER, variables={"a": "x" * MAX_DOCUMENT})
    assert answer.status_code == 413


def test_the_operations_of_a_multipart_request_are_no_larger(platform: TestClient) -> None:
    parts = {"operations": f'{{"query": "{VIEWER}", "x": "{"x" * MAX_DOCUMENT}"}}', "map": "{}"}
    assert platform.post("/graphql", data=parts, files={"0": ("ecg.png", b"x")}).status_code == 400


MISSPELT = "query($o: CaseOrder) { cases(orderBy: $o) { totalCount } }"
MISTYPED = {"o": {"field": "NAMEE", "direction": "ASC"}}


def test_a_token_with_the_scope_may_ask_the_schema_about_itself(developer: TestClient) -> None:
    whole = post(developer, get_introspection_query()).json()
    assert whole["data"]["__schema"]["queryType"]["name"] == "Query"
    assert "Did you mean 'viewer'" in post(developer, "{ viewr { id } }").text
    assert "Did you mean" in post(developer, MISSPELT, variables=MISTYPED).text


def test_a_document_one_token_may_ask_is_not_open_to_another(
    developer: TestClient, platform: TestClient
) -> None:
    for query in ("{ __schema { types { name } } }", "{ viewr { id } }"):
        assert post(developer, query).text != post(platform, query).text
        assert "Did you mean" not in post(platform, query).text
        assert "data" not in post(platform, query).json()


def test_a_browser_is_told_nothing_of_the_schema(session: TestClient, strict: Application) -> None:
    mistyped = {"orderBy": {"field": "NAMEE", "direction": "ASC"}}
    answer = post(session, strict.site.operations["cases/list"].text, variables=mistyped)
    assert codes(answer) == {"BAD_REQUEST"}
    assert "Did you mean" not in answer.text


class TestGraphqlCop:
    """Each of graphql-cop's checks, as it makes them, with the rights of a token."""

    def test_alias_overloading(self, platform: TestClient) -> None:
        answer = post(platform, "query cop { " + "".join(f"alias{n}:__typename \n" for n in range(101)) + "}")
        assert "data" not in answer.json()

    def test_array_based_batching(self, platform: TestClient) -> None:
        assert platform.post("/graphql", json=[{"query": "query cop { __typename }"}] * 10).status_code == 400

    def test_directive_overloading(self, platform: TestClient) -> None:
        assert len(post(platform, "query cop { __typename " + "@aa" * 10 + " }").json()["errors"]) == 1

    def test_circular_introspection(self, platform: TestClient) -> None:
        types = (
            "types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } }"
        )
        assert "data" not in post(platform, f"query cop {{ __schema {{ {types} }} }}").json()

    def test_introspection(self, platform: TestClient) -> None:
        for query in ("query cop { __schema { types { name } } }", '{ __type(name: "Case") { name } }'):
            answer = post(platform, query)
            assert "data" not in answer.json()
            assert codes(answer) == {"BAD_REQUEST"}

    def test_field_duplication(self, platform: TestClient) -> None:
        assert "data" not in post(platform, "query cop { " + "__typename \n " * 500 + "}").json()

    def test_field_suggestions(self, platform: TestClient) -> None:
        for query in ("query cop { __schema { directive } }", "{ viewr { id } }", "{ viewer { idd } }"):
            assert "Did you mean" not in post(platform, query).text
        answer = post(platform, MISSPELT, variables=MISTYPED)
        assert codes(answer) == {"BAD_REQUEST"}
        assert "Did you mean" not in answer.text

    def test_queries_by_get(self, platform: TestClient) -> None:
        answer = platform.get("/graphql", params={"query": "query cop { __typename }"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    def test_mutations_by_get(self, platform: TestClient) -> None:
        assert platform.get("/graphql", params={"query": "mutation cop { __typename }"}).status_code == 405

    def test_form_encoded_queries(self, platform: TestClient) -> None:
        assert platform.post("/graphql", data={"query": "query cop { __typename }"}).status_code == 400

    def test_form_encoded_mutations(self, platform: TestClient) -> None:
        assert platform.post("/graphql", data={"query": "mutation cop { __typename }"}).status_code == 400

    @pytest.mark.parametrize(
        "path", ["/graphql", "/graphiql", "/playground", "/console", "/graphql-explorer"]
    )
    def test_explorers(self, platform: TestClient, path: str) -> None:
        answer = platform.get(path, headers={"accept": "text/html"})
        assert answer.status_code in {404, 405}
        assert "GraphiQL" not in answer.text

    def test_tracing(self, platform: TestClient) -> None:
        headers = {"apollo-tracing": "1", "x-apollo-tracing": "1"}
        answer = platform.post("/graphql", json={"query": "query cop { __typename }"}, headers=headers)
        assert answer.json()["extensions"].keys() == {"cost"}

    def test_unhandled_errors(self, platform: TestClient) -> None:
        answer = post(platform, "qwerty cop { abc }")
        assert "exception" not in answer.text.lower()
        assert "Traceback" not in answer.text
        assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


def test_a_socket_takes_no_token_that_is_not_good(strict: Application) -> None:
    client = TestClient(strict, ADDRESS)
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init", "payload": {"authorization": "Bearer guessed"}})
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert caught.value.code == 4403


def test_a_socket_takes_a_token_in_its_first_message(strict: Application, platform: TestClient) -> None:
    client = TestClient(strict, ADDRESS)
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        header = {"authorization": platform.headers["authorization"]}
        socket.send_json({"type": "connection_init", "payload": header})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})
        assert socket.receive_json()["payload"]["data"]["viewer"]["role"] == "TEACHER"
