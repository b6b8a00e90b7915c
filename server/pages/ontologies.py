"""The platform's ontologies: imported, checked, put to use."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.i18n import gettext as _
from server.i18n import ngettext
from server.pages.paging import links, page_of
from server.pages.support import Submission, found, mutate, query, redirect, render, submit
from server.uploads import files_of

MAX_FILE_BODY = 21_000_000
"""Bytes sent with an ontology: a file of 20 MB and its form."""
MAX_FORM_BODY = 1_000_000
TAKING_A_FILE = files_of(Scope.CONCEPTS_WRITE, MAX_FILE_BODY, MAX_FORM_BODY)


async def index(request: Request) -> Response:
    """List the ontologies."""
    return await _index(request, Submission("Ontology"))


async def import_file(request: Request) -> Response:
    """Keep an ontology from a file."""
    done = await submit(request, "ontologies/import")
    if not done.ok:
        return await _index(request, done)
    count = done.value["openFaultCount"]
    said = ngettext(
        "The ontology is imported. One fault of its file was left out: settle it below.",
        "The ontology is imported. %(num)d faults of its file were left out: settle them below.",
        count,
    )
    said = said % {"num": count} if count else _("The ontology is imported.")
    return redirect(request, f"/ontologies/{done.value['id']}", said=said)


async def show(request: Request) -> Response:
    """Show an ontology's versions and the faults of its file."""
    every = request.query_params.get("faults") == "all"
    shown = {} if every else {"open": True}
    data = await query(
        request, "ontologies/show", id=request.path_params["id"], filter=shown, **page_of(request)
    )
    found(data["ontology"])
    pages = links(request, data["ontologyFaults"]["pageInfo"])
    return await render(request, "ontologies/show.html", {**data, "every": every, "pages": pages})


async def activate(request: Request) -> Response:
    """Put an ontology to use."""
    here = f"/ontologies/{request.path_params['id']}"
    done = await mutate(request, "ontologies/activate", input={"id": request.path_params["id"]})
    if not done.ok:
        return redirect(request, here, said=done.message, kind="care")
    said = _("%(name)s is in use now: new texts are read with it.") % {"name": done.value["name"]}
    return redirect(request, here, said=said)


async def settle(request: Request) -> Response:
    """Write down what was decided about a fault."""
    here = f"/ontologies/{request.path_params['id']}"
    done = await submit(request, "ontologies/settle")
    if not done.ok:
        problems = [message for _path, message in done.form.summary()]
        return redirect(request, here, said=" ".join(problems) or done.message, kind="care")
    return redirect(request, here, said=_("The decision is kept."))


async def _index(request: Request, done: Submission) -> Response:
    data = await query(request, "ontologies/list", **page_of(request))
    pages = links(request, data["ontologies"]["pageInfo"])
    given = {**data, "pages": pages, "form": done.form, "refusal": done.message}
    return await render(request, "ontologies/list.html", given, status=done.status)


routes = [
    Route("/ontologies", index, name="ontologies"),
    Route(
        "/ontologies",
        import_file,
        methods=["POST"],
        max_body_size=MAX_FILE_BODY,
        middleware=TAKING_A_FILE,
    ),
    Route("/ontologies/{id}", show, name="ontology"),
    Route("/ontologies/{id}/activate", activate, methods=["POST"]),
    Route("/ontologies/{id}/faults", settle, methods=["POST"]),
]
