"""Where each lead goes on paper: pure geometry in millimetres, seconds and millivolts."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from ml.ecg.signal import STANDARD_LEADS, Signal

PAPER_SPEED_MM_S = 25.0
GAIN_MM_MV = 10.0
LONGEST_S = 10.0
MARGIN_MM = 5.0
PULSE_MM = 10.0
"""Room for the calibration pulse at the left of every row: 2.5 mm of foot, 5 mm of pulse, 2.5 mm of foot."""

_STANDARD_FROM_S = 9.5
_ROW_MM = 25
_STACKED_ROW_MM = 20
_CROWDED = 6
_WIDEST_GAP_MM = 45
_TALLEST_EDGE_MM = 60
_CAPTION_MM = 10


@dataclass(frozen=True)
class Strip:
    """A stretch of one lead: drawn from `start_s` to `stop_s`, beginning at `x_mm` of the page."""

    lead: str
    start_s: float
    stop_s: float
    x_mm: float


@dataclass(frozen=True)
class Page:
    """Rows of strips and the height of their zero lines."""

    rows: tuple[tuple[Strip, ...], ...]
    baselines_mm: tuple[float, ...]
    width_mm: float
    height_mm: float
    shown_s: float


def lay_out(signal: Signal) -> Page:
    """Place a signal on paper.

    Standard 12 leads of about ten seconds or more: three rows of four columns of a quarter of the time each,
    time running on from column to column, and lead II below over the whole time. Anything else: a row per
    lead. Rows keep 25 mm (20 when there are many) and grow by 5 mm steps where deflections need it, to at
    most 45 mm; beyond that neighbours overlap as on real paper. At most the first ten seconds are drawn.
    """
    shown = min(signal.duration_s, LONGEST_S)
    rows = _standard(shown) if _is_standard(signal) else _stacked(signal, shown)
    least = _STACKED_ROW_MM if len(rows) > _CROWDED else _ROW_MM
    reach = [_reach_mm(signal, row) for row in rows]
    baselines = [_edge(reach[0][0])]
    for (_, below), (above, _) in pairwise(reach):
        baselines.append(baselines[-1] + min(max(_ceil5(below + above), least), _WIDEST_GAP_MM))
    height = baselines[-1] + _edge(reach[-1][1]) + _CAPTION_MM
    width = 2 * MARGIN_MM + PULSE_MM + _ceil5(shown * PAPER_SPEED_MM_S)
    return Page(rows, tuple(baselines), width, height, shown)


def centred(signal: Signal, lead: str, stop_s: float) -> npt.NDArray[np.float64]:
    """Return a lead's millivolts up to a time, about their median: the constant part means nothing."""
    values = signal.lead(lead)[: ceil(stop_s * signal.sampling_rate_hz) + 1].astype(np.float64)
    recorded = values[~np.isnan(values)]
    return values - np.median(recorded) if recorded.size else values


def _is_standard(signal: Signal) -> bool:
    return set(signal.leads) == set(STANDARD_LEADS) and signal.duration_s >= _STANDARD_FROM_S


def _standard(shown: float) -> tuple[tuple[Strip, ...], ...]:
    left, column = MARGIN_MM + PULSE_MM, shown / 4
    starts = [column * index for index in range(4)]
    grid = (
        tuple(
            Strip(lead, start, start + column, left + start * PAPER_SPEED_MM_S)
            for lead, start in zip(STANDARD_LEADS[row::3], starts, strict=True)
        )
        for row in range(3)
    )
    return (*grid, (Strip("II", 0, shown, left),))


def _stacked(signal: Signal, shown: float) -> tuple[tuple[Strip, ...], ...]:
    known = [lead for lead in STANDARD_LEADS if lead in signal.leads]
    order = [*known, *(lead for lead in signal.leads if lead not in STANDARD_LEADS)]
    return tuple((Strip(lead, 0, shown, MARGIN_MM + PULSE_MM),) for lead in order)


def _reach_mm(signal: Signal, row: tuple[Strip, ...]) -> tuple[float, float]:
    """Return how far a row's ink goes above and below its zero line, with room for label and pulse."""
    above, below = GAIN_MM_MV + 2, 5.0
    for strip in row:
        first = floor(strip.start_s * signal.sampling_rate_hz)
        values = centred(signal, strip.lead, strip.stop_s)[first:]
        above = max(above, float(np.nanmax(values, initial=0)) * GAIN_MM_MV + 2)
        below = max(below, -float(np.nanmin(values, initial=0)) * GAIN_MM_MV + 2)
    return above, below


def _edge(reach_mm: float) -> int:
    return min(max(_ceil5(reach_mm), 15), _TALLEST_EDGE_MM)


def _ceil5(length_mm: float) -> int:
    return 5 * ceil(length_mm / 5 - 1e-9)
