"""A token confined to documents that its account has registered."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from schema.policy import ROLE_SCOPES, Role
from schema.services.metering import REFUSED
from schema.services.tokens import Tokens
from schema.services.trusted_documents import TrustedDocuments, sha256
from server.__main__ import main
from server.app import Application, close_services, create_app
from server.settings import Settings
from tests.server.conftest import Person

ADDRESS = "https://testserver"
MINE = "query Mine { viewer { role } }"
OTHERS = "query Others { viewer { displayName } }"
NOBODYS = "query Nobodys { viewer { id } }"
ANSWER = {"viewer": {"role": "TEACHER"}}
NEWER = "application/graphql-response+json"


@pytest.fixture(scope="module", params=["production", "development"])
def site(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Application]:
    """Return the application: what a confined token may do is the same in both modes."""
    application = create_app(settings.model_copy(update={"env": request.param, "public_url": ADDRESS}))
    yield application
    close_services(application.site.services)


def account_with(site: Application, *documents: str) -> int:
    services, account_id = site.site.services, Person(site, Role.TEACHER).account_id
    with services.database.write() as session:
        for text in documents:
            TrustedDocuments(session, services.clock, None).register(account_id, text, [], 1)
    return account_id


def client_of(site: Application, account_id: int, *, confined: bool) -> TestClient:
    services, scopes = site.site.services, ROLE_SCOPES[Role.TEACHER]
    with services.database.write() as session:
        tokens = Tokens(session, services.clock, None)
        secret = tokens.create(account_id, "platform", scopes, confined=confined).secret
    return TestClient(site, ADDRESS, headers={"authorization": f"Bearer {secret}"})


@pytest.fixture(scope="module")
def account(site: Application) -> int:
    return account_with(site, MINE)


@pytest.fixture(scope="module")
def client(site: Application, account: int) -> TestClient:
    account_with(site, OTHERS)
    return client_of(site, account, confined=True)


def hashed(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}}


WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "its id": lambda text: {"documentId": sha256(text)},
    "its id with the algorithm": lambda text: {"documentId": f"sha256:{sha256(text)}"},
    "its hash as Apollo sends it": hashed,
    "its text": lambda text: {"query": text},
    "its text and its hash": lambda text: {"query": text, **hashed(text)},
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


@each_way
def test_a_registered_document_is_answered_by(
    client: TestClient, way: Callable[[str], dict[str, Any]]
) -> None:
    assert client.post("/graphql", json=way(MINE)).json()["data"] == ANSWER


@each_way
@pytest.mark.parametrize("text", [OTHERS, NOBODYS])
def test_a_document_of_another_account_is_refused_like_nobodys(
    client: TestClient, way: Callable[[str], dict[str, Any]], text: str
) -> None:
    answer = client.post("/graphql", json=way(text))
    by_text = "query" in way(text)
    assert answer.status_code == (403 if by_text else 200)
    assert codes(answer.json()) == ["FORBIDDEN" if by_text else "PERSISTED_QUERY_NOT_FOUND"]
    assert "data" not in answer.json()


def test_an_id_nobody_knows_is_a_bad_request_of_the_newer_protocol_and_paid_for(client: TestClient) -> None:
    body = {"documentId": sha256(NOBODYS)}
    answer = client.post("/graphql", json=body, headers={"accept": NEWER})
    assert (answer.status_code, answer.headers["content-type"]) == (400, NEWER)
    assert answer.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    before = int(answer.headers["x-ratelimit-remaining"])
    after = int(client.post("/graphql", json=body).headers["x-ratelimit-remaining"])
    assert 0 <= before - after <= REFUSED


@pytest.mark.parametrize("text", ["", "{", f"{MINE} ", "{ __schema { types { name } } }", "#" * 100_000])
def test_any_other_text_is_refused_unparsed(
    client: TestClient, site: Application, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    documents = site.site.operations._schema.documents  # type: ignore[attr-defined]  # noqa: SLF001
    monkeypatch.setattr(documents, "parsed", lambda _text: pytest.fail("it was parsed"))
    answer = client.post("/graphql", json={"query": text})
    assert (answer.status_code, codes(answer.json())) == (403, ["FORBIDDEN"])


@pytest.mark.parametrize(
    "body",
    [{"documentId": 5}, {"documentId": None}, {"extensions": {"persistedQuery": []}}, {"extensions": []}, {}],
    ids=str,
)
def test_an_id_of_another_shape_names_nothing(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/graphql", json=body)
    assert answer.status_code in {400, 403}
    assert "data" not in answer.json()


def test_variables_and_the_operations_name_go_with_an_id(site: Application) -> None:
    text = "query A { viewer { id } } query B($n: Int) { cases(first: $n) { totalCount } }"
    client = client_of(site, account_with(site, text), confined=True)
    body = {"documentId": sha256(text), "operationName": "B", "variables": {"n": 1}}
    assert client.post("/graphql", json=body).json()["data"].keys() == {"cases"}
    dear = client.post("/graphql", json={**body, "variables": {"n": 10**6}})
    assert "errors" in dear.json()


def test_a_file_goes_with_an_id(site: Application) -> None:
    text = 'mutation($file: Upload!) { addRecording(input: {caseId: "x", file: $file}) { __typename } }'
    client = client_of(site, account_with(site, text), confined=True)
    operations = orjson.dumps({"documentId": sha256(text), "variables": {"file": None}}).decode()
    parts = {"operations": operations, "map": '{"0": ["variables.file"]}'}
    answer = client.post("/graphql", data=parts, files={"0": ("ecg.png", b"x")}).json()
    assert answer["data"] == {"addRecording": {"__typename": "NotFound"}}


def test_a_free_token_may_send_ids_too(site: Application, account: int) -> None:
    client = client_of(site, account, confined=False)
    assert client.post("/graphql", json={"documentId": sha256(MINE)}).json()["data"] == ANSWER
    assert client.post("/graphql", json={"query": NOBODYS}).json()["data"]["viewer"]["id"]


def test_a_strangers_id_names_nothing(site: Application) -> None:
    stranger = TestClient(site, ADDRESS, headers={"sec-fetch-site": "same-origin"})
    answer = stranger.post("/graphql", json={"documentId": sha256(MINE)})
    assert codes(answer.json()) == ["PERSISTED_QUERY_NOT_FOUND"]


def test_a_removed_document_is_refused_from_then_on(site: Application) -> None:
    account_id = account_with(site)
    services, client = site.site.services, client_of(site, account_id, confined=True)
    with services.database.write() as session:
        kept = TrustedDocuments(session, services.clock, None).register(account_id, MINE, ["Mine"], 1)
    assert client.post("/graphql", json={"documentId": sha256(MINE)}).json()["data"] == ANSWER
    with services.database.write() as session:
        session.delete(kept)
    assert codes(client.post("/graphql", json={"documentId": sha256(MINE)}).json()) == [
        "PERSISTED_QUERY_NOT_FOUND"
    ]


@pytest.mark.parametrize("path", ["/account", "/cases", "/"])
def test_pages_do_not_know_a_confined_token(site: Application, client: TestClient, path: str) -> None:
    nobodys = TestClient(site, ADDRESS, headers={"authorization": "Bearer nobody"})
    theirs = nobodys.get(path, follow_redirects=False)
    ours = client.get(path, follow_redirects=False)
    assert (ours.status_code, ours.json()) == (theirs.status_code, theirs.json())
    assert ours.status_code == 401


@each_way
def test_a_socket_answers_registered_documents_and_refuses_others(
    client: TestClient, way: Callable[[str], dict[str, Any]]
) -> None:
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json({"id": "1", "type": "subscribe", "payload": way(MINE)})
        assert socket.receive_json()["payload"]["data"] == ANSWER
        assert socket.receive_json()["type"] == "complete"
        for number, text in enumerate((OTHERS, NOBODYS, "{"), start=2):
            socket.send_json({"id": str(number), "type": "subscribe", "payload": way(text)})
            [error] = socket.receive_json()["payload"]
            assert error["extensions"]["code"] in {"FORBIDDEN", "PERSISTED_QUERY_NOT_FOUND"}


def test_a_registered_subscription_is_followed_by_its_id(site: Application) -> None:
    text = "subscription { statisticsChanged { sequence } }"
    client = client_of(site, account_with(site, text), confined=True)
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        payload = {"extensions": {"persistedQuery": {"sha256Hash": sha256(text)}}}
        socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
        socket.send_json({"id": "2", "type": "subscribe", "payload": {"query": NOBODYS}})
        message = socket.receive_json()
        assert (message["id"], message["type"]) == ("2", "error")  # the first one is still listening


def test_the_command_confines_a_token_to_files(
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    site: Application,
) -> None:
    monkeypatch.setenv("CHEVET_DATA_DIR", str(settings.data_dir))
    good, bad = tmp_path / "mine.graphql", tmp_path / "bad.graphql"
    good.write_bytes(b"query Mine {\n  viewer { role }\n}\n")
    bad.write_text("{ nothing }", encoding="utf-8")
    create = ["token", "create", "--role", "teacher", "--name", "LMS"]
    assert main([*create, "--document", str(bad)]) == 1
    assert "text: Line 1: Cannot query field 'nothing'" in capsys.readouterr().err
    assert main([*create, "--document", str(tmp_path / "none.graphql")]) == 2
    capsys.readouterr()
    assert main([*create, "--document", str(good)]) == 0
    header = {"authorization": f"Bearer {capsys.readouterr().out.strip()}"}
    client = TestClient(site, ADDRESS, headers=header)
    assert client.post("/graphql", json={"query": good.read_text(encoding="utf-8")}).json()["data"] == ANSWER
    assert client.post("/graphql", json={"query": MINE}).status_code == 403
