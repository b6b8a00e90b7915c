"""Clinical models: which versions there are, which one answers, and for administrators the choice."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import query, redirect, render, submit


async def index(request: Request) -> Response:
    """Show what answers under each alias, and every version."""
    data = await query(request, "models/list", **page_of(request))
    pages = links(request, data["modelVersions"]["pageInfo"])
    return await render(request, "models/list.html", {**data, "pages": pages})


async def promote(request: Request) -> Response:
    """Put a version to use."""
    return await _decided(request, "models/promote", _("The version answers from now on."))


async def roll_back(request: Request) -> Response:
    """Let the version before answer again."""
    return await _decided(request, "models/rollback", _("The version before answers again."))


async def sync(request: Request) -> Response:
    """Have the store looked at."""
    return await _decided(request, "models/sync", _("The store is being looked at. Reload in a moment."))


async def retrain(request: Request) -> Response:
    """Have a model trained anew."""
    said = _("The training has begun. Reload to see how far it has come.")
    return await _decided(request, "models/retrain", said)


async def _decided(request: Request, operation: str, said: str) -> Response:
    done = await submit(request, operation)
    if done.ok:
        return redirect(request, "/models", said=said)
    problems = " ".join(message for _path, message in done.form.summary())
    return redirect(request, "/models", said=done.message or problems, kind="care")


routes = [
    Route("/models", index, name="models"),
    Route("/models/promote", promote, methods=["POST"]),
    Route("/models/rollback", roll_back, methods=["POST"]),
    Route("/models/sync", sync, methods=["POST"]),
    Route("/models/retrain", retrain, methods=["POST"]),
]
