"""A receiver of webhooks in every mood a real one may be in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What a receiver answers next, and what it was sent.

    Parameters
    ----------
    mood
        A status to answer, or `hang` (says nothing), `drip` (a letter of its headers now and then), `huge` (a
        body without end), `broken` (hangs up).
    """

    port: int = 0
    mood: int | str = 200
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Return its address, by a name of this machine."""
        return f"http://localhost:{self.port}/hook?for=chevet"


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        mood = self.receiver.mood
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.receiver.received.append(Received(self.path, dict(self.headers.items()), body))
        if mood == "hang":
            self.receiver.over.wait(30)
        elif mood == "drip":
            self._drip()
        elif mood == "huge":
            self._answer(200, {"Content-Length": str(10**12)})
            self._flood()
        elif isinstance(mood, int):
            self._answer(mood, {"Content-Length": "0", **self.receiver.headers})
        self.close_connection = True

    def do_GET(self) -> None:
        self.receiver.received.append(Received(self.path, dict(self.headers.items()), b"GET"))
        self._answer(200, {"Content-Length": "0"})

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name
        """Stay quiet."""

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.receiver.over.wait(0.02):
            try:
                self.wfile.write(b"z")
            except OSError:
                return

    def _flood(self) -> None:
        while not self.receiver.over.is_set():
            try:
                self.wfile.write(b"z" * 65536)
            except OSError:
                return


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a port of its own."""
    receiver = Receiver()
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
