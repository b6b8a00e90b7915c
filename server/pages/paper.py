"""Paper to signal: what a picture was read as, over the picture; corrected by hand, read anew, kept."""

import secrets
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.forms import Form, Problem, kept, number_of
from server.i18n import gettext as _
from server.pages.live import live
from server.pages.support import Submission, form_of, found, mutate, query, redirect, render

LAYOUTS = {
    "3x4": "L3X4",
    "3x4+1": "L3X4_1",
    "3x4+2": "L3X4_2",
    "3x4+3": "L3X4_3",
    "6x2": "L6X2",
    "6x2+1": "L6X2_1",
    "12x1": "L12X1",
    "6x1": "L6X1",
}
"""The API's name of each layout that a page was read in."""
LEADS = (
    *("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"),
    *("-aVR", "V7", "V8", "V9", "V3R", "V4R", "V5R", "V6R", "V7R", "X", "Y", "Z"),
)
"""What a lead may be called."""
UNDER_WAY = ("QUEUED", "RUNNING")


async def show(request: Request) -> Response:
    """Show what the picture was last read as, or offer to read it."""
    return await _show(request, Submission("Job"))


async def digitise(request: Request) -> Response:
    """Have the picture read, with what is told of the page and the points set by hand."""
    form = await form_of(request)
    given, problems = _told(form)
    if problems:
        return await _show(request, Submission("ValidationErrors", form=Form(kept(form), problems)))
    ids = {
        "recordingId": request.path_params["recording_id"],
        "idempotencyKey": secrets.token_urlsafe(16),
    }
    done = await mutate(request, "paper/digitise", input={**given, **ids})
    if not done.ok:
        return await _show(request, done)
    return redirect(request, _here(request))


async def keep(request: Request) -> Response:
    """Add the signal that was looked at to the case."""
    form = await form_of(request)
    given = {"recordingId": request.path_params["recording_id"], "jobId": str(form.get("jobId", ""))}
    done = await mutate(request, "paper/keep", input=given)
    if not done.ok:
        return await _show(request, done)
    said = _("The signal was added behind its picture.")
    return redirect(request, f"/builder/{request.path_params['id']}/import#recordings", said=said)


async def progress(request: Request) -> Response:
    """Stream how far a reading has come, then have the page show it."""

    async def here(_event: Any) -> dict[str, str]:
        return {"here": _here(request)}

    return await live(
        request,
        "jobs/progress",
        "paper/_live.html",
        prepare=here,
        over=lambda event: event["job"]["finishedAt"] is not None,
        id=request.query_params.get("job", ""),
    )


def _here(request: Request) -> str:
    return f"/cases/{request.path_params['id']}/recordings/{request.path_params['recording_id']}/paper"


async def _show(request: Request, done: Submission) -> Response:
    ids = {"caseId": request.path_params["id"], "recordingId": request.path_params["recording_id"]}
    data = await query(request, "paper/show", **ids)
    case = found(data["case"])
    recording = found(next((one for one in case["recordings"] if one["id"] == ids["recordingId"]), None))
    if recording["kind"] != "IMAGE":
        raise HTTPException(404)
    if not case["viewerCanEdit"]:
        raise HTTPException(403)
    if case["status"] == "ARCHIVED":
        return redirect(request, f"/cases/{case['id']}", said=_("This case is archived."), kind="care")
    reading = data["digitisation"]
    read = bool(reading and (reading["paper"] or reading["code"]))
    job = (await query(request, "paper/job", id=reading["jobId"]))["job"] if reading and not read else None
    under_way = job if job and job["state"] in UNDER_WAY else None
    traces = [{**trace, "label": _label(trace["path"])} for trace in (reading or {}).get("traces", [])]
    given = {
        "case": case,
        "recording": recording,
        "reading": reading,
        "under_way": under_way,
        "failed": bool(reading) and not read and under_way is None,
        "traces": traces,
        "layout_read": LAYOUTS[reading["paper"]["layout"]] if traces else "",
        "rows": _rows(traces),
        "points": _typed(done.form) if done.form.sent else reading["points"] if reading else [],
        "lead_names": [(lead, lead) for lead in LEADS],
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "paper/show.html", given, status=done.status, partial="paper/_panel.html")


def _told(form: FormData) -> tuple[dict[str, Any], list[Problem]]:
    """Read what a page tells; leads are told where one was changed, of the layout they were shown in."""
    problems: list[Problem] = []

    def read(field: str, typed: object) -> float | None:
        value = number_of(typed)
        if value is None and all(each.path != field for each in problems):
            problems.append(Problem(field, "not_a_number", _("Give a number.")))
        return value

    layout, shown = form.get("layout") or None, form.get("layout_found") or None
    leads, before = form.getlist("lead"), form.getlist("lead_found")
    told = shown is not None and layout in {None, shown} and (bool(form.get("leads_told")) or leads != before)
    points = [
        {"row": int(read("points", row) or 0), "x": read("points", x), "y": read("points", y)}
        for row, x, y in _places(form)
    ]
    gain = form.get("gain")
    given = {
        "layout": shown if told else layout,
        "cabrera": "cabrera" in form,
        "leads": [str(lead) for lead in leads] if told else None,
        "speed": read("speed", form.get("speed", "25")),
        "gain": read("gain", gain) if gain else None,
        "points": points,
    }
    return given, problems


def _places(form: FormData) -> list[tuple[str, str, str]]:
    """Return the lines of points that are not empty."""
    columns = [[str(value) for value in form.getlist(name)] for name in ("point_row", "point_x", "point_y")]
    return [(row, x, y) for row, x, y in zip(*columns, strict=False) if x.strip() or y.strip()]


def _typed(form: Form) -> list[dict[str, str]]:
    columns = [form.values(name) for name in ("point_row", "point_x", "point_y")]
    return [
        {"row": row, "x": x, "y": y} for row, x, y in zip(*columns, strict=False) if x.strip() or y.strip()
    ]


def _rows(traces: Sequence[dict[str, Any]]) -> list[str]:
    """Return the leads of each row."""
    last = max((trace["row"] for trace in traces), default=-1)
    return [
        ", ".join(trace["lead"] for trace in traces if trace["row"] == row) for row in range(int(last) + 1)
    ]


def _label(path: str) -> dict[str, float] | None:
    """Return where a trace's name goes: where it begins; None for one that nowhere was followed."""
    x, _blank, y = path.removeprefix("M").partition("L")[0].partition(" ")
    return {"x": float(x), "y": float(y)} if y else None


routes = [
    Route("/cases/{id}/recordings/{recording_id}/paper", show, name="paper"),
    Route("/cases/{id}/recordings/{recording_id}/paper", digitise, methods=["POST"]),
    Route("/cases/{id}/recordings/{recording_id}/paper/keep", keep, methods=["POST"]),
    Route("/cases/{id}/recordings/{recording_id}/paper/live", progress, name="paper_live"),
]
