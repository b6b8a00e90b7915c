"""What readers think of predictions, in figures; for administrators, feedback in from files and out."""

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.pages import tables
from server.pages.support import Submission, found, query, render, submit
from server.site import site_of
from server.uploads import files_of

MAX_FILE_BODY = 1_100_000
"""Bytes sent with a file of opinions: 1 MB and its form."""
MAX_FORM_BODY = 100_000

ORDERS = {
    "BEATS": ("NORMAL", "LBBB", "RBBB", "APB", "PVC"),
    "TRIAGE": ("TRI_1", "TRI_2", "TRI_3A", "TRI_3B", "TRI_4", "TRI_5"),
    "SEGMENTATION": (),
}
FAMILIES = tuple(ORDERS)
COLUMNS = ("figure", "of", "corrected", "opinions", "errors", "share", "low", "high", "judged", "readers")


async def show(request: Request) -> Response:
    """Show the figures of a family, of one version where one is chosen."""
    return await _show(request, Submission("FeedbackImport"))


async def take_in(request: Request) -> Response:
    """Import a file, and say line by line what was left out."""
    return await _show(request, await submit(request, "feedback/import"))


async def table(request: Request) -> Response:
    """Send the figures as CSV."""
    family, data = await _asked(request)
    rows = _rows(found(data["feedbackStatistics"]))
    return tables.table(request, f"feedback-{family.lower()}", COLUMNS, rows)


def group_place(name: str) -> tuple[str, int, str]:
    """Return where a group stands: those of ages and leads by their number."""
    kind, _colon, which = name.partition(":")
    return kind, int(which) if which.isdecimal() else 0, which


async def _show(request: Request, done: Submission) -> Response:
    family, data = await _asked(request)
    listed = [edge["node"] for edge in data["modelVersions"]["edges"]]
    figures = found(data["feedbackStatistics"])
    cells = {(each["original"], each["corrected"]): each["count"] for each in figures["matrix"]}
    given = {
        "demo": site_of(request).demo,
        "family": family,
        "families": FAMILIES,
        "versions": [each for each in listed if each["model"]["family"] == family],
        "version": request.query_params.get("version", ""),
        "figures": figures,
        "groups": sorted(figures["byGroup"], key=lambda each: group_place(each["name"])),
        "matrix": [
            (said, [cells.get((said, right), 0) for right in (*ORDERS[family], None)])
            for said in ORDERS[family]
        ],
        "order": ORDERS[family],
        "told": bool(cells),
        "importing": data["viewer"]["role"] == "ADMIN",
        "imported": done.value if done.ok and done.value else None,
        "form": done.form,
        "refusal": done.message,
    }
    return await render(request, "feedback/statistics.html", given, status=done.status)


async def _asked(request: Request) -> tuple[str, dict[str, Any]]:
    asked = request.query_params
    family = asked["family"] if asked.get("family") in FAMILIES else "TRIAGE"
    version = asked.get("version") or None
    return family, await query(request, "feedback/statistics", family=family, modelVersionId=version)


def _rows(figures: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    yield "all", "", "", *_rate(figures["errorRate"])
    for each in figures["byType"]:
        yield "type", each["type"], "", each["count"]
    for each in figures["matrix"]:
        yield "matrix", each["original"], each["corrected"] or "", each["count"]
    for each in figures["byVersion"]:
        number = each["version"]["number"] if each["version"] else ""
        yield "version", number, "", *_rate(each["errorRate"])
    for each in figures["byGroup"]:
        yield "group", each["name"], "", *_rate(each["errorRate"])
    for each in figures["byWeek"]:
        yield "week", each["week"], "", *_rate(each["errorRate"])


def _rate(rate: dict[str, Any]) -> tuple[Any, ...]:
    shares = (round(rate[name], 4) if rate[name] is not None else "" for name in ("share", "low", "high"))
    return rate["total"], rate["errors"], *shares, rate["judgedCount"], rate["readerCount"]


routes = [
    Route("/statistics/feedback", show, name="feedback"),
    Route(
        "/statistics/feedback",
        take_in,
        methods=["POST"],
        max_body_size=MAX_FILE_BODY,
        middleware=files_of(Scope.MODELS_WRITE, MAX_FILE_BODY, MAX_FORM_BODY),
    ),
    Route("/statistics/feedback.csv", table),
]
