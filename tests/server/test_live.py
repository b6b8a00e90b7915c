"""Live pages: one event one partial, resumed where the browser was, ended when nobody listens."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from schema.policy import Role
from server.app import STATIC, Application
from server.context import look_again
from server.operations import Operations
from server.pages import live as live_module
from server.pages.live import REFUSED, encode, live
from server.places import Places
from server.rendering import Renderer
from server.site import site_of
from server.stopping import Stopping
from tests.server.conftest import Join

ended: list[str] = []


@strawberry.type
class Tick:
    sequence: int
    word: str


@strawberry.type
class Query:
    nothing: int = 0


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, after: int = 0, to: int = 3) -> AsyncIterator[Tick]:
        try:
            for number in range(after + 1, to + 1):
                yield Tick(sequence=number, word=f"<{number}>")
            if to < 0:
                await asyncio.Event().wait()
        finally:
            ended.append(f"after {after}")

    @strawberry.subscription
    async def refused(self, after: int = 0) -> AsyncIterator[Tick]:
        if after == 0:
            raise PermissionError("secret")
        yield Tick(sequence=1, word="never")


FILES = {
    "ticks.graphql": """
        subscription Ticks($after: Int, $to: Int) { ticks(after: $after, to: $to) { sequence word } }
    """,
    "refused.graphql": "subscription Refused($after: Int) { refused(after: $after) { sequence word } }",
    "_tick.html": "<p>\n{{ event.word }}\n</p>",
    "_more.html": "{{ event.word }} {{ extra }}",
}


async def ticks(request: Request) -> Response:
    return await live(request, "ticks", "_tick.html")


async def endless(request: Request) -> Response:
    return await live(request, "ticks", "_tick.html", to=-1)


async def enriched(request: Request) -> Response:
    async def prepare(event: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"extra": event["sequence"] * 10}

    return await live(request, "ticks", "_more.html", prepare=prepare, to=2)


async def refused(request: Request) -> Response:
    return await live(request, "refused", "_tick.html")


async def left(request: Request) -> Response:
    await look_again(request)

    async def prepare(_event: Mapping[str, Any]) -> Mapping[str, Any]:
        site_of(request).authentication.sign_out(request.cookies["chevet_session"])
        return {"extra": "signed out"}

    return await live(request, "ticks", "_more.html", prepare=prepare)


@pytest.fixture
def site(app: Application, tmp_path: Path) -> Starlette:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    schema = strawberry.Schema(Query, subscription=Subscription)
    routes = [Route(f"/{page.__name__}", page) for page in (ticks, endless, enriched, refused, left)]
    small = Starlette(routes=routes)
    whole = app.site
    renderer = Renderer(whole.settings, whole.signer, tmp_path, STATIC, small.url_path_for)
    small.state.site = replace(
        whole, stopping=Stopping(), operations=Operations(schema, tmp_path), renderer=renderer
    )
    return small


@pytest.fixture
def client(site: Starlette) -> TestClient:
    return TestClient(site)


def test_each_event_is_a_partial_with_its_sequence_as_id(client: TestClient) -> None:
    answer = client.get("/ticks")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    first, second, third, rest = answer.text.split("\n\n")
    assert first == "id: 1\ndata: <p>\ndata: &lt;1&gt;\ndata: </p>"
    assert second.startswith("id: 2\n")
    assert third.startswith("id: 3\n")
    assert rest == ""


def test_a_reconnect_resumes_after_the_last_event_seen(client: TestClient) -> None:
    answer = client.get("/ticks", headers={"last-event-id": "2"})
    assert [line for line in answer.text.splitlines() if line.startswith("id")] == ["id: 3"]


def test_a_page_says_after_which_event_it_was_rendered(client: TestClient) -> None:
    assert "id: 2" not in client.get("/ticks?after=2").text
    assert "id: 3" in client.get("/ticks?after=2").text
    assert "id: 3" not in client.get("/ticks?after=1", headers={"last-event-id": "3"}).text


def test_a_last_event_id_that_is_none_of_ours_is_ignored(client: TestClient) -> None:
    assert "id: 1" in client.get("/ticks", headers={"last-event-id": "x; drop"}).text


def test_a_partial_may_be_given_more_than_the_event(client: TestClient) -> None:
    assert client.get("/enriched").text == "id: 1\ndata: &lt;1&gt; 10\n\nid: 2\ndata: &lt;2&gt; 20\n\n"


def test_a_stream_ends_when_its_listener_has_signed_out(client: TestClient, join: Join) -> None:
    session = join(Role.TEACHER).browser.cookies["chevet_session"]
    answer = client.get("/left", headers={"cookie": f"chevet_session={session}"})
    assert answer.text == "id: 1\ndata: &lt;1&gt; signed out\n\n"


@pytest.mark.parametrize("after", ["9" * 5000, "٣"])
def test_a_sequence_no_event_can_have_is_ignored(client: TestClient, after: str) -> None:
    assert "id: 1" in client.get(f"/ticks?after={after}").text


def test_who_may_not_listen_is_told_to_ask_rarely(client: TestClient) -> None:
    answer = client.get("/refused")
    assert answer.text == REFUSED
    assert "secret" not in answer.text


def test_a_quiet_stream_sends_heartbeats_and_ends_in_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(live_module, "LIFETIME_S", 0.1)
    ended.clear()
    text = client.get("/endless?after=7").text
    assert set(text.split("\n\n")) == {":", ""}
    assert text.count(":") >= 2
    assert ended == ["after 7"]


def test_a_stream_ends_when_the_process_is_told_to_stop(site: Starlette) -> None:
    ended.clear()
    threading.Timer(0.2, site.state.site.stopping.ask).start()
    assert TestClient(site).get("/endless?after=8").text == ":\n\n"
    assert ended == ["after 8"]


def test_the_subscription_ends_when_the_browser_leaves(
    site: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "HEARTBEAT_S", 0.01)
    ended.clear()
    started = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not started.is_set():
            await started.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message.get("body"):
            started.set()

    async def visit() -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/endless",
            "query_string": b"after=9",
            "headers": [],
            "asgi": {"spec_version": "2.3"},
        }
        await asyncio.wait_for(site(scope, receive, send), 10)

    asyncio.run(visit())
    assert ended == ["after 9"]


@pytest.mark.parametrize("text", ["", "one line", "two\nlines", "with\r\nreturns", "a\n\nb"])
def test_no_text_can_end_an_event_early(text: str) -> None:
    event = encode(text, 5)
    assert event.endswith("\n\n")
    assert event.count("\n\n") == 1
    assert "\r" not in event


def test_one_listener_has_only_so_many_streams_and_is_told_to_come_back(
    site: Starlette, client: TestClient
) -> None:
    site.state.site = replace(site.state.site, streams=Places(1))
    with site.state.site.streams.one("testclient"):
        assert client.get("/ticks").text == REFUSED
    assert "id: 1" in client.get("/ticks").text
    assert "id: 1" in client.get("/ticks").text
