"""Large bodies: read only from those who may add files to cases."""

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
    largest, ordinary
        Bytes of a multipart body from somebody who may add files to cases, and of any other body.
    """

    def __init__(self, app: ASGIApp, largest: int, ordinary: int) -> None:
        self._files = RequestBodyLimitMiddleware(app, largest)
        self._others = RequestBodyLimitMiddleware(app, ordinary)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope)
        actor = visitor_of(request).actor
        multipart = request.headers.get("content-type", "").startswith("multipart/form-data")
        trusted = multipart and actor is not None and actor.may(Access.CASES_WRITE)
        await (self._files if trusted else self._others)(scope, receive, send)


class SignedIn:
    """Sends strangers to the sign-in page before their body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if visitor_of(Request(scope)).actor is None:
            raise SignInRequired
        await self._app(scope, receive, send)
