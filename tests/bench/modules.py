"""`python -m tests.bench.modules PATH COOKIE`: serve one page in a fresh process, list what it imported."""

import asyncio
import sys
from collections.abc import MutableMapping
from typing import Any

import server.commands.serve  # noqa: F401 - the web process is a fork of the one that runs it
from server.app import create_app
from server.settings import load_settings

HEAVY = frozenset(
    {
        *("alembic", "mlflow", "numpy", "onnxruntime", "openai", "pandas", "pydicom", "scipy"),
        *("tensorflow", "wfdb", "xgboost"),
    }
)


async def serve_one(path: str, cookie: str) -> int:
    """Answer one GET of a page and return its status."""
    app = create_app(load_settings(None))
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", cookie.encode())],
    }
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    return statuses[0]


if __name__ == "__main__":
    status = asyncio.run(serve_one(*sys.argv[1:]))
    print(status, *sorted({name.partition(".")[0] for name in sys.modules} & HEAVY))
