"""Large bodies: read only from those who may send files."""

from collections.abc import Mapping

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from schema.policy import Scope as Access
from server.context import visitor_of
from server.errors import SignInRequired


class FileDoor:
    """Limits a body by who sends it, before any of it is read: a stranger's would fill memory or disk.

    Parameters
    ----------
    largest
        Bytes of a multipart body by what its sender may do; who may do several has the most of them.
    ordinary
        Bytes of any other body.
    """

    def __init__(self, app: ASGIApp, largest: Mapping[Access, int], ordinary: int) -> None:
        most_first = sorted(largest.items(), key=lambda each: each[1], reverse=True)
        self._files = [(access, RequestBodyLimitMiddleware(app, limit)) for access, limit in most_first]
        self._others = RequestBodyLimitMiddleware(app, ordinary)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope)
        actor = visitor_of(request).actor
        multipart = request.headers.get("content-type", "").startswith("multipart/form-data")
        trusted = actor if multipart else None
        allowed = (app for access, app in self._files if trusted is not None and trusted.may(access))
        await next(allowed, self._others)(scope, receive, send)


class SignedIn:
    """Sends strangers to the sign-in page before their body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if visitor_of(Request(scope)).actor is None:
            raise SignInRequired
        await self._app(scope, receive, send)


def files_of(access: Access, largest: int, ordinary: int) -> list[Middleware]:
    """Return what stands before a form that takes files of whoever has a scope, of so many bytes at most."""
    return [Middleware(SignedIn), Middleware(FileDoor, largest={access: largest}, ordinary=ordinary)]
