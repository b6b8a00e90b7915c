"""The student's side: my sessions, joining by code, the quiz, the result."""

import secrets
from typing import Any
from urllib.parse import quote

import orjson
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.context import visitor_of
from server.errors import SignInRequired, wants_json
from server.formats import Formats
from server.forms import Form
from server.i18n import gettext as _
from server.pages.marking import pieces
from server.pages.paging import links, page_of
from server.pages.readings import readings
from server.pages.support import Submission, form_of, found, mutate, query, redirect, render, submit
from server.site import site_of


async def index(request: Request) -> Response:
    """List the viewer's sessions, with a place for a join code."""
    return await _index(request, Submission("Enrolment"))


async def join(request: Request) -> Response:
    """Enrol by code."""
    done = await submit(request, "learn/join")
    if not done.ok:
        return await _index(request, done)
    said = _("You joined “%(name)s”.") % {"name": done.value["outline"]["name"]}
    return redirect(request, "/learn", said=said)


async def start(request: Request) -> Response:
    """Start an attempt, or go on with the open one."""
    done = await submit(request, "learn/start")
    if not done.ok:
        return await _index(request, done)
    return redirect(request, f"/attempts/{done.value['id']}/1")


async def quiz(request: Request) -> Response:
    """Show one case of an open attempt."""
    return await _quiz(request)


async def save(request: Request) -> Response:
    """Save an answer; acknowledged only once it is stored. Scripts get JSON."""
    if visitor_of(request).actor is None:
        raise SignInRequired
    form = await form_of(request)
    attempt_id, position = request.path_params["id"], request.path_params["position"]
    codes = [str(code) for code in form.getlist("conceptIds") if code != form.get("remove")]
    codes += [str(code) for code in form.getlist("add") if code not in codes]
    revision = str(form.get("revision", ""))
    given = {
        "attemptId": attempt_id,
        "position": position,
        "text": str(form.get("text", "")),
        "conceptIds": codes,
        "revision": int(revision[:10]) if revision.isdecimal() else 0,
    }
    done = await mutate(request, "learn/save_answer", input=given)
    if wants_json(request):
        return _acknowledged(request, done)
    if not done.ok:
        return await _quiz(request, done)
    return redirect(request, _onward(attempt_id, position, form))


async def concepts(request: Request) -> Response:
    """Return the concepts a few letters bring to mind, as buttons of the answer's form."""
    given = {"results": await _search(request), "asked": request.query_params.get("q", "")}
    return await render(request, "learn/_concepts.html", given)


async def hand_in(request: Request) -> Response:
    """Submit the attempt, exactly once."""
    attempt_id = request.path_params["id"]
    done = await submit(request, "learn/submit", attemptId=attempt_id)
    if done.ok or done.typename == "Conflict":
        return redirect(request, f"/attempts/{attempt_id}/result", said=done.message, kind="care")
    request.path_params["position"] = 1
    return await _quiz(request, done)


async def result(request: Request) -> Response:
    """Show the corrected attempt, or that it was handed in."""
    return await _result(request, Submission("Contest"))


async def contest(request: Request) -> Response:
    """Contest what the correction says of a concept; the teacher of the session decides."""
    done = await submit(request, "learn/contest")
    if not done.ok:
        return await _result(request, done)
    attempt_id, position = request.path_params["id"], done.value["answer"]["position"]
    said = _("Your teacher has received it. The answer will stand here.")
    return redirect(request, f"/attempts/{attempt_id}/result#verdicts-{position}", said=said)


async def _index(request: Request, done: Submission) -> Response:
    data = await query(request, "learn/index", **page_of(request))
    pages = links(request, data["enrolments"]["pageInfo"], "/learn")
    given = {**data, "pages": pages, "form": done.form, "refusal": done.message}
    return await render(request, "learn/index.html", given, status=done.status)


async def _result(request: Request, done: Submission) -> Response:
    data = await query(request, "learn/result", id=request.path_params["id"])
    attempt = found(data["attempt"])
    if attempt["state"] == "OPEN":
        return redirect(request, f"/attempts/{attempt['id']}/1")
    given = {
        **data,
        "marked": {item["position"]: pieces(item["answer"]) for item in attempt["items"]},
        "readings": await readings(request, attempt),
        "may_rule": False,
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "learn/result.html", given, status=done.status)


async def _quiz(request: Request, done: Submission | None = None) -> Response:
    data = await query(request, "learn/attempt", id=request.path_params["id"])
    attempt = found(data["attempt"])
    if attempt["state"] == "SUBMITTED":
        said = done.message if done else ""
        return redirect(request, f"/attempts/{attempt['id']}/result", said=said, kind="care")
    position = request.path_params["position"]
    if not 1 <= position <= len(attempt["items"]):
        raise HTTPException(404)
    given = {
        **data,
        "item": attempt["items"][position - 1],
        "number": position,
        "results": await _search(request),
        "asked": request.query_params.get("q", ""),
        "form": done.form if done else Form(),
        "refusal": done.message if done else "",
        "key": secrets.token_urlsafe(16),
    }
    return await render(request, "learn/quiz.html", given, status=done.status if done else 200)


async def _search(request: Request) -> list[dict[str, Any]]:
    asked = request.query_params.get("q", "").strip()
    if not asked:
        return []
    place = {"attemptId": request.path_params["id"], "position": request.path_params["position"]}
    data = await query(request, "learn/concepts", search=asked, answering=place)
    return [edge["node"] for edge in data["concepts"]["edges"]]


def _acknowledged(request: Request, done: Submission) -> Response:
    if done.ok:
        at = done.value["savedAt"]
        shown = Formats(site_of(request).settings.time_zone).time(at)
        body: dict[str, Any] = {"savedAt": at, "shown": shown, "revision": done.value["revision"]}
    else:
        problems = " ".join(problem.message for problem in done.form.problems)
        body = {"message": done.message or problems}
    return Response(orjson.dumps(body), status_code=done.status, media_type="application/json")


def _onward(attempt_id: str, position: int, form: Any) -> str:
    here = f"/attempts/{attempt_id}/{position}"
    # Enter in the search presses the first button there is, which saves: what was typed says what was meant.
    searching = str(form.get("q", "")).strip() and not {"go", "add", "remove"} & set(form)
    if searching or "find" in form:
        return f"{here}?q={quote(str(form.get('q', '')))}#concepts"
    if {"add", "remove"} & set(form):
        return f"{here}#concepts"
    if form.get("go") == "next":
        return f"/attempts/{attempt_id}/{position + 1}"
    return here


class Place(IntegerConvertor):
    """A case's place in an address: no more digits than a place can have."""

    regex = "[0-9]{1,4}"


register_url_convertor("place", Place())
WRITING = [
    Route("/attempts/{id}/submit", hand_in, methods=["POST"]),
    Route("/attempts/{id}/{position:place}", save, methods=["POST"]),
]
"""What is let in while other requests are refused: see `server.admission`."""
routes = [
    Route("/learn", index, name="learn"),
    Route("/learn/join", join, methods=["POST"]),
    Route("/learn/start", start, methods=["POST"]),
    Route("/attempts/{id}/{position:place}/concepts", concepts),
    Route("/attempts/{id}/result", result, name="result"),
    Route("/attempts/{id}/contest", contest, methods=["POST"]),
    Route("/attempts/{id}/{position:place}", quiz, name="quiz"),
    *WRITING,
]
