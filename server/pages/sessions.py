"""The teacher's side of a session: find it, follow it live, settle who takes part."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.addresses import here
from server.forms import Form
from server.i18n import gettext as _
from server.pages.live import live
from server.pages.marking import pieces
from server.pages.paging import links, page_of
from server.pages.readings import readings
from server.pages.support import Submission, form_of, found, query, redirect, render, submit, texts

FILTERS = ("search", "difficulty", "status")
PARTICIPANTS = 100
"""On a page: most sessions have fewer."""


async def index(request: Request) -> Response:
    """List the sessions the filters ask for."""
    asked = {name: request.query_params.get(name, "") for name in FILTERS}
    wanted = {name: value for name, value in asked.items() if value}
    order = {"field": "UPDATED_AT", "direction": "DESC"}
    data = await query(request, "sessions/list", filter=wanted, orderBy=order, **page_of(request))
    pages = links(request, data["sessions"]["pageInfo"])
    return await render(request, "sessions/list.html", {**data, "asked": asked, "pages": pages})


async def show(request: Request) -> Response:
    """Show one session with its attempts, live."""
    return await _show(request, Submission("Session"))


async def activity(request: Request) -> Response:
    """Stream the attempts and results, rendered anew at each event."""
    session_id = request.path_params["id"]

    async def prepare(_event: Mapping[str, Any]) -> Mapping[str, Any]:
        data = await query(request, "sessions/results", id=session_id)
        return {"session": found(data["session"])}

    return await live(
        request, "sessions/activity", "sessions/_live.html", prepare=prepare, sessionId=session_id
    )


async def update(request: Request) -> Response:
    """Save the session's own fields."""
    typed = await texts(request, "name", "objectives")
    done = await submit(request, "sessions/update", id=request.path_params["id"], **typed)
    return await _after(request, done, _("Saved."))


async def set_status(request: Request) -> Response:
    """Open, close or put away."""
    done = await submit(request, "sessions/set_status", id=request.path_params["id"])
    said = {
        "OPEN": _("The session is open."),
        "CLOSED": _("The session is closed: nobody can begin any more, and those at work keep their time."),
        "ARCHIVED": _("The session is put away."),
    }
    form = await form_of(request)
    return await _after(request, done, said.get(str(form.get("status")), ""))


async def enrol(request: Request) -> Response:
    """Enrol a student by e-mail."""
    done = await submit(request, "sessions/enrol", sessionId=request.path_params["id"])
    said = _("%(name)s takes part.") % {"name": done.value["student"]["displayName"]} if done.ok else ""
    return await _after(request, done, said, "#students")


async def extra_time(request: Request) -> Response:
    """Grant a student extra minutes."""
    return await _after(request, await submit(request, "sessions/extra_time"), _("The extra time is saved."))


async def remove(request: Request) -> Response:
    """Take a student out who has not begun."""
    return await _after(
        request, await submit(request, "sessions/remove_enrolment"), _("The student was taken out.")
    )


async def attempt(request: Request) -> Response:
    """Show one student's attempt, corrected."""
    data = await query(request, "sessions/attempt", id=request.path_params["id"])
    attempt = found(data["attempt"])
    marked = {item["position"]: pieces(item["answer"]) for item in attempt["items"]}
    read = await readings(request, attempt)
    given = {**data, "marked": marked, "readings": read, "form": Form(), "may_rule": True}
    return await render(request, "sessions/attempt.html", given)


async def _show(request: Request, done: Submission) -> Response:
    key, shown = request.path_params["id"], page_of(request, PARTICIPANTS)
    data = await query(request, "sessions/show", id=key, **shown)
    pages = links(request, found(data["session"])["participants"]["pageInfo"], f"/sessions/{key}")
    given = {**data, "form": done.form, "refusal": done.message, "pages": pages, "here": here(request)}
    return await render(request, "sessions/show.html", given, status=done.status)


async def _after(request: Request, done: Submission, said: str, part: str = "") -> Response:
    if not done.ok:
        return await _show(request, done)
    return redirect(request, f"/sessions/{request.path_params['id']}{here(request)}{part}", said=said)


routes = [
    Route("/sessions", index, name="sessions"),
    Route("/sessions/{id}", show, name="session"),
    Route("/sessions/{id}/live", activity, name="session_live"),
    Route("/sessions/{id}/update", update, methods=["POST"]),
    Route("/sessions/{id}/status", set_status, methods=["POST"]),
    Route("/sessions/{id}/enrol", enrol, methods=["POST"]),
    Route("/sessions/{id}/extra-time", extra_time, methods=["POST"]),
    Route("/sessions/{id}/remove", remove, methods=["POST"]),
    Route("/review/{id}", attempt, name="review"),
]
