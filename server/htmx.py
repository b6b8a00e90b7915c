"""What htmx 4 asks and understands, by the names in its source (4.0.1)."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

ADDRESS = ":/%#?=@[]!$&'()*+,;"
"""What stays as it is in an address; the same as in Starlette's own redirects."""
VARY = "HX-Request, HX-Request-Type, Cookie, Accept-Language"


def asks(request: Request) -> bool:
    """Return whether htmx made the request."""
    return request.headers.get("hx-request") == "true"


def wants_fragment(request: Request) -> bool:
    """Return whether htmx will swap the answer into a part of the page.

    It says `full` when its target is the whole body or it selects from a whole page itself, and asks for a
    whole page when it restores one from history.
    """
    if request.headers.get("hx-history-restore-request") == "true":
        return False
    return asks(request) and request.headers.get("hx-request-type") != "full"


def redirect(request: Request, address: str) -> Response:
    """Send the browser to another page.

    htmx follows a 303 by itself and would swap the next page into the fragment's place: it is told by a
    header.
    """
    if asks(request):
        return Response(status_code=204, headers={"HX-Redirect": quote(address, safe=ADDRESS)})
    return RedirectResponse(address, status_code=303)
