"""The library's figures, live beside every step of the builder."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.pages.live import live


async def figures(request: Request) -> Response:
    """Stream the figures whenever they change."""
    return await live(request, "statistics/live", "statistics/_live.html")


routes = [Route("/statistics/live", figures, name="statistics_live")]
