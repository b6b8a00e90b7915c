"""Refusals and faults as pages, or as JSON where a program asked."""

from dataclasses import dataclass
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import htmx
from server.addresses import here
from server.context import bearer_token, visitor_of
from server.i18n import gettext as _
from server.i18n import speaking
from server.site import site_of

WHOLE_PAGE = "_layout/base.html"
API_PATHS = ("/graphql", "/health", "/ready")
NO_TOKEN, BAD_TOKEN = "no token", "bad token"
"""Details of what is refused to programs."""
TEMPORARY = "temporary password"
"""The detail of what is refused to scripts of whoever must change their password first."""
CODES = {NO_TOKEN: "FORBIDDEN", BAD_TOKEN: "UNAUTHENTICATED", TEMPORARY: "FORBIDDEN"}
"""What the API calls them."""
OVERLOADED = "overloaded"
"""The detail of a 503 by which the server protects itself; the page it is worded on stands alone."""


class SignInRequired(Exception):  # noqa: N818 - it is an invitation, not an error
    """The page is for people who are signed in."""


@dataclass(frozen=True)
class Explanation:
    """What happened, and what to do."""

    title: str
    advice: str


def explain(status: int, detail: str = "") -> Explanation:
    """Return what an error's page says, in the current language."""
    if detail == NO_TOKEN:
        return Explanation(
            _("This request has no token"),
            _("A program sends the header Authorization with Bearer and a token. Nothing was changed."),
        )
    if detail == BAD_TOKEN:
        return Explanation(
            _("This token is not good here"),
            _("It is unknown, has expired, was revoked, or is confined to registered documents."),
        )
    if detail == TEMPORARY:
        return Explanation(
            _("Your password is temporary"), _("Change it on “My account”, then reload this page.")
        )
    if status == 403 and detail == "forged":
        return Explanation(
            _("This request was refused"),
            _(
                "It did not come from a page of this site, or the page was too old. Nothing was changed."
                " Reload the page and try again."
            ),
        )
    if detail == OVERLOADED:
        return Explanation(
            _("Many people are here at once"),
            _("The server answers as many as it can. What was saved is kept; try again in a few seconds."),
        )
    return {
        400: Explanation(_("This request cannot be read"), _("Go back, reload the page and try again.")),
        401: Explanation(_("You are not signed in any more"), _("Sign in again, then try once more.")),
        403: Explanation(
            _("This is not open to you"), _("Ask a teacher or an administrator if you need it.")
        ),
        404: Explanation(
            _("There is nothing here"), _("It does not exist any more, or is not yours. Check the address.")
        ),
        405: Explanation(_("This cannot be done here"), _("Go back to the page before and use its buttons.")),
        409: Explanation(
            _("This has changed meanwhile"), _("Reload the page to see how it stands, then try again.")
        ),
        410: Explanation(_("This link has expired"), _("Go back to the page it was on and reload it.")),
        413: Explanation(
            _("This is too large"), _("Nothing was kept. Send a smaller file: 200 MB at most for each.")
        ),
        429: Explanation(_("Too many tries"), _("Wait a few minutes, then try again.")),
    }.get(
        status,
        Explanation(
            _("Something went wrong on our side"),
            _("What you had saved is kept. Try again; if it happens again, quote the number below."),
        ),
    )


def refusal(request: Request, error: HTTPException) -> Response:
    """Return the answer to a request that is refused or has failed."""
    with speaking(visitor_of(request).language):
        said = explain(error.status_code, error.detail)
    request_id = request.scope.get("state", {}).get("request_id", "")
    if wants_json(request):
        code = CODES.get(error.detail, f"HTTP_{error.status_code}")
        fault = {"message": said.title, "extensions": {"code": code}}
        body = orjson.dumps({"message": f"{said.title}. {said.advice}", "errors": [fault]})
        response = Response(body, error.status_code, media_type="application/json")
    elif error.detail == OVERLOADED:
        response = _busy_page(request, said)
    else:
        data = {"said": said, "status": error.status_code, "request_id": request_id, "layout": WHOLE_PAGE}
        response = site_of(request).renderer.response(request, "errors/error.html", data, error.status_code)
        if htmx.asks(request):
            response.headers["HX-Retarget"] = "body"
    response.headers.update(error.headers or {})
    return response


def _busy_page(request: Request, said: Explanation) -> Response:
    """Return a page that asks the same again; htmx swaps no 503 in, its script says what happened."""
    layout = "_layout/fragment.html" if htmx.asks(request) else WHOLE_PAGE
    again = f"{request.url.path}{here(request)}" if request.method == "GET" else ""
    data = {"said": said, "again": again, "layout": layout}
    return site_of(request).renderer.response(request, "errors/overloaded.html", data, 503)


def wants_json(request: Request) -> bool:
    """Return whether a program asks: another system with its token, or the script that saves answers."""
    accepted = request.headers.get("accept", "")
    by_path = request.url.path.startswith(API_PATHS)
    return by_path or bearer_token(request) is not None or accepted.startswith("application/json")


async def on_refusal(request: Request, error: Exception) -> Response:
    """Handle Starlette's HTTPException."""
    if not isinstance(error, HTTPException):
        raise error
    return refusal(request, error)


async def on_fault(request: Request, _error: Exception) -> Response:
    """Handle anything unforeseen; the envelope logs it."""
    return refusal(request, HTTPException(500))


async def on_sign_in_required(request: Request, _error: Exception) -> Response:
    """Send people to the sign-in page, and back to where they were; tell programs that it is their token."""
    if bearer_token(request) is not None:
        return refusal(request, HTTPException(401, BAD_TOKEN, {"WWW-Authenticate": "Bearer"}))
    if wants_json(request):
        return refusal(request, HTTPException(401))
    back = f"{request.url.path}{here(request)}" if request.method == "GET" else "/"
    return htmx.redirect(request, f"/sign-in?next={quote(back)}")


def change_password_first(request: Request) -> Response:
    """Lead whoever signed in with a temporary password to where they change it, and tell scripts why."""
    if wants_json(request):
        return refusal(request, HTTPException(403, TEMPORARY))
    return htmx.redirect(request, "/account")


class TooLargePage:
    """Puts our page in the place of Starlette's plain words when a body is larger than its route allows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        replaced = False

        async def replace(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                replaced = message["status"] == 413
            if not replaced:
                await send(message)

        await self._app(scope, receive, replace)
        if replaced:
            await refusal(Request(scope), HTTPException(413))(scope, receive, send)
