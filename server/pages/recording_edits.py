"""A picture cropped, turned, straightened and masked: what is tried is in the address until it is saved.

Steps stand in addresses and forms as `crop,LEFT,TOP,RIGHT,BOTTOM` and `mask,…` in per cent, `rotate,QUARTERS`
and `straighten,DEGREES`.
"""

from base64 import b64decode
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.forms import Form, Problem, kept, number_of
from server.i18n import gettext as _
from server.pages.builder import address
from server.pages.support import Submission, form_of, found, mutate, query, redirect, render

Step = dict[str, Any]
"""A step as the API takes it."""

SIDES = ("left", "top", "right", "bottom")
WHOLE = {"left": "5", "top": "5", "right": "95", "bottom": "95"}
"""The frame that is offered first, in per cent."""
MOST_DEGREES = 15.0


async def show(request: Request) -> Response:
    """Show the picture as the steps in the address leave it, or as it was saved."""
    return await _show(request, Submission("Case"))


async def preview(request: Request) -> Response:
    """Answer with the picture as the steps in the address leave it; no browser keeps it."""
    steps = [_read(text) for text in request.query_params.getlist("step")]
    asked = {"recordingId": request.path_params["recording_id"], "steps": steps}
    shown = found((await query(request, "recording_edits/preview", **asked))["recordingEditPreview"])
    data, media_type = b64decode(shown["base64"]), shown["mediaType"]
    return Response(data, media_type=media_type, headers={"Cache-Control": "private, no-store"})


async def edit(request: Request) -> Response:
    """Add a step, take the last one back, ask for a proposal, or save."""
    form = await form_of(request)
    steps = [_read(str(text)) for text in form.getlist("step")]
    asked, _colon, argument = str(form.get("do", "")).partition(":")
    if asked == "undo":
        return redirect(request, _draft(request, steps[:-1]))
    if asked == "original":
        return redirect(request, _draft(request, []))
    added, problems = _added(form, asked, argument)
    if problems:
        wrong = Submission("ValidationErrors", form=Form(kept(form), problems))
        return await _show(request, wrong, steps)
    if asked == "propose":
        return await _propose(request, [*steps, *added])
    if asked == "save":
        return await _save(request, form, [*steps, *added])
    return redirect(request, _draft(request, [*steps, *added]))


async def _show(request: Request, done: Submission, tried: list[Step] | None = None) -> Response:
    ids = {"caseId": request.path_params["id"], "recordingId": request.path_params["recording_id"]}
    data = await query(request, "recording_edits/show", **ids)
    case, edit_of = found(data["case"]), found(data["recordingEdit"])
    recording = next((each for each in case["recordings"] if each["id"] == ids["recordingId"]), None)
    saved = [_step(each) for each in edit_of["steps"]]
    if tried is None:
        asked = request.query_params
        tried = [_read(text) for text in asked.getlist("step")] if "draft" in asked else saved
    given = {
        **data,
        "recording": found(recording),
        "steps": [(*_text(step).partition(",")[::2], _text(step)) for step in tried],
        "preview": f"{_here(request)}/preview?{_query(tried)}".rstrip("?"),
        "uneditedUrl": edit_of["uneditedUrl"],
        "form": done.form,
        "frame": WHOLE,
        "refusal": done.message or _about_steps(done.form),
    }
    return await render(request, "recording_edits/show.html", given, status=done.status)


async def _propose(request: Request, steps: list[Step]) -> Response:
    asked = {"recordingId": request.path_params["recording_id"], "steps": steps}
    data = await query(request, "recording_edits/propose", **asked)
    proposal = found(data["recordingEditProposal"])
    more = [_step(each) for each in proposal["steps"]]
    target = _draft(request, [*steps, *more])
    if not proposal["found"]:
        said = _("No grid was found on this picture. Straighten and crop it by hand.")
        return redirect(request, target, said=said, kind="care")
    if not more:
        said = _("The grid is straight and fills the picture: there is nothing to propose.")
        return redirect(request, target, said=said, kind="info")
    return redirect(
        request, target, said=_("Proposed from the grid of the paper. Look at it before you save.")
    )


