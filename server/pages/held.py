"""Held pages: what may name a patient is masked or called harmless before a page goes to its case."""

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.forms import Form, kept
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, mutate, query, redirect, render

LINES, MOST_BOXES = 3, 9
"""Boxes that are offered at a time, and in all."""
_SIDES = ("left", "top", "width", "height")


async def index(request: Request) -> Response:
    """List what the viewer has to check."""
    data = await query(request, "held/list", **page_of(request))
    return await render(
        request, "held/list.html", {**data, "pages": links(request, data["heldPages"]["pageInfo"])}
    )


async def show(request: Request) -> Response:
    """Show a page with what was found in it."""
    return await _show(request, Submission("Case"))


async def decide(request: Request) -> Response:
    """Mask and add the page, remove it, or offer more boxes."""
    form = await form_of(request)
    identifier = request.path_params["id"]
    held = found((await query(request, "held/show", id=identifier))["heldPage"])
    if "more" in form:
        return await _show(request, Submission("Case", form=Form(kept(form))), _lines(form) + LINES)
    if "discard" in form:
        done = await mutate(request, "held/discard", input={"id": identifier})
        if not done.ok:
            return await _show(request, done)
        return redirect(request, _case(held), said=_("The page was removed."))
    done = await mutate(request, "held/settle", input=_ruling(held, form))
    if not done.ok:
        return await _show(request, done, _lines(form))
    waiting = done.value["heldPages"]
    said = _("The page was masked and added to the case.")
    return redirect(request, f"/held/{waiting[0]['id']}" if waiting else _case(held), said=said)


async def _show(request: Request, done: Submission, lines: int = LINES) -> Response:
    data = await query(request, "held/show", id=request.path_params["id"])
    given = {
        "held": found(data["heldPage"]),
        "form": done.form,
        "refusal": done.message,
        "boxes": min(max(lines, LINES), MOST_BOXES),
        "most_boxes": MOST_BOXES,
    }
    return await render(request, "held/show.html", given, status=done.status)


def _ruling(held: dict[str, Any], form: FormData) -> dict[str, Any]:
    """Return what was decided: a text is masked unless it was called harmless."""
    numbers = [region["number"] for region in held["regions"]]
    harmless = [number for number in numbers if form.get(f"text_{number}") == "harmless"]
    return {
        "id": held["id"],
        "masked": [number for number in numbers if number not in harmless],
        "harmless": harmless,
        "boxes": [box for number in range(1, MOST_BOXES + 1) if (box := _box(form, number))],
        "looked": form.get("looked") == "true",
    }


def _box(form: FormData, number: int) -> dict[str, float] | None:
    """Return the box of a line, or None for one left empty; a side that is no number makes it none at all."""
    typed = [str(form.get(f"{side}_{number}", "")).strip().replace(",", ".") for side in _SIDES]
    if not any(typed):
        return None
    left, top, width, height = (_share(each) for each in typed)
    return {"left": left, "top": top, "right": min(left + width, 1.0), "bottom": min(top + height, 1.0)}


def _share(typed: str) -> float:
    try:
        share = float(typed) / 100
    except ValueError:
        return -1.0
    return share if abs(share) <= 1 else -1.0


def _lines(form: FormData) -> int:
    shown = str(form.get("more", "")) if "more" in form else ""
    return int(shown) if shown.isdecimal() and len(shown) == 1 else _last_typed(form)


def _last_typed(form: FormData) -> int:
    return max((n for n in range(1, MOST_BOXES + 1) if form.get(f"left_{n}") is not None), default=LINES)


def _case(held: dict[str, Any]) -> str:
    return f"/builder/{held['caseId']}/import"


routes = [
    Route("/held", index, name="held"),
    Route("/held/{id}", show, name="held_page"),
    Route("/held/{id}", decide, methods=["POST"]),
]
