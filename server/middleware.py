"""What every request passes: one door against forgery, security headers, a request id, a line in the log."""

import logging
import re
import time
from collections.abc import MutableMapping
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import traces
from server.context import bearer_token, identify
from server.errors import NO_TOKEN, change_password_first, refusal
from server.faults import log_fault
from server.graphql import PATH
from server.i18n import speaking
from server.site import site_of
from server.whereabouts import shown_path

if TYPE_CHECKING:
    from server.metrics import Metrics

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
UNPERSONAL = ("/static/", "/health", "/ready", "/blobs/", "/metrics")
"""Paths answered alike for everyone: nobody is looked up for them."""
TEMPORARILY_OPEN = {"/account", "/account/password", "/preferences", "/sign-in", "/sign-out", PATH}
"""Paths open before a temporary password is changed; at the API the schema's guard refuses the rest."""
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

access_log = logging.getLogger("chevet.access")


class Envelope:
    """Gives each answer its request id and security headers, and writes one line about it.

    The line holds no query string, no body and no address, and of the path only what is ours: codes, signed
    links and whatever somebody typed never reach the log. It
    stands outside of Starlette's own error handling, so that a crash's answer carries the headers too;
    the crash, once answered, goes no further than our log.
    """

    def __init__(self, app: ASGIApp, *, strict_transport: bool, metrics: "Metrics | None" = None) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = dict(SECURITY_HEADERS)
        if strict_transport:
            self._headers["Strict-Transport-Security"] = STRICT_TRANSPORT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        seen: MutableMapping[str, Any] = {"status": 0}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        started = time.perf_counter()
        try:
            with traces.request(scope, seen):
                await self._app(scope, receive, send_with_headers)
        except Exception as error:
            log_fault(error, request_id, shown_path(scope))
            if not seen["status"]:
                raise
        finally:
            await _close(scope)
            seconds = time.perf_counter() - started
            _log(scope, request_id, seen["status"], seconds)
            if self._metrics is not None:
                self._metrics.count(scope, seen["status"], seconds)


class ForgeryDoor:
    """Refuses unsafe requests another site could have made, before their body is read.

    A browser says where a request comes from by Sec-Fetch-Site, or by Origin; a request with an API token
    carries nothing a browser adds by itself. One that says nothing at all is refused.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request or raise the refusal."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            connection = HTTPConnection(scope)
            if not _comes_from_us(connection):
                detail = NO_TOKEN if scope["path"] == PATH else "forged"
                await refusal(Request(scope), HTTPException(403, detail))(scope, receive, send)
                return
        await self._app(scope, receive, send)


class VisitorLookup:
    """Finds out who makes a request, and speaks their language while it is answered.

    The one door of pages for who signed in with a temporary password: it leads them to where they change it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one connection."""
        if scope["type"] == "lifespan" or scope["path"].startswith(UNPERSONAL):
            await self._app(scope, receive, send)
            return
        visitor = await identify(HTTPConnection(scope))
        if visitor.actor is not None and visitor.actor.confined and scope["path"] != PATH:
            visitor = replace(visitor, actor=None)  # pages ask what nobody has registered
        scope.setdefault("state", {})["visitor"] = visitor
        with speaking(visitor.language):
            app = self._app
            if visitor.must_change_password and not _temporarily_open(scope):
                app = change_password_first(Request(scope))
            await app(scope, receive, send)


def _temporarily_open(scope: Scope) -> bool:
    return scope["type"] != "http" or scope["path"] in TEMPORARILY_OPEN


def _comes_from_us(connection: HTTPConnection) -> bool:
    if bearer_token(connection) is not None:
        return True
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = connection.headers.get("origin")
    ours = {f"{connection.url.scheme}://{connection.url.netloc}", site_of(connection).settings.public_url}
    return origin in ours


async def _close(scope: Scope) -> None:
    """Close what the request opened, such as uploaded files."""
    for close in scope["state"].get("closing", ()):
        await close()


def _request_id(scope: Scope) -> str:
    """Return the id a proxy gave the request, or a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else token_hex(8)


def _log(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    line = {
        "request": request_id,
        "method": scope.get("method", "WEBSOCKET"),
        "path": shown_path(scope),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "queued_ms": round(scope["state"].get("queued", 0) * 1000, 1),
    }
    access_log.info(orjson.dumps(line).decode())
