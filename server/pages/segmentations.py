"""Brain tumours: a label map in, volumes, pieces and slices out, followed patient by patient."""

import re
import secrets
from collections.abc import Mapping
from datetime import date
from statistics import median
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.context import visitor_of
from server.errors import SignInRequired
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, query, redirect, render, submit
from server.plots import round_step
from server.site import site_of
from server.uploads import files_of

SEGMENTS = ("NECROTIC", "EDEMA", "ENHANCING")
BRATS = {"NECROTIC": "1", "EDEMA": "2", "ENHANCING": "3, 4"}
IMAGES = ("flair", "t1c")
"""What models are shown."""
MAX_FILES_BODY = 610_000_000
"""Bytes sent at once: three files, each at most 200 MB."""
MAX_FORM_BODY = 1_000_000
TAKING_FILES = files_of(Scope.SEGMENTATION, MAX_FILES_BODY, MAX_FORM_BODY)
WIDTH, HEIGHT = 640.0, 280.0
LEFT, RIGHT, TOP, BOTTOM, MARGIN = 52.0, 16.0, 16.0, 34.0, 30.0
"""Of the plot, in its own units."""
TICKS = 4
LEAST_STEP = 0.1
MOST_DAYS_NAMED = 6


async def index(request: Request) -> Response:
    """List the patients."""
    data = await query(request, "segmentations/list", **page_of(request))
    listed = data["segmentedPatients"]
    patients = [edge["node"] for edge in listed["edges"]]
    given = {
        "patients": patients,
        "pages": links(request, listed["pageInfo"]),
        "records": _records(request),
        "available": _records(request) and await _available(request),
    }
    return await render(request, "segmentations/list.html", given)


async def new(request: Request) -> Response:
    """Show the form."""
    return await _form(request, Submission("SegmentationPrediction"))


async def record(request: Request) -> Response:
    """Have a label map measured."""
    form = await form_of(request)
    labels = []
    for segment in SEGMENTS:
        written = form.get(f"label_{segment}")
        numbers = re.findall(r"\d{1,7}", written) if isinstance(written, str) else []
        labels += [{"value": int(number), "segment": segment} for number in numbers]
    done = await submit(request, "segmentations/record", labels=labels)
    if not done.ok:
        return await _form(request, done)
    return redirect(request, f"/segmentations/{done.value['id']}")


async def launch(request: Request) -> Response:
    """Show the form for images that a model of this platform is to segment."""
    return await _form(request, Submission("SegmentationPrediction"), "segmentations/launch.html")


async def predict(request: Request) -> Response:
    """Ask the champion, if there is one: images that nothing can outline are not put on record."""
    form = await form_of(request)
    if _records(request) and not await _available(request):
        return await _form(request, Submission("Conflict"), "segmentations/launch.html")
    sent = {name: form.get(f"image_{name}") for name in IMAGES}
    images = [
        {"name": name, "file": file}
        for name, file in sent.items()
        if isinstance(file, UploadFile) and file.filename
    ]
    done = await submit(request, "segmentations/predict", images=images)
    if not done.ok:
        return await _form(request, done, "segmentations/launch.html")
    return redirect(request, f"/segmentations/{done.value['id']}")


async def show(request: Request) -> Response:
    """Show a segmentation."""
    return await _show(request, Submission("Feedback"))


async def give(request: Request) -> Response:
    """Confirm a segmentation or contradict it."""
    prediction_id = request.path_params["id"]
    done = await submit(request, "predictions/feedback", predictionId=prediction_id)
    if not done.ok:
        return await _show(request, done)
    return redirect(request, f"/segmentations/{prediction_id}", said=_("Your opinion is kept."))


async def forget(request: Request) -> Response:
    """Forget the images of a segmentation."""
    address, said = f"/segmentations/{request.path_params['id']}", _("The images are forgotten.")
    done = await submit(request, "segmentations/forget", predictionId=request.path_params["id"])
    return redirect(
        request, address, said=said if done.ok else done.message, kind="done" if done.ok else "care"
    )


async def patient(request: Request) -> Response:
    """Show a patient's tumour over time, and how far algorithms agree about one day."""
    day = _day(request.query_params.get("day"))
    data = await query(request, "segmentations/patient", id=request.path_params["id"], day=day)
    one = found(data["segmentedPatient"])
    rows = [edge["node"] for edge in one["segmentations"]["edges"]]
    days: dict[str, int] = {}
    for row in rows:
        if row["figures"]:
            days[row["record"]["examinedOn"]] = days.get(row["record"]["examinedOn"], 0) + 1
    compared = one["agreements"]
    given = {
        "one": one,
        "rows": rows,
        "plot": plot_of(rows),
        "days": [each for each, count in days.items() if count > 1],
        "day": compared[0]["first"]["record"]["examinedOn"] if compared else day,
        "records": _records(request),
    }
    return await render(request, "segmentations/patient.html", given)


