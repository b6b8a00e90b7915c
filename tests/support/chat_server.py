"""A real HTTP server that speaks the chat-completions protocol, in its good and bad moods."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Reply = tuple[int, Mapping[str, str], bytes]


class ChatServer(ThreadingHTTPServer):
    """Answers every completion as the test says; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply: Callable[[dict[str, Any]], Reply] = lambda _asked: (500, {}, b"{}")
        self.asked: list[dict[str, Any]] = []
        self.released = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client that lost patience is gone before its answer."""

    def question(self, number: int = -1) -> Any:
        """Return what the user's message of a request held."""
        return json.loads(self.asked[number]["messages"][1]["content"])

    def says(self, content: object, usage: object = (1000, 100), **choice: object) -> None:
        """Give one answer to everybody."""
        self.thinks(lambda _question: content, usage, **choice)

    def thinks(self, mood: Callable[[Any], object], usage: object = (1000, 100), **choice: object) -> None:
        """Answer each question by what a function makes of it."""
        self.reply = lambda asked: (
            200,
            {},
            completion(mood(json.loads(asked["messages"][1]["content"])), usage, **choice),
        )

    def refuses(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a failure."""
        self.reply = lambda _asked: (status, headers or {}, b'{"error": {"message": "no"}}')

    def hangs(self) -> None:
        """Answer nothing until the test is over."""

        def wait(_asked: object) -> Reply:
            self.released.wait(30)
            return 200, {}, b"{}"

        self.reply = wait


def completion(content: object, usage: object = (1000, 100), **choice: object) -> bytes:
    """Return a completion's body; a text is given as it is, anything else as JSON."""
    message = {
        "role": "assistant",
        "content": content if isinstance(content, str) else json.dumps(content),
        "refusal": choice.pop("refusal", None),
    }
    if isinstance(usage, tuple):
        usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    answer = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": usage,
    }
    return json.dumps(answer).encode()


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        asked = {"path": self.path, **json.loads(self.rfile.read(length))}
        self.server.asked.append(asked)
        status, headers, body = self.server.reply(asked)
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def chatting() -> Iterator[ChatServer]:
    """Serve an endpoint for the length of the block."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    """Return an endpoint of the test's own."""
    with chatting() as server:
        yield server
