"""The viewer's webhooks: where messages go, what became of them, and once their secret."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, mutate, query, redirect, render, submit

STATES = frozenset({"WAITING", "DELIVERED", "DEAD"})


async def index(request: Request) -> Response:
    """List the viewer's webhooks."""
    return await _index(request, Submission("Webhook"))


async def create(request: Request) -> Response:
    """Make a webhook; its secret is shown this once."""
    done = await submit(request, "webhooks/create")
    if not done.ok:
        return await _index(request, done)
    return await _show(request, done.value["webhook"]["id"], Submission("Webhook"), done.value["secret"])


async def show(request: Request) -> Response:
    """Show a webhook with its messages."""
    return await _show(request, request.path_params["id"], Submission("Webhook"))


async def update(request: Request) -> Response:
    """Change where it goes and of what it tells."""
    events = (await form_of(request)).getlist("events")
    done = await submit(request, "webhooks/update", id=request.path_params["id"], events=events)
    return await _after(request, done, _("Saved."))


async def set_state(request: Request) -> Response:
    """Pause it, or make it active."""
    done = await submit(request, "webhooks/update", id=request.path_params["id"])
    active = done.value.get("state") == "ACTIVE"
    said = _("The webhook is active.") if active else _("The webhook is paused.")
    return await _after(request, done, said)


async def rotate(request: Request) -> Response:
    """Replace its secret; the new one is shown this once."""
    done = await _with_id(request, "webhooks/rotate")
    key = request.path_params["id"]
    return await _show(request, key, done, done.value["secret"] if done.ok else "")


async def test(request: Request) -> Response:
    """Send a test event."""
    done = await _with_id(request, "webhooks/test")
    return await _after(request, done, _("The test event is on its way. Reload to see what was answered."))


async def redeliver(request: Request) -> Response:
    """Send a message again."""
    done = await submit(request, "webhooks/redeliver")
    return await _after(request, done, _("The message is on its way. Reload to see what was answered."))


async def redeliver_dead(request: Request) -> Response:
    """Send every message again that was given up."""
    done = await _with_id(request, "webhooks/redeliver_dead")
    return await _after(request, done, _("The messages are on their way. Reload to see what was answered."))


async def delete(request: Request) -> Response:
    """Forget a webhook."""
    await _with_id(request, "webhooks/delete")
    return redirect(request, "/webhooks", said=_("The webhook is deleted."))


async def _with_id(request: Request, operation: str) -> Submission:
    return await mutate(request, operation, input={"id": request.path_params["id"]})


async def _after(request: Request, done: Submission, said: str) -> Response:
    key = request.path_params["id"]
    return redirect(request, f"/webhooks/{key}", said=said) if done.ok else await _show(request, key, done)


async def _index(request: Request, done: Submission) -> Response:
    data = await query(request, "webhooks/list", **page_of(request))
    pages = links(request, data["webhooks"]["pageInfo"])
    given = {**data, "pages": pages, "form": done.form, "refusal": done.message}
    return await render(request, "webhooks/list.html", given, status=done.status)


async def _show(request: Request, key: str, done: Submission, secret: str = "") -> Response:
    wanted = request.query_params.get("state", "")
    asked = wanted if wanted in STATES else ""
    data = await query(request, "webhooks/show", id=key, state=asked or None, **page_of(request))
    pages = links(request, found(data["webhook"])["deliveries"]["pageInfo"], f"/webhooks/{key}")
    given = {
        **data,
        "pages": pages,
        "asked": asked,
        "form": done.form,
        "refusal": done.message,
        "new_secret": secret,
    }
    return await render(request, "webhooks/show.html", given, status=done.status)


routes = [
    Route("/webhooks", index, name="webhooks"),
    Route("/webhooks", create, methods=["POST"]),
    Route("/webhooks/{id}", show, name="webhook"),
    Route("/webhooks/{id}/update", update, methods=["POST"]),
    Route("/webhooks/{id}/state", set_state, methods=["POST"]),
    Route("/webhooks/{id}/rotate", rotate, methods=["POST"]),
    Route("/webhooks/{id}/test", test, methods=["POST"]),
    Route("/webhooks/{id}/redeliver", redeliver, methods=["POST"]),
    Route("/webhooks/{id}/redeliver-dead", redeliver_dead, methods=["POST"]),
    Route("/webhooks/{id}/delete", delete, methods=["POST"]),
]
