"""Alerts on models, and the rules that open them."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.forms import number_of
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, form_of, found, query, redirect, render, submit

UNDER_WAY = ["OPEN", "ACKNOWLEDGED"]
SHARES = frozenset({"SUCCESS_RATE", "CONFIDENCE", "ERROR_RATE", "POOR_QUALITY"})
"""Metrics whose thresholds people type as percentages."""


async def index(request: Request) -> Response:
    """List alerts and rules."""
    return await _index(request, Submission("AlertRule"))


async def create(request: Request) -> Response:
    """Make a rule."""
    done = await _rule_sent(request, "alerts/create")
    if not done.ok:
        return await _index(request, done)
    return redirect(request, "/alerts", said=_("The rule is made. It is being looked at."))


async def show_rule(request: Request) -> Response:
    """Show a rule as it can be changed."""
    return await _rule(request, Submission("AlertRule"))


async def update(request: Request) -> Response:
    """Change a rule."""
    done = await _rule_sent(request, "alerts/update", id=request.path_params["id"])
    return redirect(request, "/alerts", said=_("Saved.")) if done.ok else await _rule(request, done)


async def delete(request: Request) -> Response:
    """Forget a rule."""
    done = await submit(request, "alerts/delete", id=request.path_params["id"])
    if not done.ok:
        return await _rule(request, done)
    return redirect(request, "/alerts", said=_("The rule is deleted."))


async def show(request: Request) -> Response:
    """Show an alert."""
    return await _show(request, Submission("Alert"))


async def acknowledge(request: Request) -> Response:
    """Say that somebody looks after it."""
    return await _settled(request, "alerts/acknowledge", _("You look after this alert."))


async def close(request: Request) -> Response:
    """Close it."""
    return await _settled(request, "alerts/close", _("The alert is closed."))


async def _settled(request: Request, operation: str, said: str) -> Response:
    key = request.path_params["id"]
    done = await submit(request, operation, id=key)
    return redirect(request, f"/alerts/{key}", said=said) if done.ok else await _show(request, done)


async def _rule_sent(request: Request, operation: str, **fixed: Any) -> Submission:
    """Run a mutation on the form of a rule, whose shares are typed as percentages."""
    sent = await form_of(request)
    share, number = sent.get("metric") in SHARES, number_of(sent.get("threshold", ""))
    if number is not None:
        fixed["threshold"] = number / 100 if share else number
    done = await submit(request, operation, readerIds=sent.getlist("readerIds"), **fixed)
    said = _("Choose a percentage between 0 and 100.")
    return replace(done, form=done.form.worded("threshold", "out_of_range", said)) if share else done


async def _index(request: Request, done: Submission) -> Response:
    past = bool(request.query_params.get("past"))
    data = await query(request, "alerts/list", states=["CLOSED"] if past else UNDER_WAY, **page_of(request))
    given = {
        **_choices(data),
        "alerts": data["alerts"],
        "rules": [edge["node"] for edge in data["alertRules"]["edges"]],
        "pages": links(request, data["alerts"]["pageInfo"], "/alerts"),
        "past": past,
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "alerts/list.html", given, status=done.status)


async def _rule(request: Request, done: Submission) -> Response:
    data = await query(request, "alerts/rule", id=request.path_params["id"])
    rule, choices = found(data["alertRule"]), _choices(data)
    known = {each["id"] for each in choices["readers"]}
    choices["readers"] += [each for each in rule["readers"] if each["id"] not in known]
    given = {
        **choices,
        "rule": rule,
        "typed_threshold": _typed(rule),
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "alerts/rule.html", given, status=done.status)


async def _show(request: Request, done: Submission) -> Response:
    data = await query(request, "alerts/show", id=request.path_params["id"])
    alert = found(data["alert"])
    models = {edge["node"]["family"]: edge["node"] for edge in data["models"]["edges"]}
    obstacle = models.get(alert["family"], {}).get("retrainingObstacle")
    given = {"alert": alert, "obstacle": obstacle, "form": done.form, "refusal": done.message}
    return await render(request, "alerts/show.html", given, status=done.status)


def _choices(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a rule can be made of."""
    versions = [edge["node"] for edge in data["modelVersions"]["edges"]]
    return {"versions": versions, "readers": list(data["alertReaders"])}


def _typed(rule: dict[str, Any]) -> str:
    """Return a threshold as people type it."""
    return f"{rule['threshold'] * (100 if rule['metric'] in SHARES else 1):.10g}"


routes = [
    Route("/alerts", index, name="alerts"),
    Route("/alerts/rules", create, methods=["POST"]),
    Route("/alerts/rules/{id}", show_rule, name="alert_rule"),
    Route("/alerts/rules/{id}/update", update, methods=["POST"]),
    Route("/alerts/rules/{id}/delete", delete, methods=["POST"]),
    Route("/alerts/{id}", show, name="alert"),
    Route("/alerts/{id}/acknowledge", acknowledge, methods=["POST"]),
    Route("/alerts/{id}/close", close, methods=["POST"]),
]
