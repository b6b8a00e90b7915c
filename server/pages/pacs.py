"""A recording sent to one of the hospital's archives: shown with what goes and what does not."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.context import visitor_of
from server.i18n import gettext as _
from server.pages.support import Submission, found, query, redirect, render, submit


async def show(request: Request) -> Response:
    """Offer to send the recording."""
    return await _show(request, Submission("PacsDelivery"))


async def send(request: Request) -> Response:
    """Send it, and tell what the archive said."""
    done = await submit(request, "pacs/send", recordingId=request.path_params["recording_id"])
    if not done.ok or not done.value["stored"]:
        return await _show(request, done)
    said = _("“%(archive)s” has the recording.") % {"archive": done.value["archive"]}
    return redirect(request, f"/cases/{request.path_params['id']}", said=said)


async def _show(request: Request, done: Submission) -> Response:
    actor = visitor_of(request).actor
    if actor is not None and not actor.may(Scope.PACS):
        raise HTTPException(403)
    data = await query(request, "pacs/show", id=request.path_params["id"])
    case, wanted = found(data["case"]), request.path_params["recording_id"]
    recording = found(next((each for each in case["recordings"] if each["id"] == wanted), None))
    if not case["viewerCanEdit"]:
        raise HTTPException(404)
    given = {
        "case": case,
        "recording": recording,
        "archives": [(name, name) for name in data["pacsDestinations"]],
        "form": done.form,
        "refusal": done.message or done.value.get("problem"),
    }
    return await render(request, "pacs/send.html", given, status=done.status)


routes = [
    Route("/cases/{id}/recordings/{recording_id}/send", show, name="pacs_send"),
    Route("/cases/{id}/recordings/{recording_id}/send", send, methods=["POST"]),
]
