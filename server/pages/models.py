"""Clinical models: which versions there are, which one answers, how challengers stand, and the choice."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.addresses import here
from server.context import visitor_of
from server.i18n import gettext as _
from server.pages.model_figures import told
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, query, redirect, render, submit

FAMILIES = ("beats", "triage", "segmentation")


async def index(request: Request) -> Response:
    """Show what answers under each alias, and every version."""
    return await _index(request, Submission("Model"))


async def promote(request: Request) -> Response:
    """Put a version to use."""
    said = {
        "CHALLENGER": _("The version is the challenger now. It answers nobody before an A/B test begins."),
        "SHADOW": _("The version is in the shadow now: it is asked in silence and answers nobody."),
    }
    return await _decided(
        request, "models/promote", said.get(await _alias(request), _("The version answers from now on."))
    )


async def roll_back(request: Request) -> Response:
    """Let an alias mean the version before again."""
    said = {
        "CHALLENGER": _("The version before is the challenger again."),
        "SHADOW": _("The version before is in the shadow again."),
    }
    return await _decided(
        request, "models/rollback", said.get(await _alias(request), _("The version before answers again."))
    )


async def sync(request: Request) -> Response:
    """Have the store looked at."""
    return await _decided(request, "models/sync", _("The store is being looked at. Reload in a moment."))


async def retrain(request: Request) -> Response:
    """Have a model trained anew."""
    said = _("The training has begun. Reload to see how far it has come.")
    return await _decided(request, "models/retrain", said)


async def runs(request: Request) -> Response:
    """Show at once where the runs of a family will be: asking the store for them takes seconds."""
    data = await query(request, "models/dashboard", family=_family(request))
    actor = visitor_of(request).actor
    if actor is None or not actor.may(Scope.TECHNICAL_FILE):
        raise HTTPException(403)
    asked = here(request)
    address = f"{request.url.path}/listed{asked}"
    return await render(
        request, _template(request), {**data, "family": _word(request), "listed": None, "address": address}
    )


async def list_runs(request: Request) -> Response:
    """List the runs of a family, or show those chosen side by side; htmx gets nothing around them."""
    chosen = _chosen(request) or None
    data = await query(request, "models/runs", family=_family(request), runIds=chosen)
    listed = found(data["modelRuns"])
    given = {
        **data,
        "family": _word(request),
        "chosen": chosen,
        "listed": listed,
        "parameters": _rows(listed["runs"], "parameters"),
        "metrics": _rows(listed["runs"], "metrics"),
    }
    return await render(request, _template(request), given, partial="models/_read.html")


def _chosen(request: Request) -> list[str]:
    return request.query_params.getlist("run")


def _template(request: Request) -> str:
    return "models/compared.html" if _chosen(request) else "models/runs.html"


def _rows(shown: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """Return a row for each name that any run has, with the value of each run, and whether they differ."""
    values = [{each["name"]: each["value"] for each in one[what]} for one in shown]
    names = sorted({name for one in values for name in one})
    return [
        {"name": name, "values": row, "differ": len(set(row)) > 1}
        for name in names
        for row in [[one.get(name) for one in values]]
    ]


async def show_promotion(request: Request) -> Response:
    """Show how the challenger of a family stands beside its champion."""
    return await _promotion(request, Submission("Model"))


async def promote_challenger(request: Request) -> Response:
    """Let the challenger take the champion's place."""
    return await _of_family(request, "models/promote", _("The challenger answers from now on."))


async def roll_back_champion(request: Request) -> Response:
    """Let the champion before answer again."""
    return await _of_family(request, "models/rollback", _("The version before answers again."))


async def compare(request: Request) -> Response:
    """Have both compared."""
    return await _of_family(request, "models/compare", _("They are being compared. Reload in a few minutes."))


async def start_trial(request: Request) -> Response:
    """Let the challenger answer a share."""
    return await _of_family(request, "models/trial", _("The A/B test has begun."))


async def stop_trial(request: Request) -> Response:
    """Let the champion answer everybody again."""
    return await _of_family(request, "models/stop", _("The A/B test has ended."))


async def set_policy(request: Request) -> Response:
    """Say whether challengers promote themselves."""
    return await _of_family(request, "models/policy", _("The policy is saved."))


async def _alias(request: Request) -> str:
    """Return the alias that a form is about; the API takes champion where it names none."""
    return str((await form_of(request)).get("alias", "CHAMPION"))


def _family(request: Request) -> str:
    """Return the family in the address as the API names it; raises HTTPException for any other word."""
    return _word(request).upper()


def _word(request: Request) -> str:
    word: str = request.path_params["family"]
    if word not in FAMILIES:
        raise HTTPException(404)
    return word


async def _of_family(request: Request, operation: str, said: str) -> Response:
    back = f"/models/{_word(request)}"
    done = await submit(request, operation)
    return redirect(request, back, said=said) if done.ok else await _promotion(request, done)


async def _decided(request: Request, operation: str, said: str) -> Response:
    done = await submit(request, operation)
    return redirect(request, "/models", said=said) if done.ok else await _index(request, done)


async def _index(request: Request, done: Submission) -> Response:
    data = await query(request, "models/list", **page_of(request))
    for edge in data["modelVersions"]["edges"]:
        version = edge["node"]
        version["figures"] = told(version["model"]["family"], version["metrics"])
    given = {
        **data,
        "pages": links(request, data["modelVersions"]["pageInfo"], "/models"),
        "asked": here(request),
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "models/list.html", given, status=done.status)


async def _promotion(request: Request, done: Submission) -> Response:
    data = await query(request, "models/promotion", family=_family(request))
    given = {"model": found(data["model"]), "form": done.form, "refusal": done.message}
    return await render(request, "models/promotion.html", given, status=done.status)


routes = [
    Route("/models", index, name="models"),
    Route("/models/promote", promote, methods=["POST"]),
    Route("/models/rollback", roll_back, methods=["POST"]),
    Route("/models/sync", sync, methods=["POST"]),
    Route("/models/retrain", retrain, methods=["POST"]),
    Route("/models/{family}/runs", runs, name="runs"),
    Route("/models/{family}/runs/listed", list_runs, name="runs_listed"),
    Route("/models/{family}", show_promotion, name="promotion"),
    Route("/models/{family}/promote", promote_challenger, methods=["POST"]),
    Route("/models/{family}/rollback", roll_back_champion, methods=["POST"]),
    Route("/models/{family}/compare", compare, methods=["POST"]),
    Route("/models/{family}/trial", start_trial, methods=["POST"]),
    Route("/models/{family}/stop", stop_trial, methods=["POST"]),
    Route("/models/{family}/policy", set_policy, methods=["POST"]),
]
