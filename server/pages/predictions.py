"""What a model reads of a recording's beats: asked on demand, seen beat by beat, confirmed or corrected."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.htmx import wants_fragment
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, query, redirect, render, submit

STRIP_S = 10.0
LONG_S = 60.0
"""Places in longer recordings are told in minutes and seconds."""
LISTED = 8
CLASSES = ("NORMAL", "LBBB", "RBBB", "APB", "PVC")
MM_PER_S, MM_PER_MV = 25.0, 10.0
LETTERS_MM, MARGIN_MM = 9.0, 3.0
LEAST_MM, MOST_MM = 20.0, 80.0
"""How high the tracing of a strip is drawn; what goes beyond is cut."""


async def of_recording(request: Request) -> Response:
    """Show what models have said of a recording, and offer to ask."""
    return await _of_recording(request, Submission("BeatPrediction"))


async def predict(request: Request) -> Response:
    """Ask the champion."""
    done = await submit(request, "predictions/predict", recordingId=request.path_params["recording_id"])
    if not done.ok:
        return await _of_recording(request, done)
    if wants_fragment(request):
        request.path_params["id"] = done.value["id"]
        return await _show(request, Submission("Feedback"))
    return redirect(request, f"/predictions/{done.value['id']}")


async def show(request: Request) -> Response:
    """Show a prediction: the strip, the least certain beats, one beat in detail."""
    return await _show(request, Submission("Feedback"))


async def give(request: Request) -> Response:
    """Confirm or correct a beat or the whole; after a beat, go on to the next that is to be judged."""
    prediction_id = request.path_params["id"]
    beat = (await form_of(request)).get("beat")
    done = await submit(request, "predictions/feedback", predictionId=prediction_id)
    if not done.ok:
        return await _show(request, done, _number(beat))
    said, onward = _("Your opinion is kept."), done.value["beat"]
    if onward is not None:
        following = await _next(request)
        if following is None:
            said = _("Your opinion is kept. No beat of this list is left to judge.")
        onward = following or onward
    if wants_fragment(request):
        return await _show(request, Submission("Feedback"), onward, said)
    label = _label(request)
    there = f"?beat={onward}{f'&class={label}' if label else ''}#{prediction_id}-beat" if onward else ""
    return redirect(request, f"/predictions/{prediction_id}{there}", said=said)


async def _next(request: Request) -> int | None:
    """Return the least certain beat that the visitor has not judged, of the class they look at if any."""
    chosen = {"id": request.path_params["id"], "class": _label(request)}
    data = await query(request, "predictions/next", **chosen)
    edges = found(data["prediction"])["beats"]["edges"]
    return edges[0]["node"]["number"] if edges else None


async def _of_recording(request: Request, done: Submission) -> Response:
    ids = {"caseId": request.path_params["id"], "recordingId": request.path_params["recording_id"]}
    data = await query(request, "predictions/recording", **ids)
    case = found(data["case"])
    recording = next((each for each in case["recordings"] if each["id"] == ids["recordingId"]), None)
    if not case["viewerCanEdit"]:
        raise HTTPException(403)
    problems = [message for _path, message in done.form.summary()]
    given = {
        "case": case,
        "recording": found(recording),
        "predictions": [edge["node"] for edge in data["predictions"]["edges"]],
        "champion": _champion(data["models"]),
        "refusal": done.message or " ".join(problems),
    }
    return await render(
        request,
        "predictions/recording.html",
        given,
        status=done.status,
        partial="predictions/_recording.html",
    )


async def _show(request: Request, done: Submission, beat: int | None = None, said: str = "") -> Response:
    asked = request.query_params
    beat, label = beat or _number(asked.get("beat")), _label(request)
    data = await query(
        request,
        "predictions/show",
        id=request.path_params["id"],
        start=_seconds(asked.get("at")),
        around=beat,
        beat=beat or 1,
        chosen=beat is not None,
        **{"class": label},
        **page_of(request, LISTED),
    )
    prediction = found(data["prediction"])
    if prediction["__typename"] != "BeatPrediction":
        raise HTTPException(404)
    strip, listed = prediction.get("strip"), prediction.get("beats")
    mine = {each["beat"]: each for each in prediction["feedback"] if each["mine"]}
    chosen = prediction.get("beat")
    given = {
        "prediction": prediction,
        "drawing": _drawing(strip, prediction.get("saliency"), mine) if strip else None,
        "chosen": _judged(chosen, mine) if chosen else None,
        "listed": [_judged(edge["node"], mine) for edge in listed["edges"]] if listed else [],
        "label": label,
        "mine": mine,
        "pages": links(request, listed["pageInfo"], f"/predictions/{prediction['id']}") if listed else None,
        "clock": _is_long(prediction),
        "form": done.form,
        "refusal": done.message,
        "said": said,
        "fragment": wants_fragment(request),
    }
    return await render(
        request, "predictions/show.html", given, status=done.status, partial="predictions/_panel.html"
    )


def _champion(models: dict[str, Any]) -> dict[str, Any] | None:
    """Return what answers when nobody asks for another."""
    for edge in models["edges"]:
        for each in edge["node"]["deployments"]:
            if (edge["node"]["family"], each["alias"]) == ("BEATS", "CHAMPION"):
                return dict(each)
    return None


def _judged(beat: dict[str, Any], mine: dict[int | None, dict[str, Any]]) -> dict[str, Any]:
    """Return a beat with what the visitor holds it to be: `held`, and how that came about.

    `judged` is empty where they have said nothing, else `confirmed`, `corrected`, or `doubted` where they
    called the model wrong without a class, and `held` is None. `mark` is what its letter is to be told from
    others by.
    """
    own = mine.get(beat["number"])
    if own is not None and own["type"] != "CORRECT":
        told = own["correctedClass"]
        return {**beat, "held": told, "judged": "corrected" if told else "doubted", "mark": "corrected"}
    likely = len(beat["conformalSet"])
    unsure = "several" if likely > 1 else "" if likely else "none"
    return {**beat, "held": beat["class"], "judged": "confirmed" if own else "", "mark": unsure}


def _is_long(prediction: dict[str, Any]) -> bool:
    """Return whether a recording is long; of one that has left its case the strip that is shown tells."""
    recording, strip = prediction["recording"], prediction.get("strip")
    if recording is not None:
        return (recording["durationSeconds"] or 0.0) > LONG_S
    return strip is not None and strip["startSeconds"] + strip["seconds"] > LONG_S


def _drawing(
    strip: dict[str, Any], saliency: dict[str, Any] | None, mine: dict[int | None, dict[str, Any]]
) -> dict[str, Any]:
    """Return where things go on paper: all in millimetres, at 25 mm/s and 10 mm/mV."""
    above = min(max(strip["highestMillivolts"] * MM_PER_MV, LEAST_MM / 2), MOST_MM / 2)
    below = min(max(-strip["lowestMillivolts"] * MM_PER_MV, LEAST_MM / 4), MOST_MM / 2)
    start = strip["startSeconds"]
    beats = [
        {**_judged(beat, mine), "x": round((beat["seconds"] - start) * MM_PER_S, 2)}
        for beat in strip["beats"]
    ]
    parts = []
    if saliency is not None:
        width = saliency["partSeconds"]
        for number, weight in enumerate(saliency["weights"]):
            x = (saliency["startSeconds"] + number * width - start) * MM_PER_S
            parts.append({"x": round(x, 2), "width": round(width * MM_PER_S, 3), "weight": round(weight, 2)})
    return {
        "width": round(strip["seconds"] * MM_PER_S, 2),
        "height": round(LETTERS_MM + above + below + 2 * MARGIN_MM, 2),
        "baseline": round(LETTERS_MM + MARGIN_MM + above, 2),
        "beats": beats,
        "marks": {beat["mark"] for beat in beats},
        "parts": parts,
    }


def _label(request: Request) -> str | None:
    """Return the class that is looked at alone."""
    asked = request.query_params.get("class")
    return asked if asked in CLASSES else None


def _number(given: object) -> int | None:
    """Read the number of a beat from an address or a form; None for what is none."""
    text = str(given or "")
    return int(text) if text.isdecimal() and 0 < len(text) < 7 else None


def _seconds(given: str | None) -> float:
    text = (given or "").replace(".", "", 1)
    return float(given or 0) if text.isdecimal() and len(text) < 8 else 0.0


routes = [
    Route("/cases/{id}/recordings/{recording_id}/beats", of_recording, name="beats"),
    Route("/cases/{id}/recordings/{recording_id}/beats", predict, methods=["POST"]),
    Route("/predictions/{id}", show, name="prediction"),
    Route("/predictions/{id}/feedback", give, methods=["POST"]),
]
