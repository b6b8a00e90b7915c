"""The API's reference and what has changed in it, for whoever has an account."""

from datetime import datetime, time
from itertools import groupby

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.context import visitor_of
from server.errors import SignInRequired
from server.pages.support import render
from server.reference import MOST_FOUND, Reference, changes
from server.site import site_of

NOON = time(12)


async def index(request: Request) -> Response:
    """List the schema's types, or what a search finds in them."""
    reference, asked = _reference(request), request.query_params.get("search", "")
    families = {
        family: [kind for kind in reference.kinds.values() if kind.family == family]
        for family in ("root", "object", "interface", "union", "input", "enum", "scalar")
    }
    found = reference.search(asked) if asked.strip() else None
    given = {
        "families": families,
        "asked": asked,
        "found": found,
        "most": MOST_FOUND,
        "address": reference.address,
    }
    return await render(request, "api/index.html", given)


async def show(request: Request) -> Response:
    """Show one type."""
    reference, name = _reference(request), request.path_params["name"]
    if name not in reference.kinds:
        raise HTTPException(404)
    given = {
        "kind": reference.kinds[name],
        "uses": reference.uses.get(name, ()),
        "address": reference.address,
    }
    return await render(request, "api/type.html", given)


async def changed(request: Request) -> Response:
    """Tell what has changed, by date."""
    reference = _reference(request)
    _digest, every = changes()
    days = [
        (datetime.combine(day, NOON, site_of(request).settings.time_zone), list(those))
        for day, those in groupby(every, key=lambda change: change.date)
    ]
    return await render(request, "api/changes.html", {"days": days, "address": reference.address})


def _reference(request: Request) -> Reference:
    """Return the reference, which strangers are not shown."""
    if visitor_of(request).actor is None:
        raise SignInRequired
    return site_of(request).reference


routes = [
    Route("/api", index, name="api"),
    Route("/api/types/{name}", show, name="api_type"),
    Route("/api/changes", changed, name="api_changes"),
]
