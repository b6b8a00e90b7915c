"""The ontology in use: concepts found, read, and edited by experts."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.context import visitor_of
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import (
    Submission,
    form_of,
    found,
    mutate,
    query,
    redirect,
    render,
    submit,
    texts,
)

LINES = ("synonymsFr", "synonymsEn", "parents", "excludes", "parts", "supports", "against")
"""Fields written one name a line."""
RELATIONS = ("parents", "excludes", "parts", "supports", "against")
TOGETHER = " + "


async def index(request: Request) -> Response:
    """Browse and search the concepts."""
    asked = {name: request.query_params.get(name, "") for name in ("search", "category")}
    wanted = {name: value for name, value in asked.items() if value}
    data = await query(request, "concepts/list", **wanted, **page_of(request))
    pages = links(request, data["concepts"]["pageInfo"])
    return await render(request, "concepts/list.html", {**data, "asked": asked, "pages": pages})


async def show(request: Request) -> Response:
    """Show a concept; experts see its history and what became of one that is gone."""
    return await _show(request)


async def new(request: Request) -> Response:
    """Show the empty form."""
    return await _form(request, await query(request, "concepts/in_use"), Submission("Concept"))


async def create(request: Request) -> Response:
    """Add a concept."""
    done = await submit(request, "concepts/create", **await _written(request))
    if not done.ok:
        return await _form(request, await query(request, "concepts/in_use"), done)
    return redirect(request, "/concepts", said=_("The concept is added: texts are read with it from now on."))


async def edit(request: Request) -> Response:
    """Show a concept's form."""
    data = await _data(request)
    found(data["concept"])
    return await _form(request, data, Submission("Concept"))


async def update(request: Request) -> Response:
    """Change a concept."""
    identifier = request.path_params["id"]
    done = await submit(request, "concepts/update", **await _written(request), id=identifier)
    if not done.ok:
        data = await _data(request)
        found(data["concept"])
        return await _form(request, data, done)
    return redirect(request, f"/concepts/{identifier}", said=_("The concept is changed."))


async def delete(request: Request) -> Response:
    """Take a concept out."""
    identifier = request.path_params["id"]
    done = await submit(request, "concepts/delete", id=identifier)
    if not done.ok:
        return await _show(request, done)
    return redirect(request, "/concepts", said=_("The concept is removed. Its history can bring it back."))


async def restore(request: Request) -> Response:
    """Take a change back."""
    identifier, data = request.path_params["id"], await form_of(request)
    done = await mutate(request, "concepts/restore", input={"changeId": str(data.get("changeId", ""))})
    if not done.ok:
        return await _show(request, done)
    return redirect(request, f"/concepts/{identifier}", said=_("The change is taken back."))


async def _show(request: Request, done: Submission | None = None) -> Response:
    data = await _data(request)
    history = await _history(request)
    if data["concept"] is None and not history:
        found(None)
    refusal = [message for _path, message in done.form.summary()] or [done.message] if done else []
    given = {**data, "history": history, "refusal": refusal, "identifier": request.path_params["id"]}
    return await render(request, "concepts/show.html", given, status=done.status if done else 200)


async def _data(request: Request) -> dict[str, Any]:
    return await query(request, "concepts/show", id=request.path_params["id"])


async def _history(request: Request) -> list[dict[str, Any]]:
    """Return what became of the concept, for those who may edit it."""
    if not _edits(request):
        return []
    data = await query(request, "concepts/history", id=request.path_params["id"])
    edges = (data["conceptChanges"] or {"edges": []})["edges"]
    return [edge["node"] for edge in edges]


def _edits(request: Request) -> bool:
    actor = visitor_of(request).actor
    return actor is not None and actor.edits_ontology


async def _form(request: Request, data: dict[str, Any], done: Submission) -> Response:
    """Show the form, of a concept as it was read in the version beside it."""
    if not _edits(request):
        raise HTTPException(403)
    concept = data.get("concept")
    given = {
        "ontology": data["ontology"],
        "concept": concept,
        "written": _as_written(concept) if concept else {},
        "form": done.form,
        "summary": [(_field(path), message) for path, message in done.form.summary()],
        "refusal": done.message,
    }
    return await render(request, "concepts/edit.html", given, status=done.status)


def _as_written(concept: Mapping[str, Any]) -> dict[str, str]:
    """Return a concept's lists as the form's text areas have them."""
    named = {name: [each["label"] for each in concept[name]] for name in RELATIONS}
    lists = {**named, "synonymsFr": concept["synonymsFr"], "synonymsEn": concept["synonymsEn"]}
    return {
        **{name: "\n".join(lines) for name, lines in lists.items()},
        "signs": "\n".join(
            TOGETHER.join(sign["label"] for sign in each["signs"]) for each in concept["requires"]
        ),
        "codings": "\n".join(f"{each['system']}: {each['value']}" for each in concept["codes"]),
        "absence": concept["absence"]["label"] if concept["absence"] else "",
    }


async def _written(request: Request) -> dict[str, Any]:
    """Return the form's text areas as the operation takes them."""
    written = await texts(request, *LINES, "signs", "codings", "range.measure")
    fixed: dict[str, Any] = {name: _lines(written.get(name, "")) for name in LINES}
    fixed["requires"] = [
        [sign.strip() for sign in line.split(TOGETHER)] for line in _lines(written.get("signs", ""))
    ]
    codings = [line.partition(":") for line in _lines(written.get("codings", ""))]
    fixed["codes"] = [{"system": left.strip(), "value": right.strip()} for left, _mid, right in codings]
    if not written.get("range.measure"):
        fixed["range"] = None
    return fixed


def _field(path: str) -> str:
    """Return the form's field that holds what is at a path: a line's fault is its text area's."""
    return path if path.startswith("range.") else path.partition(".")[0]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


routes = [
    Route("/concepts", index, name="concepts"),
    Route("/concepts", create, methods=["POST"]),
    Route("/concepts/new", new),
    Route("/concepts/{id}", show, name="concept"),
    Route("/concepts/{id}", update, methods=["POST"]),
    Route("/concepts/{id}/edit", edit),
    Route("/concepts/{id}/delete", delete, methods=["POST"]),
    Route("/concepts/{id}/restore", restore, methods=["POST"]),
]
