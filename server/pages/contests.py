"""The teacher's side of contests: what is to be settled, and a ruling with all it needs beside it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.formats import number
from server.i18n import gettext as _
from server.pages.marking import pieces
from server.pages.paging import links, page_of
from server.pages.support import Submission, found, query, redirect, render, submit

FILTERS = ("state", "sessionId")


async def index(request: Request) -> Response:
    """List the contests the filters ask for, open ones first."""
    asked = {name: request.query_params.get(name, "") for name in FILTERS}
    wanted = {name: value for name, value in asked.items() if value}
    data = await query(request, "contests/list", filter=wanted, **page_of(request))
    pages = links(request, data["contests"]["pageInfo"])
    return await render(request, "contests/list.html", {**data, "asked": asked, "pages": pages})


async def show(request: Request) -> Response:
    """Show one contest with the tracing, the answer and the form to rule on it."""
    return await _show(request, Submission("Contest"))


async def rule(request: Request) -> Response:
    """Rule; the mark follows."""
    done = await submit(request, "contests/rule", id=request.path_params["id"])
    if not done.ok:
        return await _show(request, done)
    score = done.value["answer"]["score"]
    if score is None:
        return redirect(request, "/contests", said=_("The ruling is saved. This answer has no mark."))
    said = _("The ruling is saved. This answer's mark: %(score)s / 100.")
    return redirect(request, "/contests", said=said % {"score": number(score)})


async def _show(request: Request, done: Submission) -> Response:
    data = await query(request, "contests/show", id=request.path_params["id"])
    contest = found(data["contest"])
    answer = contest["answer"]
    given = {
        **data,
        "item": next(item for item in answer["attempt"]["items"] if item["position"] == answer["position"]),
        "marked": pieces(answer),
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "contests/show.html", given, status=done.status)


routes = [
    Route("/contests", index, name="contests"),
    Route("/contests/{id}", show, name="contest"),
    Route("/contests/{id}/rule", rule, methods=["POST"]),
]
