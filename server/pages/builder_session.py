"""The builder's last step: a training session of validated cases."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.forms import Form
from server.pages.support import Submission, form_of, found, query, redirect, render, submit


async def show_session(request: Request) -> Response:
    """Show the fourth step: the validated cases, and the session to make of them."""
    return await _session_form(request, Form(), request.query_params.getlist("case"))


async def create_session(request: Request) -> Response:
    """Make the training session; the builder is fresh again."""
    form = await form_of(request)
    done = await submit(request, "builder/create_session", caseIds=_ordered(form))
    if not done.ok:
        return await _session_form(request, done.form, done.form.values("caseIds"), done)
    return redirect(request, f"/builder/done/{done.value['id']}")


async def done(request: Request) -> Response:
    """Say the session's id, its join code and that students may begin."""
    data = await query(request, "builder/done", id=request.path_params["id"])
    found(data["session"])
    return await render(request, "builder/done.html", data)


async def _session_form(
    request: Request, form: Form, chosen: list[str], failed: Submission | None = None
) -> Response:
    data = await query(request, "builder/session")
    given = {**data, "form": form, "chosen": chosen, "refusal": failed.message if failed else ""}
    return await render(request, "builder/session.html", given, status=failed.status if failed else 200)


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
