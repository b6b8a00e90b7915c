"""From a picture of paper to leads: the steps in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.ecg.digitising import columns, rows
from ml.ecg.digitising.columns import Span
from ml.ecg.digitising.digitised import Anchor, Digitised, DigitisingError, Paper, Quality, Refusal, Trace
from ml.ecg.digitising.following import (
    Array,
    Envelope,
    Runs,
    envelope,
    find_runs,
    follow,
    pen_middle,
    settle_shared,
    with_points,
    within,
)
from ml.ecg.digitising.grid import Grid, find_grid
from ml.ecg.digitising.layouts import COLUMN_S, LAYOUTS, Layout, lead_at
from ml.ecg.digitising.picture import darkness
from ml.ecg.digitising.sheet import Sheet, flatten
from ml.ecg.signal import STANDARD_LEADS, Signal

MAX_PIXELS = 40_000_000
MIN_SIDE = 200
RATE_HZ = 500.0
RESOLUTION_UV = 1.0

_ANY_PAPER = Paper()
_GAIN_MM_MV = 10.0
_PULSES_MM = (5.0, 10.0, 20.0)
_REACH, _ALONE_MM = 1.6, 40.0
_SAME, _REPEATED = 0.6, 0.25
_USUAL = {
    3: ("3x4",),
    4: ("3x4+1",),
    5: ("3x4+2",),
    6: ("3x4+3", "6x2"),
    7: ("6x2+1",),
    12: ("12x1",),
}
"""Layouts by their number of rows; all but the last need strips that repeat what stands above."""


@dataclass(frozen=True, eq=False)
class _Curve:
    """One row of the page, followed."""

    baseline: float
    edges: Envelope
    middle: Array
    shared: npt.NDArray[np.bool_]


def digitise(picture: Image.Image, paper: Paper = _ANY_PAPER, anchors: Sequence[Anchor] = ()) -> Digitised:
    """Digitise a scan or photograph of a printed ECG, upright to some 10°.

    Parameters
    ----------
    picture : PIL.Image.Image
        Mode L or RGB.
    paper : Paper
        What is known of it.
    anchors : sequence of Anchor, optional
        Points that a person knows curves to go through; the rest is followed anew around them.

    Raises
    ------
    DigitisingError
        When there is no grid, no trace or no layout that is known, or the picture is too large or small.
    """
    grid, sheet = _laid_flat(picture)
    baselines = rows.find_baselines(sheet)
    if not baselines:
        raise DigitisingError(Refusal.NO_TRACE)
    names = _layouts(paper, len(baselines))
    curves, radius = _followed(find_runs(sheet), baselines, sheet, anchors)
    span, pulse_mm = _span(curves, radius, sheet.scale)
    gain = paper.gain_mm_mv or _gain(pulse_mm)
    for name in names:
        leads, strips = _read(LAYOUTS[name], curves, span, sheet, replace(paper, gain_mm_mv=gain))
        if _repeat(strips, leads):
            break
    traces = leads + _named(strips, leads)
    if paper.leads is not None:
        named = zip(traces, paper.leads, strict=True)
        traces = [replace(trace, lead=lead) for trace, lead in named]
    signal, quality = _assembled(traces)
    return Digitised(signal, tuple(traces), quality, name, grid, gain, pulse_mm)


def _read(
    plan: Layout, curves: list[_Curve], span: Span, sheet: Sheet, paper: Paper
) -> tuple[list[Trace], list[Trace]]:
    """Read curves as a layout has them: the leads row by row, and the strips below."""
    pitch = COLUMN_S[plan.columns] * paper.speed_mm_s * sheet.scale
    inked = np.mean([~np.isnan(curve.middle) for curve in curves], axis=0) > 0.5
    start = columns.begin(span, pitch * plan.columns, sheet.scale, inked)
    baselines = [curve.baseline for curve in curves[: plan.rows]]
    tops = [curve.edges.top for curve in curves[: plan.rows]]
    reach = sheet.scale * (columns.ASTRAY_MM if span.pulse is None else columns.BESIDE_MM)
    start = columns.settle(start, pitch, plan.columns, columns.marks(sheet, baselines, tops), reach)
    page = _Page(sheet, start, pitch, span.last + 1.0, paper.speed_mm_s, paper.gain_mm_mv or _GAIN_MM_MV)
    leads = [
        page.trace(curves[row], lead_at(plan, row, column, paper.order), row, column, 1)
        for row in range(plan.rows)
        for column in range(plan.columns)
    ]
    strips = [
        page.trace(curves[plan.rows + index], lead, plan.rows + index, 0, plan.columns)
        for index, lead in enumerate(plan.strips)
    ]
    return leads, strips


def _laid_flat(picture: Image.Image) -> tuple[Grid, Sheet]:
    if picture.width * picture.height > MAX_PIXELS:
        raise DigitisingError(Refusal.TOO_MANY_PIXELS)
    if min(picture.size) < MIN_SIDE:
        raise DigitisingError(Refusal.TOO_COARSE)
    dark = darkness(picture)
    grid = find_grid(dark.grid)
    if grid is None:
        raise DigitisingError(Refusal.NO_GRID)
    return grid, flatten(dark, grid)


def _layouts(paper: Paper, count: int) -> tuple[str, ...]:
    """Return the layouts that so many rows may be, of which the first that fits is taken."""
    names = _USUAL.get(count, ()) if paper.layout is None else (paper.layout,)
    if not names or any(name not in LAYOUTS or LAYOUTS[name].height > count for name in names):
        raise DigitisingError(Refusal.UNKNOWN_LAYOUT)
    if paper.leads is not None and (paper.layout is None or len(paper.leads) != LAYOUTS[names[0]].stretches):
        raise DigitisingError(Refusal.UNKNOWN_LAYOUT)
    return names


def _followed(
    runs: Runs, baselines: list[float], sheet: Sheet, anchors: Sequence[Anchor]
) -> tuple[list[_Curve], float]:
    apart = float(np.median(np.diff(baselines))) if len(baselines) > 1 else _ALONE_MM * sheet.scale
    edges, taken = [], []
    for row, baseline in enumerate(baselines):
        near, names = within(runs, baseline - _REACH * apart, baseline + _REACH * apart)
        points = [sheet.from_picture(anchor.x, anchor.y) for anchor in anchors if anchor.row == row]
        places = [(float(column), float(height)) for column, height in points]
        near, names, pinned = with_points(near, names, places, sheet.scale)
        chosen = follow(near, baseline, sheet.scale, pinned)
        edges.append(envelope(near, chosen))
        taken.append(np.where(chosen >= 0, names[chosen] if names.size else -1, -1))
    thickness = np.concatenate([each.bottom - each.top for each in edges])
    # The thinner part of all columns is where curves run level and show the pen's own width.
    radius = float(np.nanquantile(thickness, 0.25)) / 2 if not np.isnan(thickness).all() else 1.0
    owned = settle_shared(edges, taken)
    curves = [
        _Curve(baseline, each, pen_middle(each, radius), shared)
        for baseline, (each, shared) in zip(baselines, owned, strict=True)
    ]
    return curves, radius


def _span(curves: list[_Curve], radius: float, scale: int) -> tuple[Span, float | None]:
    bounds = np.array([rows.extent(curve.edges.top, scale) for curve in curves])
    first, last = (int(side) for side in np.median(bounds, axis=0))
    first, last = first + round(radius), last - round(radius)  # ink begins before the pen's middle
    heights = np.array([(curve.baseline - curve.middle) / scale for curve in curves])
    found = rows.find_pulses(heights, scale)
    if found is None:
        return Span(first, last), None
    (begin, end), height = found
    if begin > (first + last) / 2:
        last = begin - round(0.5 * scale)
    return Span(first, last, (begin, end)), height


def _gain(pulse_mm: float | None) -> float:
    return _GAIN_MM_MV if pulse_mm is None else min(_PULSES_MM, key=lambda usual: abs(usual - pulse_mm))


@dataclass(frozen=True, eq=False)
class _Page:
    """How columns of the sheet are time, and its rows voltages."""

    sheet: Sheet
    start: float
    pitch: float
    stop: float
    speed_mm_s: float
    gain_mm_mv: float

    def trace(self, curve: _Curve, lead: str, row: int, column: int, width: int) -> Trace:
        """Read one stretch of a row, `width` columns of leads long."""
        left = self.start + column * self.pitch
        right = min(left + width * self.pitch, self.stop)
        inside = np.arange(max(int(np.ceil(left)), 0), min(int(np.ceil(right)), len(curve.middle)))
        a_second = self.sheet.scale * self.speed_mm_s
        start_s = column * self.pitch / a_second
        wanted = left + np.arange(round((right - left) / a_second * RATE_HZ)) / RATE_HZ * a_second
        middle = _sampled(inside, curve.middle[inside], wanted)
        millivolts = (curve.baseline - middle) / self.sheet.scale / self.gain_mm_mv
        steps = np.rint(millivolts * 1e3 / RESOLUTION_UV) * RESOLUTION_UV / 1e3
        x, y = self.sheet.in_picture(wanted, middle)
        quality = self._quality(curve, inside)
        return Trace(lead, row, column, start_s, x, y, steps.astype(np.float32), quality)

    def _quality(self, curve: _Curve, inside: npt.NDArray[np.int64]) -> Quality:
        if not inside.size:
            return Quality(0, 0, 0)
        there = ~np.isnan(curve.middle[inside])
        top, bottom = curve.edges.top[inside][there], curve.edges.bottom[inside][there]
        edge = (top < 1) | (bottom > len(self.sheet.coverage) - 2)
        shared = float(curve.shared[inside].mean())
        return Quality(float(there.mean()), shared, float(edge.sum() / inside.size))


def _sampled(at: npt.NDArray[np.int64], values: Array, wanted: Array) -> Array:
    there = ~np.isnan(values)
    if there.sum() < 2:
        return np.full(len(wanted), np.nan)
    return np.interp(wanted, at[there], values[there], left=np.nan, right=np.nan)


def _named(strips: list[Trace], leads: list[Trace]) -> list[Trace]:
    """Name strips after the lead that draws the same at the same time, where one does."""
    named: list[Trace] = []
    taken: set[str] = set()
    for strip in strips:
        likeness = {trace.lead: _difference(strip, trace) for trace in leads if trace.lead not in taken}
        best = min(likeness, key=lambda lead: likeness[lead], default=strip.lead)
        lead = best if likeness.get(best, 1) < _SAME else strip.lead
        taken.add(lead)
        named.append(replace(strip, lead=lead))
    return named


def _repeat(strips: list[Trace], leads: list[Trace]) -> bool:
    """Return whether strips draw once more what leads draw at the same time."""
    apart = [min(_difference(strip, lead) for lead in leads) for strip in strips]
    return not apart or float(np.mean(apart)) < _REPEATED


def _difference(strip: Trace, trace: Trace) -> float:
    """Return how much of a trace the strip leaves unexplained at the same time, 0 to 1 and above."""
    first = round(trace.start_s * RATE_HZ)
    ours, theirs = strip.millivolts[first : first + len(trace.millivolts)], trace.millivolts
    length = min(len(ours), len(theirs))
    if length < RATE_HZ / 2:
        return np.inf
    ours, theirs = (
        ours[:length] - np.nanmedian(ours[:length]),
        theirs[:length] - np.nanmedian(theirs[:length]),
    )
    return float(np.sqrt(np.nansum((ours - theirs) ** 2) / (np.nansum(theirs**2) + 1e-9)))


def _assembled(traces: list[Trace]) -> tuple[Signal, dict[str, Quality]]:
    """Put every lead once on one time; the longer stretch where there are two."""
    longest: dict[str, Trace] = {}
    for trace in traces:
        if trace.lead not in longest or len(trace.millivolts) > len(longest[trace.lead].millivolts):
            longest[trace.lead] = trace
    order = {lead: index for index, lead in enumerate(STANDARD_LEADS)}
    longest = {lead: longest[lead] for lead in sorted(longest, key=lambda lead: order.get(lead, len(order)))}
    ends = [round(trace.start_s * RATE_HZ) + len(trace.millivolts) for trace in longest.values()]
    samples = np.full((max(ends), len(longest)), np.nan, np.float32)
    for index, (trace, end) in enumerate(zip(longest.values(), ends, strict=True)):
        samples[end - len(trace.millivolts) : end, index] = trace.millivolts
    signal = Signal(tuple(longest), samples, RATE_HZ, (RESOLUTION_UV,) * len(longest))
    return signal, {lead: trace.quality for lead, trace in longest.items()}