async def _form(request: Request, done: Submission, template: str = "segmentations/new.html") -> Response:
    if visitor_of(request).actor is None:
        raise SignInRequired
    if not _records(request):
        raise HTTPException(403)
    given = {
        "available": await _available(request),
        "form": done.form.worded("examinedOn", "out_of_range", _("Choose a day from 1990 until today.")),
        "refusal": done.message,
        "labels": {each: done.form.value(f"label_{each}", BRATS[each]) for each in SEGMENTS},
        "key": secrets.token_urlsafe(16),
        "code": done.form.value("patient", request.query_params.get("patient", "")),
        "today": site_of(request).today().isoformat(),
    }
    return await render(request, template, given, status=done.status)


async def _show(request: Request, done: Submission) -> Response:
    data = await query(request, "segmentations/show", id=request.path_params["id"])
    one = found(data["prediction"])
    if one["__typename"] != "SegmentationPrediction":
        one = found(None)
    given = {"one": one, "form": done.form, "refusal": done.message, "records": _records(request)}
    return await render(request, "segmentations/show.html", given, status=done.status)


def _records(request: Request) -> bool:
    actor = visitor_of(request).actor
    return actor is not None and actor.may(Scope.SEGMENTATION)


async def _available(request: Request) -> bool:
    """Return whether a model is in use that images can be sent to."""
    return bool((await query(request, "segmentations/available"))["segmentationAvailable"])


def _day(text: str | None) -> str | None:
    """Return a day as the API reads it; None for what is none."""
    try:
        return date.fromisoformat(text or "").isoformat()
    except ValueError:
        return None


def plot_of(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return where the volumes of a patient go; None without any.

    A day that several algorithms segmented has the median of each part, and a line from the smallest to the
    largest total.
    """
    days: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["figures"]:
            days.setdefault(row["record"]["examinedOn"], []).append(row["figures"])
    if not days:
        return None
    ordered = sorted(days)
    begun, ended = (date.fromisoformat(each).toordinal() for each in (ordered[0], ordered[-1]))
    most = max(figures["totalVolumeCm3"] for each in days.values() for figures in each)
    step = round_step(max(most / TICKS, LEAST_STEP))
    top: float = step * max(-(-most // step), 1)

    def x(day: str) -> float:
        if begun == ended:
            return (LEFT + WIDTH - RIGHT) / 2
        share = (date.fromisoformat(day).toordinal() - begun) / (ended - begun)
        return round(LEFT + MARGIN + share * (WIDTH - LEFT - RIGHT - 2 * MARGIN), 1)

    def y(volume: float) -> float:
        return round(TOP + (1 - volume / top) * (HEIGHT - TOP - BOTTOM), 1)

    series = [
        {
            "name": name,
            "points": [
                {"x": x(day), "y": y(median(_volume(figures, name) for figures in days[day]))}
                for day in ordered
            ],
        }
        for name in ("TOTAL", *SEGMENTS)
    ]
    spans = []
    for day in ordered:
        totals = [figures["totalVolumeCm3"] for figures in days[day]]
        if len(totals) > 1:
            spans.append({"x": x(day), "low": y(min(totals)), "high": y(max(totals))})
    every = -(-len(ordered) // MOST_DAYS_NAMED)
    named = ordered[(len(ordered) - 1) % every :: every]  # the latest among them
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "bottom": HEIGHT - BOTTOM,
        "series": series,
        "spans": spans,
        "ticks": [{"y": y(step * at), "value": step * at} for at in range(round(top / step) + 1)],
        "days": [{"x": x(day), "day": day} for day in named],
    }


def _volume(figures: Mapping[str, Any], name: str) -> float:
    if name == "TOTAL":
        return float(figures["totalVolumeCm3"])
    return next(float(each["volumeCm3"]) for each in figures["segments"] if each["segment"] == name)


routes = [
    Route("/segmentations", index, name="segmentations"),
    Route("/segmentations/new", new, name="segmentation_new"),
    Route(
        "/segmentations/new",
        record,
        methods=["POST"],
        max_body_size=MAX_FILES_BODY,
        middleware=TAKING_FILES,
    ),
    Route("/segmentations/launch", launch, name="segmentation_launch"),
    Route(
        "/segmentations/launch",
        predict,
        methods=["POST"],
        max_body_size=MAX_FILES_BODY,
        middleware=TAKING_FILES,
    ),
    Route("/segmentations/patients/{id}", patient, name="segmented_patient"),
    Route("/segmentations/{id}", show, name="segmentation"),
    Route("/segmentations/{id}/feedback", give, methods=["POST"]),
    Route("/segmentations/{id}/forget", forget, methods=["POST"]),
]
