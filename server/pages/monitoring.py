"""Watching models: one page of plots with their tables, kept up to date, and the same figures as files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server import parquet
from server.context import visitor_of
from server.forms import Form, Problem
from server.i18n import gettext as _
from server.pages import tables
from server.pages.feedback import FAMILIES
from server.pages.live import Event, live
from server.pages.monitored_plots import drawn
from server.pages.monitored_rows import KINDS, Row, rows_of
from server.pages.support import found, query, render
from server.site import site_of

PRESETS = (7, 30, 90, 365)
USUAL = 30
MOST_DAYS = 366
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
"""What the API can count."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see.

    Parameters
    ----------
    preset
        So many days until today; None between two days of one's own.
    """

    family: str
    version: str | None
    since: date
    until: date
    preset: int | None = None
    form: Form = field(default_factory=Form)

    @property
    def days(self) -> int:
        """Return how many days that is."""
        return (self.until - self.since).days + 1

    @property
    def watched(self) -> dict[str, Any]:
        """Return what is watched, as variables of an operation."""
        return {
            "family": self.family,
            "modelVersionId": self.version,
            "days": self.days,
            "until": self.until.isoformat(),
        }

    @property
    def variables(self) -> dict[str, Any]:
        """Return the variables of an operation that asks for feedback as well."""
        return self.watched | {
            "from": _midnight(self.since),
            "before": _midnight(self.until + timedelta(days=1)),
        }

    @property
    def name(self) -> str:
        """Return what a file of it is called."""
        return f"monitoring-{self.family.lower()}-{self.since}-{self.until}"


async def show(request: Request) -> Response:
    """Show a family's figures of some days, of one version where one is chosen."""
    asked = _asked(request)
    given = await _figures(request, asked)
    compared = await query(request, "monitoring/drift", **asked.watched)
    drift = compared["monitoring"]["drift"]
    given |= {
        "families": FAMILIES,
        "presets": PRESETS,
        "demo": site_of(request).demo,
        "drift": drift,
        "widest": max((max(each["psi"], each["psiThreshold"] or 0) for each in drift["features"]), default=1),
        "foreseen": None if asked.preset is None else await _foreseen(request, asked),
    }
    status = 422 if asked.form.problems else 200
    return await render(request, "monitoring/show.html", given, status=status)


async def stream(request: Request) -> Response:
    """Stream the figures of days until today whenever they change."""
    asked = _asked(request)
    if asked.version is not None and visitor_of(request).actor is not None:
        found((await query(request, "monitoring/show", **asked.variables))["monitoring"])

    async def figures(_event: Event) -> Mapping[str, Any]:
        return await _figures(request, _asked(request))

    return await live(
        request, "monitoring/live", "monitoring/_live.html", prepare=figures, family=asked.family
    )


async def _figures(request: Request, asked: Asked) -> dict[str, Any]:
    data = await query(request, "monitoring/show", **asked.variables)
    watched = found(data["monitoring"])
    listed = [edge["node"] for edge in data["modelVersions"]["edges"]]
    return {
        "asked": asked,
        "family": asked.family,
        "versions": [each for each in listed if each["model"]["family"] == asked.family],
        "now": site_of(request).services.clock(),
        "watched": watched,
        "feedback": data["feedbackStatistics"]["byType"],
        **drawn(asked.family, watched),
    }


async def _foreseen(request: Request, asked: Asked) -> list[Mapping[str, Any]]:
    """Return the forecasts of what may pass its threshold before long."""
    told = await query(request, "monitoring/forecast", family=asked.family, modelVersionId=asked.version)
    every = told["monitoring"]["errors"] + told["monitoring"]["indices"]
    return [each for each in every if each["crossing"] and each["crossing"]["earliest"]]


async def table(request: Request) -> Response:
    """Send what is shown as CSV."""
    asked, rows = await _rows(request)
    return tables.table(request, asked.name, Row._fields, rows)


async def columns(request: Request) -> Response:
    """Send what is shown as Parquet."""
    asked, rows = await _rows(request)
    cells = {name: (kind, [getattr(row, name) for row in rows]) for name, kind in KINDS.items()}
    return tables.attachment(parquet.parquet(cells), parquet.MEDIA_TYPE, f"{asked.name}.parquet")


def _asked(request: Request) -> Asked:
    """Return what the address says; the usual days where it says none that can be counted."""
    given, today = request.query_params, site_of(request).services.clock().astimezone(UTC).date()
    family = given["family"] if given.get("family") in FAMILIES else "TRIAGE"
    version = given.get("version") or None
    days = next((each for each in PRESETS if given.get("days") == str(each)), USUAL)
    recent = today - timedelta(days=days - 1)
    typed = {name: [given[name]] for name in ("since", "until") if given.get(name)}
    if not typed:
        return Asked(family, version, recent, today, days)
    since, until = (_day(given.get(name)) for name in ("since", "until"))
    problems = list(_problems(since, until))
    if since is None or until is None or problems:
        return Asked(family, version, recent, today, days, Form(typed, problems))
    own = Asked(family, version, since, until, form=Form(typed))
    return replace(own, preset=own.days) if until == today and own.days in PRESETS else own


def _problems(since: date | None, until: date | None) -> Iterator[Problem]:
    if since is None:
        yield Problem("since", "not_a_date", _("Choose the first day."))
    if until is None:
        yield Problem("until", "not_a_date", _("Choose the last day."))
    if since and until and until < since:
        yield Problem("until", "out_of_order", _("The last day is before the first one."))
    if since and until and (until - since).days >= MOST_DAYS:
        yield Problem("since", "too_many", _("A year at most: choose a later day."))


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), UTC).isoformat()


async def _rows(request: Request) -> tuple[Asked, list[Row]]:
    """Return every figure of what is asked."""
    asked = _asked(request)
    if asked.form.problems:
        raise HTTPException(400)
    data = await query(request, "monitoring/show", **asked.variables)
    found(data["monitoring"])
    numbers = {edge["node"]["id"]: edge["node"]["number"] for edge in data["modelVersions"]["edges"]}
    return asked, list(rows_of(asked.family, numbers.get(asked.version or ""), data))


routes = [
    Route("/monitoring", show, name="monitoring"),
    Route("/monitoring/live", stream, name="monitoring_live"),
    Route("/monitoring.csv", table),
    Route("/monitoring.parquet", columns),
]
