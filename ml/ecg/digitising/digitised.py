"""What digitising gives, and the closed list of ways it refuses."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from ml.ecg.digitising.grid import Grid
from ml.ecg.signal import STANDARD_LEADS, Signal


class Refusal(Enum):
    """Why a picture gives no signal; callers turn each into one sentence."""

    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_COARSE = "too_coarse"
    NO_GRID = "no_grid"
    NO_TRACE = "no_trace"
    UNKNOWN_LAYOUT = "unknown_layout"


class DigitisingError(Exception):
    """A picture that is not digitised; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class Quality:
    """How far a trace can be believed: shares of its length, 0 to 1.

    Attributes
    ----------
    followed : float
        Where it has ink of its own; the rest is bridged, or missing.
    ambiguous : float
        Where its ink and another row's are one.
    off_paper : float
        Where it reaches the edge of the paper.
    """

    followed: float
    ambiguous: float
    off_paper: float


@dataclass(frozen=True)
class Paper:
    """How a page is printed, as far as it is known.

    Attributes
    ----------
    layout : str or None
        A name of `ml.ecg.digitising.layouts.LAYOUTS`; None to tell it from the rows.
    order : tuple of str
        The 12 leads, column by column.
    leads : tuple of str or None
        The lead of every stretch, row by row and then the strips, in place of `order`; needs a `layout`.
    speed_mm_s : float
        Millimetres a second: paper does not tell.
    gain_mm_mv : float or None
        Millimetres a millivolt; None to tell it from the calibration pulse, or take 10 without one.
    """

    layout: str | None = None
    order: tuple[str, ...] = STANDARD_LEADS
    leads: tuple[str, ...] | None = None
    speed_mm_s: float = 25.0
    gain_mm_mv: float | None = None


@dataclass(frozen=True)
class Anchor:
    """A point in pixels of the picture that the curve of a row, counted from 0 at the top, goes through."""

    row: int
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class Trace:
    """A stretch of a lead as it was followed.

    Attributes
    ----------
    lead : str
        In the field's spelling.
    row, column : int
        Where it stands on the page, from the upper left; a strip over the whole time is in column 0.
    start_s : float
        When it begins, in seconds of the recording.
    x, y : ndarray of float
        The middle of the pen at each sample in pixels of the picture, (0, 0) the centre of the first; NaN
        where nothing was followed.
    millivolts : ndarray of float32
        At the signal's rate from `start_s`, above the row's base line.
    quality : Quality
        Of this stretch.
    """

    lead: str
    row: int
    column: int
    start_s: float
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    millivolts: npt.NDArray[np.float32]
    quality: Quality


@dataclass(frozen=True, eq=False)
class Digitised:
    """A printed ECG as voltages.

    Attributes
    ----------
    signal : Signal
        Every lead once, over the time of the page; NaN where it is not printed.
    traces : tuple of Trace
        Every stretch of a lead on the page.
    quality : dict of str to Quality
        Of the stretch that the signal has of each lead.
    layout : str
        A name of `ml.ecg.digitising.layouts.LAYOUTS`.
    grid : Grid
        Where the paper's millimetres are.
    gain_mm_mv : float
        Millimetres a millivolt that the voltages were read with.
    pulse_mm : float or None
        How high the calibration pulse was found to be.
    """

    signal: Signal
    traces: tuple[Trace, ...]
    quality: dict[str, Quality]
    layout: str
    grid: Grid
    gain_mm_mv: float
    pulse_mm: float | None
