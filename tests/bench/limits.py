"""What the API's limits cost: the GraphQL page of cases with them and without, in turn, in this process.

Run on the measured database with an API token: prints µs of processor time a request with the limits and
without them.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import orjson

from schema.documents import Documents
from schema.services.cache import Bucket
from server import graphql
from server.admission import Admission
from server.app import Application, close_services, create_app
from server.context import context_of
from server.memory import keep_small, made_for_good
from server.settings import load_settings
from server.stack import with_room

DOCUMENT = Path(__file__).with_name("cases.graphql").read_text(encoding="utf-8")
ROUNDS = 30
REQUESTS = 15
FREE = Bucket("nobody", 1, 1)


@contextmanager
def unlimited() -> Iterator[None]:
    """Serve without price, points, places and admission, and read JSON as it comes."""
    with ExitStack() as stack:
        for owner, name, replacement in (
            (graphql, "paying_context", context_of),
            (graphql, "payers_of", lambda _connection: [FREE]),
            (graphql.View, "decode_json", lambda _self, data: orjson.loads(data)),
            (Documents, "price", lambda *_: 0),
            (Admission, "__call__", lambda self, *request: self._app(*request)),
        ):
            stack.enter_context(patch.object(owner, name, replacement))
        yield


async def ask(app: Application, body: bytes, token: str) -> bytes:
    """Return the body of the answer to one request."""
    headers = {
        "host": "bench.example",
        "content-type": "application/json",
        "authorization": f"Bearer {token}",
    }
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "scheme": "https",
        "server": ("bench.example", 443),
        "client": ("127.0.0.1", 50000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "app": app,
    }
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"status {message['status']}")
        sent.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(sent)


async def batch(app: Application, body: bytes, token: str) -> float:
    """Return µs of processor time a request."""
    started = time.process_time()
    for _ in range(REQUESTS):
        await ask(app, body, token)
    return (time.process_time() - started) / REQUESTS * 1e6


async def measured(app: Application, token: str) -> tuple[float, float]:
    """Return µs of processor time a request, with the limits and without."""
    body = orjson.dumps({"query": DOCUMENT, "variables": {}})
    taken: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        taken[True].append(await batch(app, body, token))
        with unlimited():
            taken[False].append(await batch(app, body, token))
    return median(taken[True][2:]), median(taken[False][2:])


def main() -> None:
    """Measure and print."""
    keep_small()
    with made_for_good():
        app = create_app(load_settings(None))
    try:
        print(*with_room(lambda: asyncio.run(measured(app, sys.argv[1]))))
    finally:
        close_services(app.site.services)


if __name__ == "__main__":
    main()
