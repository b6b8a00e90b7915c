"""How well printed ECGs are digitised: known recordings, printed by another hand, spoiled, and read back."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.digitising.digitise import RATE_HZ, digitise
from ml.ecg.digitising.digitised import Digitised, DigitisingError, Trace
from ml.ecg.digitising.grid import mapped
from ml.ecg.digitising.printing import CONDITIONS, LAYOUTS, Print, Stretch, drawn, print_page
from ml.ecg.readers import read_signal
from ml.ecg.signal import STANDARD_LEADS, Signal

MIN_CLEAN_DB, MIN_DEGRADED_DB, MAX_REFUSED = 20.0, 12.0, 0.02
UNDEMANDED = frozenset({"one bit"})
"""Measured without an aim: where curves run along lines as black as they are, nothing tells them apart."""

LOST_DB = 0.0
"""What a lead scores that is not where it was printed: an empty answer does no worse."""


@dataclass(frozen=True)
class Page:
    """What became of one page: the signal-to-noise ratio of each stretch of a lead, or why it was refused."""

    record: str
    layout: str
    condition: str
    seconds: float
    refusal: str | None = None
    leads: dict[str, float] = field(default_factory=dict)
    covered: float = 0.0

    @property
    def mean_db(self) -> float:
        """Return the mean over leads."""
        return float(np.mean(list(self.leads.values())))


@dataclass(frozen=True)
class Report:
    """Every page."""

    pages: Sequence[Page]

    def of(self, condition: str) -> list[Page]:
        """Return the pages of a condition that were digitised."""
        return [page for page in self.pages if page.condition == condition and page.refusal is None]

    def summary(self, condition: str) -> dict[str, Any]:
        """Return the figures of a condition."""
        count = sum(page.condition == condition for page in self.pages)
        pages = self.of(condition)
        each = [decibels for page in pages for decibels in page.leads.values()]
        names = dict.fromkeys(name for page in pages for name in page.leads)
        return {
            "pages": count,
            "refused": 1 - len(pages) / count if count else 0.0,
            "mean_db": _mean(each),
            "median_db": _median(each),
            "worst_page_db": min((page.mean_db for page in pages), default=float("nan")),
            "covered": _mean([page.covered for page in pages]),
            "seconds": _median([page.seconds for page in pages]),
            "leads": {
                name: {"mean_db": _mean(values), "median_db": _median(values)}
                for name in names
                if (values := [page.leads[name] for page in pages if name in page.leads])
            },
        }

    def faults(self) -> list[str]:
        """Return which aims are missed, one line each."""
        faults = []
        for condition in CONDITIONS:
            found = self.summary(condition)
            if not found["pages"] or condition in UNDEMANDED:
                continue
            least = MIN_CLEAN_DB if condition == "clean" else MIN_DEGRADED_DB
            if not found["mean_db"] >= least:
                faults.append(f"{condition}: {found['mean_db']:.1f} dB, not {least:.0f}")
            if found["refused"] > MAX_REFUSED:
                faults.append(f"{condition}: {found['refused']:.0%} refused, not {MAX_REFUSED:.0%}")
        return faults

    def figures(self) -> dict[str, Any]:
        """Return everything measured, for JSON."""
        return {
            "conditions": {condition: self.summary(condition) for condition in CONDITIONS},
            "pages": [vars(page) for page in self.pages],
        }

    def text(self) -> str:
        """Return the report as a person reads it."""
        lines = [_HEAD]
        lines += [_line(condition, self.summary(condition)) for condition in CONDITIONS]
        leads = [*STANDARD_LEADS, f"{STRIP} II"]
        lines += ["", "mean dB, by lead", f"  {'':<17}" + "".join(f"{lead:>10}" for lead in leads)]
        for condition in CONDITIONS:
            found = self.summary(condition)["leads"]
            row = "".join(
                f"{found[lead]['mean_db']:>10.1f}" if lead in found else f"{'':>10}" for lead in leads
            )
            lines.append(f"  {condition:<17}{row}")
        return "\n".join(lines)


STRIP = "strip"

_COLUMNS = (
    ("pages", "6", ""),
    ("refused", "9", ".1%"),
    ("mean_db", "9", ".1f"),
    ("median_db", "11", ".1f"),
    ("worst_page_db", "15", ".1f"),
    ("covered", "9", ".1%"),
    ("seconds", "9", ".1f"),
)
_HEAD = f"  {'':<17}" + "".join(f"{name:>{width}}" for name, width, _ in _COLUMNS)


def _line(condition: str, found: dict[str, Any]) -> str:
    figures = "".join(f"{found[name]:>{width}{form}}" for name, width, form in _COLUMNS)
    return f"  {condition:<17}{figures}"


def judged_on(folder: Path, every: int = 1) -> list[Path]:
    """Return the records that figures are reported of: even numbers; constants were chosen on odd ones."""
    numbered = {int(path.stem): path for path in folder.rglob("*.hea") if path.stem.isdecimal()}
    return [numbered[number] for number in sorted(numbered) if number % 2 == 0][::every]


def evaluate(
    records: Iterable[Path],
    progress: Callable[[str], None] = lambda _page: None,
    conditions: Sequence[str] = tuple(CONDITIONS),
) -> Report:
    """Print, spoil and digitise recordings, each in one layout, turn and turn about."""
    pages = []
    for index, path in enumerate(records):
        signal = read_signal(path)
        layout = LAYOUTS[index % len(LAYOUTS)]
        printed = print_page(signal, layout)
        for condition in conditions:
            progress(f"{path.stem}, {condition}")
            spoiled = CONDITIONS[condition](printed, 1 if index % 4 < 2 else -1)
            pages.append(judge(signal, spoiled, path.stem, layout, condition))
    return Report(pages)


def judge(signal: Signal, page: Print, record: str, layout: str, condition: str) -> Page:
    """Digitise one page, told nothing but its pixels, and hold it against what was printed."""
    started = time.process_time()
    try:
        found = digitise(page.picture)
    except DigitisingError as error:
        return Page(record, layout, condition, time.process_time() - started, error.reason.value)
    seconds = time.process_time() - started
    leads, covered = compare(signal, page, found)
    return Page(record, layout, condition, seconds, None, leads, covered)


def compare(signal: Signal, page: Print, found: Digitised) -> tuple[dict[str, float], float]:
    """Return the ratio of every printed stretch, in decibels, and the share of them that has a value.

    Notes
    -----
    Where a trace begins is looked up on the page, by the place it claims in the picture, and from there both
    run by their own clocks. Their means are taken off, as paper tells no zero; nothing else is fitted.
    """
    leads, covered = {}, []
    for index, stretch in enumerate(page.stretches):
        ratio, share = _ratio(signal, stretch, _nearest(page, stretch, found.traces))
        leads[stretch.lead if index < len(STANDARD_LEADS) else f"{STRIP} {stretch.lead}"] = ratio
        covered.append(share)
    return leads, float(np.mean(covered))


def _nearest(page: Print, stretch: Stretch, traces: Sequence[Trace]) -> tuple[Trace, float] | None:
    """Return the trace under the stretch's name that begins nearest, and how far to its right (mm)."""
    found = []
    for trace in traces:
        there = np.flatnonzero(~np.isnan(trace.y))
        if trace.lead == stretch.lead and there.size:
            u, v = mapped(page.to_mm, trace.x[there[0]], trace.y[there[0]])
            late_mm = float(u) - there[0] / RATE_HZ * 25 - stretch.x_mm
            found.append((abs(float(v) - stretch.y_mm) + abs(late_mm), trace, late_mm))
    if not found:
        return None
    _, trace, late_mm = min(found, key=lambda each: each[0])
    return trace, late_mm


def _ratio(signal: Signal, stretch: Stretch, found: tuple[Trace, float] | None) -> tuple[float, float]:
    if found is None:
        return LOST_DB, 0.0
    trace, late_mm = found
    seconds = stretch.start_s + late_mm / 25 + np.arange(len(trace.millivolts)) / RATE_HZ
    truth = drawn(signal, stretch, seconds)
    both = ~np.isnan(truth) & ~np.isnan(trace.millivolts)
    share = float(both.sum() / ((stretch.stop_s - stretch.start_s) * RATE_HZ))
    if share < 0.5:
        return LOST_DB, share
    wanted, error = _centred(truth[both]), _centred(trace.millivolts[both] - truth[both])
    return float(10 * np.log10((wanted**2).sum() / (error**2).sum())), min(share, 1.0)


def _centred(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(values - values.mean(), np.float64)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")
