"""The first page: where each role goes on."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import SignInRequired
from server.pages.support import query, render


async def home(request: Request) -> Response:
    """Show what the viewer can do; strangers sign in first."""
    data = await query(request, "home/home")
    if data["viewer"] is None:
        raise SignInRequired
    figures = await query(request, "home/figures") if data["viewer"]["role"] == "ANALYST" else {}
    return await render(request, "home/home.html", {"viewer": data["viewer"], **figures})


routes = [Route("/", home, name="home")]
