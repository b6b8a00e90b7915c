"""The library of cases: find, open, put away."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import found, mutate, query, redirect, render

FILTERS = ("search", "category", "difficulty", "status")


async def index(request: Request) -> Response:
    """List the cases the filters ask for."""
    asked = {name: request.query_params.get(name, "") for name in FILTERS}
    mine = request.query_params.get("mine") == "true"
    wanted = {name: value for name, value in asked.items() if value} | ({"mine": True} if mine else {})
    order = {"field": "UPDATED_AT", "direction": "DESC"}
    data = await query(request, "cases/list", filter=wanted, orderBy=order, **page_of(request))
    pages = links(request, data["cases"]["pageInfo"])
    return await render(request, "cases/list.html", {**data, "asked": asked, "mine": mine, "pages": pages})


async def show(request: Request) -> Response:
    """Show one case whole, printable."""
    data = await query(request, "cases/show", id=request.path_params["id"])
    found(data["case"])
    return await render(request, "cases/show.html", data)


async def archive(request: Request) -> Response:
    """Put a case away."""
    return await _change(request, "cases/archive", _("The case is archived."))


async def restore(request: Request) -> Response:
    """Take an archived case out again, as a draft."""
    return await _change(request, "cases/restore", _("The case is a draft again."))


async def delete(request: Request) -> Response:
    """Delete a draft that no session uses."""
    return await _change(request, "cases/delete", _("The draft is deleted."), onward="/cases")


async def _change(request: Request, operation: str, said: str, onward: str = "") -> Response:
    """Change a case and say so `onward`, or on the case's own page where it stays."""
    here = f"/cases/{request.path_params['id']}"
    done = await mutate(request, operation, input={"id": request.path_params["id"]})
    if not done.ok:
        return redirect(request, here, said=done.message, kind="care")
    return redirect(request, onward or here, said=said)


routes = [
    Route("/cases", index, name="cases"),
    Route("/cases/{id}", show, name="case"),
    Route("/cases/{id}/archive", archive, methods=["POST"]),
    Route("/cases/{id}/restore", restore, methods=["POST"]),
    Route("/cases/{id}/delete", delete, methods=["POST"]),
]
