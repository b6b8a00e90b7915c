"""Traces name routes and operations, and nothing that anybody sent."""

import json
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from starlette.testclient import TestClient

from schema.policy import Role
from server import traces
from server.app import Application
from server.settings import SettingsError, load_settings
from tests.server.conftest import ADDRESS, Join, browser

NAME = "Jeanne Dupont"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept(SpanExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Return what is traced; `traces.stop` sends it there."""
    exporter = Kept()
    traces.start_with(exporter)
    yield exporter
    traces.stop()


def test_a_request_and_its_operations_are_spans_without_anything_that_was_sent(
    app: Application, join: Join, kept: Kept
) -> None:
    teacher = join(Role.TEACHER).browser
    headers = {"traceparent": PARENT, "x-patient": NAME}
    teacher.get("/cases", params={"search": NAME}, headers=headers)
    asked = {
        "query": "query Find($search: String) { cases(filter: {search: $search}) { totalCount } }",
        "operationName": "Find",
        "variables": {"search": NAME},
    }
    assert "errors" not in teacher.post("/graphql", json=asked).json()
    teacher.post("/graphql", json={"query": f'{{ case(id: "{NAME}") {{ id }} }}'})
    browser(app).get(f"/nowhere/{NAME}")
    traces.stop()
    names = [span.name for span in kept.spans]
    assert "GET /cases" in names
    assert names.count("POST /graphql") == 2
    assert {"GraphQL CasesList", "GraphQL Find", "GraphQL anonymous"} <= set(names)
    assert "GET" in names  # of no route
    written = "".join(span.to_json() for span in kept.spans)
    for planted in ("Jeanne", "Dupont", "example.org", "10.0.0.1", teacher.cookies["chevet_session"]):
        assert planted not in written
    [of_page] = [span for span in kept.spans if span.name == "GET /cases"]
    assert json.loads(of_page.to_json())["context"]["trace_id"] == "0x0af7651916cd43dd8448eb211c80319c"
    assert dict(of_page.attributes or {}) == {
        "http.route": "/cases",
        "http.request.method": "GET",
        "http.response.status_code": 200,
    }


def test_what_a_fault_says_is_in_no_span(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, own_app: Application
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise RuntimeError(NAME)

    monkeypatch.setattr("server.auth._page", fail)
    client = TestClient(own_app, ADDRESS, raise_server_exceptions=False)
    assert client.get("/sign-in").status_code == 500
    traces.stop()
    assert NAME not in "".join(span.to_json() for span in kept.spans)
    assert [span.status.is_ok for span in kept.spans if span.name == "GET /sign-in"] == [False]


def test_traces_go_where_the_setting_says(tmp_path: Path) -> None:
    arrived: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Be quiet."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    traces.start(load_settings(None, data_dir=tmp_path, traces_url=url))
    with traces.operation("Asked"):
        pass
    traces.stop()
    server.shutdown()
    server.server_close()
    [(path, body)] = arrived
    assert path == "/v1/traces"
    assert b"GraphQL Asked" in body


def test_without_the_extra_the_setting_is_refused_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.settings.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match="CHEVET_TRACES_URL: needs the extra otel"):
        load_settings(None, data_dir=tmp_path, traces_url="http://collector:4318/v1/traces")
