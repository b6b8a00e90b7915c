"""Digitise one picture in this process: only ever called in a child of the pool, which may be killed."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.decoder import decoded_signal
from ml.ecg.digitising.digitise import RATE_HZ, digitise
from ml.ecg.digitising.digitised import Anchor, Digitised, DigitisingError, Paper, Trace
from ml.ecg.digitising.layouts import CABRERA
from ml.ecg.readers import kept, read
from ml.ecg.readers.reading import Reading
from ml.ecg.signal import STANDARD_LEADS, Signal

_BESIDE_PX = 0.4
"""How far a drawn trace may lie beside the one that was followed."""


def digitise_file(path: Path, asked: dict[str, Any]) -> Decoded:
    """Return a picture of paper as a signal, with how it was read.

    Parameters
    ----------
    path : Path
        A picture as it is shown.
    asked : dict
        `layout`, `cabrera`, `leads`, `speed_mm_s`, `gain_mm_mv` and `points`, each [row, x, y].

    Raises
    ------
    DecodeError
        With the way that digitising refused as its code.
    """
    [page] = read(path)
    if isinstance(page.content, Signal):
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    order = CABRERA if asked["cabrera"] else STANDARD_LEADS
    leads = None if asked["leads"] is None else tuple(asked["leads"])
    paper = Paper(
        asked["layout"], order, leads, speed_mm_s=asked["speed_mm_s"], gain_mm_mv=asked["gain_mm_mv"]
    )
    try:
        found = digitise(page.content, paper, [Anchor(*point) for point in asked["points"]])
    except DigitisingError as error:
        raise DecodeError(DecodeFailure(error.reason.value)) from None
    original = kept.write(found.signal, derived=True)
    drawn = decoded_signal(Reading(kept.MEDIA_TYPE, original, found.signal), found.signal)
    return Decoded(**{**vars(drawn), "paper": _told(found, paper)})


def _told(found: Digitised, paper: Paper) -> dict[str, Any]:
    return {
        "layout": found.layout,
        "speed_mm_s": paper.speed_mm_s,
        "gain_mm_mv": found.gain_mm_mv,
        "pulse_mm": None if found.pulse_mm is None else round(found.pulse_mm, 2),
        "quality": {lead: _shares(vars(each)) for lead, each in found.quality.items()},
        "traces": [_trace(each) for each in found.traces],
    }


def _trace(trace: Trace) -> dict[str, Any]:
    return {
        "lead": trace.lead,
        "row": trace.row,
        "column": trace.column,
        "start_s": trace.start_s,
        "seconds": round(len(trace.millivolts) / RATE_HZ, 2),
        "path": _path(trace.x, trace.y),
        **_shares(vars(trace.quality)),
    }


def _shares(quality: dict[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in quality.items()}


def _path(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> str:
    """Return a trace as SVG path data in pixels of the picture, with no more points than it needs."""
    there = np.flatnonzero(~np.isnan(y))
    pieces = np.split(there, np.flatnonzero(np.diff(there) > 1) + 1) if there.size else []
    drawn = []
    for piece in pieces:
        at = piece[_needed(x[piece], y[piece])]
        drawn.append("M" + "L".join(f"{x[one]:.1f} {y[one]:.1f}" for one in at))
    return "".join(drawn)


def _needed(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return which points a line through them needs to stay within `_BESIDE_PX` (Douglas and Peucker)."""
    kept_points, waiting = {0, len(x) - 1}, [(0, len(x) - 1)]
    while waiting:
        first, last = waiting.pop()
        inner = np.arange(first + 1, last)
        if not inner.size:
            continue
        across, down = x[last] - x[first], y[last] - y[first]
        beside = np.abs(across * (y[inner] - y[first]) - down * (x[inner] - x[first]))
        furthest = int(np.argmax(beside))
        if beside[furthest] > _BESIDE_PX * np.hypot(across, down):
            middle = int(inner[furthest])
            kept_points.add(middle)
            waiting += [(first, middle), (middle, last)]
    return np.array(sorted(kept_points))
