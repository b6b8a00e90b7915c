"""What page modules are written with: a named operation in, a template out.

async def show(request: Request) -> Response:
    data = await query(request, "cases/show", id=request.path_params["id"])
    return await render(request, "cases/show.html", {"case": found(data["case"])})
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schema.policy import Scope
from server import htmx
from server.context import FORM_TOKEN, context_of, visitor_of
from server.errors import SignInRequired
from server.forms import Form, Problem, kept, variables_of
from server.operations import Outcome
from server.site import site_of

STATUS = {"ValidationErrors": 422, "NotFound": 404, "NotAllowed": 403, "Conflict": 409}
"""HTTP status by `__typename` of a mutation's result; any other type is a success."""
ERROR_STATUS = {"FORBIDDEN": 403, "NOT_FOUND": 404, "BAD_REQUEST": 400, "CONFLICT": 409}
"""HTTP status by the code of a query's error; any other code is a fault of ours."""
MAX_FIELDS = 5000


@dataclass(frozen=True)
class Submission:
    """What a mutation answered.

    Parameters
    ----------
    typename
        The member of the result union.
    value
        Its selected fields.
    form
        What was typed and what is wrong with it, for showing the form again.
    """

    typename: str
    value: dict[str, Any] = field(default_factory=dict)
    form: Form = field(default_factory=Form)

    @property
    def ok(self) -> bool:
        """Return whether the mutation did what was asked."""
        return self.typename not in STATUS

    @property
    def status(self) -> int:
        """Return the HTTP status that goes with the answer."""
        return STATUS.get(self.typename, 200)

    @property
    def message(self) -> str:
        """Return the words of a refusal that concerns no single field; empty otherwise."""
        return str(self.value.get("message", ""))


async def query(request: Request, operation: str, /, **variables: Any) -> dict[str, Any]:
    """Run a query and return its data by response key.

    Raises
    ------
    SignInRequired, HTTPException
        When it is refused; the visitor gets the sign-in page or an error page.
    """
    outcome = await site_of(request).operations.run(operation, variables, context_of(request))
    return _data(outcome)


async def form_of(request: Request) -> FormData:
    """Return the form a page sent.

    Raises
    ------
    HTTPException
        400 for a form in another encoding than ours, 403 without the form token of this visitor.
    """
    if not _in_utf8(request):
        raise HTTPException(400)
    form = await request.form(max_fields=MAX_FIELDS)
    request.scope["state"].setdefault("closing", []).append(request.close)
    token = request.headers.get("x-csrf-token") or form.get("csrf_token")
    visitor = visitor_of(request)
    ours = site_of(request).signer
    if not isinstance(token, str) or not ours.verify(FORM_TOKEN, visitor.session_token, token):
        raise HTTPException(403, "forged")
    return form


async def ask(request: Request, operation: str, sent: FormData) -> tuple[dict[str, Any], list[Problem]]:
    """Run a query on what a form sent, without the need of a token; return its data, or what is wrong."""
    site = site_of(request)
    variables, problems = variables_of(site.operations[operation], sent, {}, site.settings.time_zone)
    if problems:
        return {}, problems
    outcome = await site.operations.run(operation, variables, context_of(request))
    faults = [fault for error in outcome.errors for fault in error["extensions"].get("fields", ())]
    if faults:
        return {}, [_problem(fault) for fault in faults]
    return _data(outcome), []


async def submit(request: Request, operation: str, /, **fixed: Any) -> Submission:
    """Run a mutation on the form the page sent.

    Parameters
    ----------
    operation
        A mutation of one root field that answers a result union; its variables' types say how fields are
    read. fixed
        What the form does not decide: whole variables by name, or fields of `$input`.
    """
    data = await form_of(request)
    site = site_of(request)
    named = site.operations[operation]
    variables, problems = variables_of(named, data, fixed, site.settings.time_zone)
    if problems:
        return Submission("ValidationErrors", form=Form(kept(data), problems))
    return await _mutate(request, operation, variables, Form(kept(data)))


async def texts(request: Request, *names: str) -> dict[str, str]:
    """Return text fields as they were sent, for `submit` to fix: emptied ones are to become empty.

    In an update null means « leave it as it is », and that is what an empty field is read as otherwise.
    """
    form = await form_of(request)
    return {name: value for name in names if isinstance(value := form.get(name), str)}


async def mutate(request: Request, operation: str, /, **variables: Any) -> Submission:
    """Run a mutation on variables the page made itself, once the form token is checked."""
    data = await form_of(request)
    return await _mutate(request, operation, variables, Form(kept(data)))


def found(value: dict[str, Any] | None) -> dict[str, Any]:
    """Return the object, or answer the request with 404 when it is missing or foreign."""
    if value is None or value.get("__typename") == "NotFound":
        raise HTTPException(404)
    return value


async def render(
    request: Request,
    template: str,
    data: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    partial: str | None = None,
) -> Response:
    """Answer with a template: the whole page, or what htmx will swap in.

    Parameters
    ----------
    template
        A page that starts with `{% extends layout %}`; htmx gets its `main` block only.
    partial
        What htmx gets instead, when it swaps a smaller part.
    """
    fragment = htmx.wants_fragment(request)
    layout = "_layout/fragment.html" if fragment else "_layout/base.html"
    chosen = partial if fragment and partial else template
    alerts = 0 if fragment else await _open_alerts(request)
    whole = {**(data or {}), "layout": layout}
    return site_of(request).renderer.response(request, chosen, whole, status, alerts)


def redirect(request: Request, address: str, *, said: str = "", kind: str = "done") -> Response:
    """Send the visitor to another page and show a message there; kinds are those of the `message` macro."""
    response = htmx.redirect(request, address)
    if said:
        site_of(request).renderer.leave(response, kind, said)
    return response


async def _open_alerts(request: Request) -> int:
    """Return how many alerts the menu says that nobody looks after yet."""
    actor = visitor_of(request).actor
    if actor is None or not actor.may(Scope.ALERTS):
        return 0
    return int((await query(request, "alerts/count"))["openAlertCount"])


def _in_utf8(request: Request) -> bool:
    """Return whether a form is in UTF-8, as every browser sends ours; others decode to what is no text."""
    _kind, options = parse_options_header(request.headers.get("content-type"))
    return options.get(b"charset", b"utf-8").lower() in {b"utf-8", b"utf8"}


async def _mutate(request: Request, operation: str, variables: dict[str, Any], form: Form) -> Submission:
    outcome = await site_of(request).operations.run(operation, variables, context_of(request))
    [value] = _data(outcome).values()
    typename = value["__typename"]
    if typename == "NotFound":
        raise HTTPException(404)
    if typename == "ValidationErrors":
        form = Form(form.typed, [_problem(fault) for fault in value["fields"]])
    return Submission(typename, value, form)


def _problem(fault: Mapping[str, Any]) -> Problem:
    return Problem(".".join(fault["path"]), fault["code"], fault["message"])


def _data(outcome: Outcome) -> dict[str, Any]:
    if "UNAUTHENTICATED" in outcome.codes:
        raise SignInRequired
    if outcome.errors or outcome.data is None:
        raise HTTPException(ERROR_STATUS.get(next(iter(outcome.codes), ""), 500))
    return outcome.data
