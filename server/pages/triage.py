"""Triage: a visit entered by hand or from a note, its level with the reasons, confirmed or corrected."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.i18n import current_language
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, query, redirect, render, submit

LEVELS = ("TRI_1", "TRI_2", "TRI_3A", "TRI_3B", "TRI_4", "TRI_5")
"""The most urgent first."""
FEATURES = (
    "AGE",
    "SEXE",
    "FREQUENCE_CARDIAQUE",
    "PRESSION_SYSTOLIQUE",
    "PRESSION_DIASTOLIQUE",
    "FREQUENCE_RESPIRATOIRE",
    "TEMPERATURE",
    "SATURATION_OXYGENE",
    "ECHELLE_DOULEUR",
    "GLASGOW",
    "GLYCEMIE",
    "MOTIF_CONSULTATION",
)
LONGEST_NOTE = 5_000
"""What the page reads of a note or a complaint; browsers stop there by themselves."""


async def index(request: Request) -> Response:
    """List the visits that the viewer asked about."""
    data = await query(request, "triage/list", **page_of(request))
    listed = data["predictions"]
    visits = [edge["node"] for edge in listed["edges"]]
    given = {"visits": visits, "pages": links(request, listed["pageInfo"])}
    return await render(request, "triage/list.html", given)


async def new(request: Request) -> Response:
    """Show the form, empty or with what was entered of an earlier visit."""
    earlier = request.query_params.get("from")
    if earlier is None:
        return await _form(request, {})
    data = await query(request, "triage/show", id=earlier)
    return await _form(request, _entered(found(data["prediction"])))


async def ask(request: Request) -> Response:
    """Read a note, look the complaint up, or ask for the level."""
    form = await form_of(request)
    typed = {name: value for name, value in form.items() if isinstance(value, str)} | _answered(form)
    step = form.get("step")
    if step in {"note", "complaint", "questions"}:
        return await _form(request, typed, str(step))
    done = await submit(request, "triage/predict")
    if not done.ok:
        return await _form(request, typed, done=done)
    return redirect(request, f"/triage/visits/{done.value['id']}")


async def show(request: Request) -> Response:
    """Show what was said of a visit."""
    return await _show(request, Submission("Feedback"))


async def give(request: Request) -> Response:
    """Confirm or correct a level; what kind of correction it is follows from the level that is chosen."""
    prediction_id = request.path_params["id"]
    form = await form_of(request)
    kind = "CORRECT"
    if form.get("type") != kind:
        one = await _visit(request)
        kind = _kind(one["level"], form.get("correctedLevel"))
    done = await submit(request, "predictions/feedback", predictionId=prediction_id, type=kind)
    if not done.ok:
        return await _show(request, done)
    return redirect(request, f"/triage/visits/{prediction_id}", said=_("Your opinion is kept."))


async def back(request: Request) -> Response:
    """Lead whoever reloads a correction that was refused to its visit."""
    return redirect(request, f"/triage/visits/{request.path_params['id']}")


async def _visit(request: Request) -> dict[str, Any]:
    data = await query(request, "triage/show", id=request.path_params["id"])
    one = found(data["prediction"])
    return one if one["__typename"] == "TriagePrediction" else found(None)


async def _show(request: Request, done: Submission) -> Response:
    one = await _visit(request)
    levels = [(level, _kind(one["level"], level)) for level in LEVELS if level != one["level"]]
    given = {"one": one, "levels": levels, "form": done.form, "refusal": done.message}
    return await render(request, "triage/show.html", given, status=done.status)


async def _form(
    request: Request, typed: dict[str, str], step: str = "", done: Submission | None = None
) -> Response:
    """Show the form with what was typed, filled in from the note where it is to be read."""
    done = done or Submission("TriagePrediction")
    text = typed.get("note" if step == "note" else "motifConsultation", "")[:LONGEST_NOTE]
    code, reading = typed.get("complaint", ""), step == "note"
    data = await query(request, "triage/new", text=text, code=code, asking=reading)
    read: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    if reading:
        left_out = {_field(each["feature"]): each["text"] for each in data["triageNote"]["leftOut"]}
        read = {_field(each["feature"]): each for each in data["triageNote"]["values"]}
        typed |= {_field(each["feature"]): _shown(each["value"]) for each in data["triageNote"]["values"]}
        typed["motifConsultation"] = data["triageNote"]["motifConsultation"]
    candidates, complaint = data["triageNote"]["candidates"], data["triageComplaint"]
    if step in {"note", "complaint"}:
        complaint = candidates[0] if candidates else None
        typed["complaint"] = complaint["code"] if complaint else ""
    given = {
        "typed": lambda name: typed.get(name, ""),
        "read": read,
        "left_out": left_out,
        "note": typed.get("note", ""),
        "note_read": step == "note",
        "note_open": not typed or step == "note",
        "features": {_field(each): each for each in FEATURES},
        "candidates": candidates,
        "recognised": {each["code"] for each in candidates},
        "looked_up": step in {"note", "complaint"},
        "chosen": typed.get("complaint", ""),
        "sections": list(_sections(data["triageComplaints"])),
        "complaint": complaint,
        "questions": list(_questions(complaint, typed)),
        "asked": step in {"complaint", "questions"},
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "triage/new.html", given, status=done.status, partial="triage/_form.html")


def _questions(complaint: Mapping[str, Any] | None, typed: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the questions of a complaint, each with its place in the form and what was answered."""
    for place, each in enumerate(complaint["questions"] if complaint else ()):
        yield {**each, "place": place, "holds": typed.get(f"answer:{each['code']}", "")}


