"""What is watched as rows, one figure each, for whoever calculates with them."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from server.pages.monitored_plots import kept_name
from server.parquet import Kind

LATENCIES = {"latencyP50Ms": "latency_p50_ms", "latencyP95Ms": "latency_p95_ms"}
PARTS = {"classes": "class", "quality": "quality"}


class Row(NamedTuple):
    """One figure of a file; what does not apply is None.

    Parameters
    ----------
    day
        None of all days together.
    version
        The number of the only version.
    n
        How many there are, or what the value is of.
    value
        A share from 0 to 1, milliseconds or euros.
    low, high
        The interval of 95 %.
    """

    family: str
    version: int | None
    figure: str
    day: date | None = None
    name: str | None = None
    n: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


KINDS = {
    "family": Kind.TEXT,
    "version": Kind.WHOLE,
    "figure": Kind.TEXT,
    "day": Kind.DAY,
    "name": Kind.TEXT,
    "n": Kind.WHOLE,
    "value": Kind.REAL,
    "low": Kind.REAL,
    "high": Kind.REAL,
}


def rows_of(family: str, version: int | None, data: Mapping[str, Any]) -> Iterator[Row]:
    """Yield every figure of the page, of all versions where none is chosen."""
    watched = data["monitoring"]
    whole = watched["summary"]["figures"]
    yield from _figures(family, version, None, whole)
    yield from _parts(family, version, None, whole)
    parts = len(whole["confidence"])
    for number, share in enumerate(whole["confidence"]):
        yield Row(family, version, "confidence", None, f"{number / parts:.1f}", None, share)
    for each in whole["problems"]:
        yield Row(family, version, "problem", None, each["name"].upper(), each["count"])
    for each in whole["slices"]:
        yield Row(family, version, "slice", None, each["name"], each["count"], each["meanConfidence"])
    for each in data["feedbackStatistics"]["byType"]:
        yield Row(family, version, "feedback", None, each["type"], each["count"])
    for each in watched["versions"]:
        only = each["version"]["number"] if each["version"] else None
        for row in _figures(family, only, None, each["figures"]):
            yield row._replace(figure=f"version_{row.figure}")
    for each in watched["trends"]:
        day = date.fromisoformat(each["day"])
        yield from _figures(family, version, day, each["figures"])
        yield from _parts(family, version, day, each["figures"])
    for each in watched["languageModel"] or []:
        day = date.fromisoformat(each["day"])
        yield Row(family, None, "language_model", day, None, each["calls"], each["euros"])


def _figures(family: str, version: int | None, day: date | None, figures: Mapping[str, Any]) -> Iterator[Row]:
    count, rate = figures["count"], figures["errorRate"]
    yield Row(family, version, "predictions", day, None, count)
    yield Row(family, version, "answered", day, None, figures["answeredCount"], figures["successRate"])
    for name, figure in LATENCIES.items():
        yield Row(family, version, figure, day, None, count, figures[name])
    found = (rate["total"], rate["share"], rate["low"], rate["high"])
    yield Row(family, version, "found_wrong", day, None, *found)


def _parts(family: str, version: int | None, day: date | None, figures: Mapping[str, Any]) -> Iterator[Row]:
    for what, figure in PARTS.items():
        for each in figures[what]:
            yield Row(family, version, figure, day, kept_name(what, family, each["name"]), each["count"])
