"""Training triage: one's figures and answers, a patient to triage, and what the answer was worth."""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.pages.paging import links, page_of
from server.pages.support import Submission, found, query, redirect, render, submit


async def index(request: Request) -> Response:
    """Show how the viewer triages, and the way to the next patient."""
    data = await query(request, "training/index", **page_of(request))
    record = found(data["triageTraining"])
    given = {
        "record": record,
        "following": found(data["nextTriagePatient"]),
        "pages": links(request, record["answers"]["pageInfo"]),
    }
    return await render(request, "training/index.html", given)


async def of_class(request: Request) -> Response:
    """Show how all students together triage each patient."""
    data = await query(request, "training/class")
    return await render(request, "training/class.html", {"figures": data["triageClassFigures"]})


async def patient(request: Request) -> Response:
    """Show a patient, without the key."""
    return await _patient(request, Submission("TriageAnswer"))


async def answer(request: Request) -> Response:
    """Keep a level."""
    done = await submit(request, "training/answer", patient=request.path_params["code"])
    if not done.ok:
        return await _patient(request, done)
    return redirect(request, f"/training/answers/{done.value['id']}")


async def show(request: Request) -> Response:
    """Show what an answer was worth, and why."""
    data = await query(request, "training/show", id=request.path_params["id"])
    one = found(data["node"])
    if one["__typename"] != "TriageAnswer":
        one = found(None)
    return await render(
        request, "training/show.html", {"one": one, "following": found(data["nextTriagePatient"])}
    )


async def _patient(request: Request, done: Submission) -> Response:
    data = await query(request, "training/patient", code=request.path_params["code"])
    given = {
        "patient": found(data["triagePatient"]),
        "key": secrets.token_urlsafe(12),
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "training/patient.html", given, status=done.status)


routes = [
    Route("/training", index, name="training"),
    Route("/training/class", of_class),
    Route("/training/answers/{id}", show),
    Route("/training/{code}", patient),
    Route("/training/{code}", answer, methods=["POST"]),
]
