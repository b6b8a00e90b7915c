"""The builder's last step: a training session of validated cases.

The one form holds it all, also while one searches: what is chosen and typed travels with each page of cases.
"""

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.pagination import MAX_PAGE
from server.forms import Form, kept
from server.pages.paging import PAGE_SIZE
from server.pages.support import Submission, form_of, found, query, redirect, render, submit

MOST_CHOSEN = 500
"""As many cases as a session may have."""


async def show_session(request: Request) -> Response:
    """Show the fourth step: the validated cases, and the session to make of them."""
    return await _session_form(request, Form(), request.query_params.getlist("case"))


async def create_session(request: Request) -> Response:
    """Make the training session and the builder is fresh again; or look for more cases, if that was asked."""
    form = await form_of(request)
    if not form.keys().isdisjoint({"find", "before", "after"}):
        return await _session_form(request, Form(kept(form)), _ordered(form))
    done = await submit(request, "builder/create_session", caseIds=_ordered(form))
    if not done.ok:
        return await _session_form(request, done.form, _ordered(form), done)
    return redirect(request, f"/builder/done/{done.value['id']}")


async def done(request: Request) -> Response:
    """Say the session's id, its join code and that students may begin."""
    data = await query(request, "builder/done", id=request.path_params["id"])
    found(data["session"])
    return await render(request, "builder/done.html", data)


async def _session_form(
    request: Request, form: Form, chosen: list[str], failed: Submission | None = None
) -> Response:
    """Show a page of the validated cases; those chosen on earlier ones stand above it, in their order."""
    data = await query(request, "builder/session", search=form.value("search") or None, **_page_of(form))
    offered = [edge["node"] for edge in data["cases"]["edges"]]
    here = set() if form.sent else {case["id"] for case in offered}
    gathered = await _gathered(request, [one for one in chosen if one not in here])
    above = {case["id"] for case in gathered}
    given = {
        **data,
        "form": form,
        "chosen": chosen,
        "gathered": gathered,
        "offered": [case for case in offered if case["id"] not in above],
        "refusal": failed.message if failed else "",
    }
    return await render(request, "builder/session.html", given, status=failed.status if failed else 200)


async def _gathered(request: Request, ids: list[str]) -> list[dict[str, Any]]:
    """Return the cases of these ids, each once; what is none, or none the viewer may see, is left out."""
    wanted = list(dict.fromkeys(ids))[:MOST_CHOSEN]
    gathered: list[dict[str, Any]] = []
    for start in range(0, len(wanted), MAX_PAGE):
        nodes = (await query(request, "builder/chosen", ids=wanted[start : start + MAX_PAGE]))["nodes"]
        gathered += [node for node in nodes if node and node["__typename"] == "Case"]
    return gathered


def _page_of(form: Form) -> dict[str, Any]:
    """Return which cases to offer: the latest, or those before or after the ones shown."""
    if after := form.value("after"):
        return {"first": PAGE_SIZE, "after": after}
    return {"last": PAGE_SIZE, "before": form.value("before") or None}


def _ordered(form: FormData) -> list[str]:
    """Return the chosen cases: numbered ones at their places, the others around them as listed."""
    chosen = [str(value) for value in form.getlist("caseIds")]
    places = {one: _place(form.get(f"place_{one}")) for one in chosen}
    order = [one for one in chosen if not places[one]]
    last = 0
    for one in sorted((one for one in chosen if places[one]), key=lambda one: places[one]):
        last = max(places[one], last + 1)
        order.insert(last - 1, one)
    return order


def _place(typed: object) -> int:
    """Return a place counted from 1; 0 for none."""
    text = str(typed).strip()
    return int(text[:4]) if text.isdecimal() else 0


routes = [
    Route("/builder/session", show_session),
    Route("/builder/session", create_session, methods=["POST"]),
    Route("/builder/done/{id}", done),
]