def _answered(form: FormData) -> dict[str, str]:
    """Return what was answered to each question, by its name: places change with the complaint."""
    answers: dict[str, str] = {}
    for name, value in form.items():
        if name.startswith("answers.") and name.endswith(".question"):
            holds = form.get(f"{name.removesuffix('question')}holds")
            answers[f"answer:{value}"] = holds if isinstance(holds, str) else ""
    return answers


def _entered(prediction: Mapping[str, Any]) -> dict[str, str]:
    """Return what was entered of an earlier visit, as it would be typed."""
    visit = prediction.get("visit")
    if visit is None:
        return {}
    typed = {_field(each["feature"]): _shown(f"{each['value']:g}") for each in visit["values"]}
    if "sexe" in typed:
        typed["sexe"] = "FEMALE" if typed["sexe"] == "1" else "MALE"
    complaint = visit["complaint"] or prediction["complaint"]
    typed |= {"motifConsultation": visit["motifConsultation"], "complaint": (complaint or {}).get("code", "")}
    return typed | {
        f"answer:{each['question']}": "true" if each["holds"] else "false" for each in visit["answers"]
    }


def _sections(complaints: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, rows in groupby(complaints, key=lambda each: each["section"]):
        yield {"name": name, "rows": list(rows)}


def _field(feature: str) -> str:
    """Return what the input calls a feature."""
    first, *rest = feature.lower().split("_")
    return first + "".join(each.title() for each in rest)


def _shown(number: str) -> str:
    """Return a number as the viewer's language writes it."""
    return number.replace(".", ",") if current_language.get() == "fr" else number


def _kind(given: str, right: object) -> str:
    """Return what kind of correction it is to say that another level would have been right."""
    if right not in LEVELS or right == given:
        return "DISAGREE"
    return "UPGRADE" if LEVELS.index(str(right)) < LEVELS.index(given) else "DOWNGRADE"


routes = [
    Route("/triage", index, name="triage"),
    Route("/triage/new", new),
    Route("/triage/new", ask, methods=["POST"]),
    Route("/triage/visits/{id}", show, name="visit"),
    Route("/triage/visits/{id}/feedback", back),
    Route("/triage/visits/{id}/feedback", give, methods=["POST"]),
]
