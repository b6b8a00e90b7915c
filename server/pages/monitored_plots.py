"""Plots of what is watched, and what of them goes into tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from server.formats import number, percent
from server.i18n import gettext as _
from server.pages.feedback import ORDERS, group_place
from server.plots import Axis, Line, Plot, Values, bars, line, middle, named

Day = Mapping[str, Any]
"""A day of `Monitoring.trends`."""

QUALITIES = ("HIGH", "MEDIUM", "LOW", "INSUFFICIENT")
SECONDS_FROM_MS = 10_000
"""Where latencies reach this they are told in seconds."""
NARROWEST = 0.95
"""An axis of rates that are all near 1 begins here, so that one in a thousand looks like what it is."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that predictions are divided by, and its share from day to day."""

    name: str
    count: int
    share: float
    trend: Line
    said: str


def drawn(family: str, watched: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plots, and what of them goes into tables."""
    days = watched["trends"]
    figures = [each["figures"] for each in days]
    return {
        "figures": watched["summary"]["figures"],
        "days": list(reversed(days)),
        "volume": _volume(days),
        "success": _success(days),
        "latency": _latency(days),
        "seconds": _slow(figures),
        "confidence": _confidence(watched["summary"]["figures"]["confidence"]),
        "classes": _mix(days, "classes", ORDERS[family], family),
        "quality": _mix(days, "quality", QUALITIES, family),
        "slices": sorted(watched["summary"]["figures"]["slices"], key=lambda each: group_place(each["name"])),
        "spent": list(reversed(watched["languageModel"] or [])),
        "cost": _cost(watched["languageModel"] or []),
        "worst": max((each["figures"]["errorRate"]["high"] or 0 for each in watched["versions"]), default=0),
    }


def kept_name(what: str, family: str, kept: str) -> str:
    """Return what the API calls a class or a quality that is kept under this name."""
    return f"TRI_{kept}" if what == "classes" and family == "TRIAGE" else kept.upper()


def _volume(days: Sequence[Day]) -> Plot:
    parts = [
        (each["figures"]["answeredCount"], each["figures"]["count"] - each["figures"]["answeredCount"])
        for each in days
    ]
    totals = [sum(each) for each in parts]
    axis = Axis.around(0, max(totals), least=1)
    said = _said(totals, lambda value: number(value, 0))
    return Plot.of(axis, lambda value: number(value, 0), _names(days), said, bars=bars(parts, axis))


def _success(days: Sequence[Day]) -> Plot:
    rates = [each["figures"]["successRate"] for each in days]
    axis = Axis.around(min((NARROWEST, *(each for each in rates if each is not None))), 1)
    return Plot.of(axis, _percent, _names(days), _said(rates, _percent), lines={"": line(rates, axis)})


def _latency(days: Sequence[Day]) -> Plot:
    figures = [each["figures"] for each in days]
    slow = _slow(figures)
    scale = 1000 if slow else 1

    def told(value: float) -> str:
        return f"{number(value, 1)}\u00a0{'s' if slow else 'ms'}"

    half, most = (
        [each[name] / scale if each[name] is not None else None for each in figures]
        for name in ("latencyP50Ms", "latencyP95Ms")
    )
    axis = Axis.around(0, max((each for each in most if each is not None), default=0))
    lines = {"p50": line(half, axis), "p95": line(most, axis)}
    said = _("Half of the answers: %(half)s 95 %% of the answers: %(most)s") % {
        "half": _said(half, told),
        "most": _said(most, told),
    }
    return Plot.of(axis, told, _names(days), said, lines=lines)


def _confidence(shares: Sequence[float]) -> Plot | None:
    if not shares:
        return None
    axis = Axis.around(0, max(shares))
    parts = len(shares)
    names = [(100.0 * each / parts, percent(100 * each / parts)) for each in range(0, parts + 1, 2)]
    said = _("Most often between %(low)s and %(high)s.") % {
        "low": percent(100 * shares.index(max(shares)) / parts),
        "high": percent(100 * (shares.index(max(shares)) + 1) / parts),
    }
    return Plot.of(axis, _percent, names, said, bars=bars([(each,) for each in shares], axis))


def _cost(days: Sequence[Day]) -> Plot | None:
    euros = [each["euros"] for each in days]
    if not any(euros):
        return None
    axis = Axis.around(0, max(euros))
    said = _said(euros, _euros)
    return Plot.of(axis, _euros, _names(days), said, bars=bars([(each,) for each in euros], axis))


def _mix(days: Sequence[Day], what: str, order: Sequence[str], family: str) -> list[Part]:
    """Return what there is, in the family's order."""
    daily = [
        {kept_name(what, family, each["name"]): each["count"] for each in day["figures"][what]}
        for day in days
    ]
    sums = [sum(each.values()) for each in daily]
    parts = []
    for name in order:
        count = sum(each.get(name, 0) for each in daily)
        if count:
            shares = [
                each.get(name, 0) / total if total else None for each, total in zip(daily, sums, strict=True)
            ]
            axis = Axis.around(0, max(each for each in shares if each is not None))
            parts.append(Part(name, count, count / sum(sums), line(shares, axis), _said(shares, _percent)))
    return parts


def _names(days: Sequence[Day]) -> list[tuple[float, str]]:
    """Return the days that are named, and where."""
    count = len(days)
    return [(middle(each, count), f"{date.fromisoformat(days[each]['day']):%d/%m}") for each in named(count)]


def _said(values: Values, told: Callable[[float], str]) -> str:
    """Return what a plot shows, in words."""
    there = [each for each in values if each is not None]
    if not there:
        return _("No figure in these days.")
    least, most = told(min(there)), told(max(there))
    if least == most:
        return _("Always %(value)s.") % {"value": least}
    return _("Between %(least)s and %(most)s; %(last)s at the end.") % {
        "least": least,
        "most": most,
        "last": told(there[-1]),
    }


def _slow(figures: Iterable[Mapping[str, Any]]) -> bool:
    return any((each["latencyP95Ms"] or 0) >= SECONDS_FROM_MS for each in figures)


def _percent(share: float) -> str:
    return percent(100 * share, 1)


def _euros(euros: float) -> str:
    return f"{number(euros, 4)}\u00a0€"
