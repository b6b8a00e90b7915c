"""Long work someone asked for: participants imported, attempts exported, and how far it has come."""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.pages.live import live
from server.pages.paging import links, page_of
from server.pages.support import Submission, found, query, redirect, render, submit
from server.uploads import files_of

MAX_FILE_BODY = 1_100_000
"""Bytes sent with a file of participants: 1 MB and its form."""
MAX_FORM_BODY = 1_000_000
TAKING_A_FILE = files_of(Scope.SESSIONS_WRITE, MAX_FILE_BODY, MAX_FORM_BODY)


async def index(request: Request) -> Response:
    """List what the viewer asked for."""
    data = await query(request, "jobs/list", **page_of(request))
    return await render(
        request, "jobs/list.html", {**data, "pages": links(request, data["jobs"]["pageInfo"])}
    )


async def show(request: Request) -> Response:
    """Show one job, live until it is done."""
    data = await query(request, "jobs/show", id=request.path_params["id"])
    found(data["job"])
    return await render(request, "jobs/show.html", data)


async def progress(request: Request) -> Response:
    """Stream how far a job has come."""
    return await live(
        request,
        "jobs/progress",
        "jobs/_live.html",
        over=lambda event: event["job"]["finishedAt"] is not None,
        id=request.path_params["id"],
    )


async def choose_file(request: Request) -> Response:
    """Ask for a file of participants."""
    return await _choose(request, Submission("Job"))


async def import_participants(request: Request) -> Response:
    """Have a file's participants enrolled."""
    given = {"sessionId": request.path_params["id"], "idempotencyKey": _key()}
    done = await submit(request, "participants/import", **given)
    if not done.ok:
        return await _choose(request, done)
    return redirect(request, f"/jobs/{done.value['id']}")


async def export_attempts(request: Request) -> Response:
    """Have the attempts of a session, or of all, written out."""
    done = await submit(request, "participants/export", idempotencyKey=_key())
    if not done.ok:
        problems = [message for _path, message in done.form.summary()]
        return redirect(request, "/jobs", said=" ".join(problems) or done.message, kind="care")
    return redirect(request, f"/jobs/{done.value['id']}")


async def _choose(request: Request, done: Submission) -> Response:
    data = await query(request, "participants/show", id=request.path_params["id"])
    found(data["session"])
    given = {**data, "form": done.form, "refusal": done.message}
    return await render(request, "participants/import.html", given, status=done.status)


def _key() -> str:
    return secrets.token_urlsafe(16)


routes = [
    Route("/jobs", index, name="jobs"),
    Route("/jobs/{id}", show, name="job"),
    Route("/jobs/{id}/live", progress, name="job_live"),
    Route("/sessions/{id}/import", choose_file, name="import_participants"),
    Route(
        "/sessions/{id}/import",
        import_participants,
        methods=["POST"],
        max_body_size=MAX_FILE_BODY,
        middleware=TAKING_A_FILE,
    ),
    Route("/exports", export_attempts, methods=["POST"]),
]