async def _save(request: Request, form: FormData, steps: list[Step]) -> Response:
    revision = str(form.get("revision", ""))
    if not revision.isdecimal() or len(revision) > 9:
        raise HTTPException(400)
    given = {"recordingId": request.path_params["recording_id"], "revision": int(revision), "steps": steps}
    done = await mutate(request, "recording_edits/edit", input=given)
    if not done.ok:
        return await _show(request, done, steps)
    case_id = request.path_params["id"]
    return redirect(request, f"{address(case_id, 'import')}#recordings", said=_("The picture is saved."))


def _added(form: FormData, asked: str, argument: str) -> tuple[list[Step], list[Problem]]:
    """Return the steps a form asks for: the angle that is set comes first, as it is seen first."""
    steps = list[Step]()
    degrees = number_of(form.get("degrees") or 0)
    if degrees is None:
        return [], [Problem("degrees", "not_a_number", _("Give a number."))]
    if degrees := min(max(round(degrees, 1), -MOST_DEGREES), MOST_DEGREES):
        steps.append({"straighten": degrees})
    if asked == "rotate":
        steps.append({"rotate": 3 if argument == "left" else 1})
    if asked in {"crop", "mask"}:
        frame, problems = _frame(form)
        return [*steps, {asked: frame}], problems
    return steps, []


def _frame(form: FormData) -> tuple[dict[str, float], list[Problem]]:
    """Read four sides in per cent, whichever way round."""
    read = {side: number_of(form.get(side, "")) for side in SIDES}
    problems = [
        Problem(side, "not_a_number", _("Give a number.")) for side, value in read.items() if value is None
    ]
    if problems:
        return {}, problems
    shares = {side: min(max(value or 0, 0), 100) / 100 for side, value in read.items()}
    left, right = sorted((shares["left"], shares["right"]))
    top, bottom = sorted((shares["top"], shares["bottom"]))
    for side, between in (("right", right - left), ("bottom", bottom - top)):
        if between < 0.01:
            problems.append(Problem(side, "nothing_left", _("Put this side beyond the opposite one.")))
    return {"left": left, "top": top, "right": right, "bottom": bottom}, problems


def _read(text: str) -> Step:
    """Read a step as the page itself wrote it; anything else is a bad request."""
    kind, *given = text.split(",")
    numbers = [number_of(each) for each in given]
    match kind, numbers:
        case ("rotate", [float() as quarters]):
            return {"rotate": int(quarters)}
        case ("straighten", [float() as degrees]):
            return {"straighten": degrees}
        case ("crop" | "mask", [float(), float(), float(), float()]):
            return {kind: {side: (each or 0) / 100 for side, each in zip(SIDES, numbers, strict=True)}}
    raise HTTPException(400)


def _step(read: dict[str, Any]) -> Step:
    """Return a step as it is sent from one that was read."""
    return {name: value for name, value in read.items() if value is not None}


def _text(step: Step) -> str:
    [(kind, value)] = step.items()
    numbers = [100 * value[side] for side in SIDES] if isinstance(value, dict) else [value]
    return ",".join([kind, *(f"{round(each, 4):g}" for each in numbers)])


def _query(steps: list[Step]) -> str:
    return urlencode([("step", _text(step)) for step in steps], safe=",")


def _about_steps(form: Form) -> str:
    """Return what is wrong with steps, which have no field of their own."""
    return " ".join(each.message for each in form.problems if each.path.startswith("steps"))


def _here(request: Request) -> str:
    return f"/builder/{request.path_params['id']}/recordings/{request.path_params['recording_id']}/edit"


def _draft(request: Request, steps: list[Step]) -> str:
    return f"{_here(request)}?draft=1&{_query(steps)}".rstrip("&")


routes = [
    Route("/builder/{id}/recordings/{recording_id}/edit", show, name="recording_edit"),
    Route("/builder/{id}/recordings/{recording_id}/edit", edit, methods=["POST"]),
    Route("/builder/{id}/recordings/{recording_id}/edit/preview", preview),
]
