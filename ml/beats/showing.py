"""What each architecture is shown of a recording as it answers, and how a part of a beat is hidden."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import signal

from ml.beats import inputs
from ml.beats.inputs import beat_inputs
from ml.beats.segments import AFTER, BEAT_LENGTH, BEFORE, RATE_HZ, RUN_LENGTH, segment

Floats = npt.NDArray[np.float64]
Leads = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[np.float32]]
"""A graph's inputs by name; the first dimension counts beats."""

MAX_DENOMINATOR = 250


@dataclass(frozen=True)
class Shown:
    """What an architecture is shown.

    Parameters
    ----------
    leads : int
        How many leads it can use.
    inputs : callable
        Gives the inputs of the beats of leads, shape (n_samples, n_leads), at a rate, with these R peaks.
    hide : callable
        Gives the inputs of one beat with parts hidden: where a mask, shape (n_hidden, length), says so.
    length : int
        Samples of a beat that can be hidden.
    before_s, after_s : float
        Seconds that they begin before the R peak and end after it.
    context : int
        How many beats to either side are shown while one is looked into; 0 where each is read by itself.
    """

    leads: int
    inputs: Callable[[Leads, float, Indices], Arrays]
    hide: Callable[[Arrays, npt.NDArray[np.bool_]], Arrays]
    length: int
    before_s: float
    after_s: float
    context: int = 0

    @property
    def sequence(self) -> bool:
        """Return whether all beats of a recording are shown together, the graph's first dimension being 1."""
        return self.context > 0

    @property
    def rate_hz(self) -> float:
        """Return how many samples of a beat are a second."""
        return (self.length - 1) / (self.before_s + self.after_s)


def resampled(lead: Floats, rate_hz: float, to_hz: float) -> tuple[Floats, Fraction]:
    """Return a lead at (very nearly) another rate, gaps bridged, and by what its samples were multiplied."""
    finite = np.isfinite(lead)
    if not finite.any():
        lead = np.zeros_like(lead)
    elif not finite.all():
        lead = np.interp(np.arange(len(lead)), np.flatnonzero(finite), lead[finite])
    ratio = Fraction(to_hz / rate_hz).limit_denominator(MAX_DENOMINATOR)
    if ratio == 1:
        return lead, ratio
    return signal.resample_poly(lead, ratio.numerator, ratio.denominator, padtype="line"), ratio


def _segments(leads: Leads, rate_hz: float, peaks: Indices) -> Arrays:
    """Return single beats as `ml.beats.segments` cuts them, filled up to the length of a run."""
    lead, ratio = resampled(leads[:, 0].astype(np.float64), rate_hz, RATE_HZ)
    places = np.round(peaks * float(ratio)).astype(np.int64).tolist()
    beats = [segment(lead, peak, peak, BEAT_LENGTH) for peak in places]
    return {"segment": filled(np.asarray(beats, np.float32).reshape(-1, BEAT_LENGTH))}


def filled(segments: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what the network of the brief is shown of segments: zeros in front of each, up to its length.

    At the end, they would be the last that its LSTM sees: it takes many epochs to learn to remember across
    two seconds of them.
    """
    shown = np.zeros((len(segments), RUN_LENGTH, 1), np.float32)
    length = segments.shape[1]
    if length < RUN_LENGTH:
        shown[:, RUN_LENGTH - length :, 0] = segments
        return shown
    for row, part in zip(shown, segments, strict=True):
        end = length - int((part[::-1] != 0).argmax())
        row[length - end :, 0] = part[:end]
    return shown


def _hidden_segments(beat: Arrays, mask: npt.NDArray[np.bool_]) -> Arrays:
    shown = np.repeat(beat["segment"][None], len(mask), axis=0)
    shown[:, -BEAT_LENGTH:, 0] = bridged(shown[:, -BEAT_LENGTH:, 0], mask)
    return {"segment": shown}


def bridged(shapes: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return shapes (n, length) with what the mask says replaced by straight lines."""
    at = np.arange(mask.shape[1])
    result = shapes.copy()
    for row, hidden in zip(result, mask, strict=True):
        if not hidden.all():
            row[hidden] = np.interp(at[hidden], at[~hidden], row[~hidden])
    return result


def _beats(leads: Leads, rate_hz: float, peaks: Indices) -> Arrays:
    return vars(beat_inputs(leads, rate_hz, peaks))


def _hidden_beats(beat: Arrays, mask: npt.NDArray[np.bool_]) -> Arrays:
    """Hide the same part of both leads; what they have apart from the usual beat follows from that."""
    shapes = np.repeat(beat["shapes"][None], len(mask), axis=0)
    leads = shapes.shape[2] // 2
    for lead in range(leads):
        usual = shapes[:, :, lead] - shapes[:, :, leads + lead]
        shapes[:, :, lead] = bridged(shapes[:, :, lead], mask)
        shapes[:, :, leads + lead] = shapes[:, :, lead] - usual
    return {"shapes": shapes, "rhythm": np.repeat(beat["rhythm"][None], len(mask), axis=0)}


SHOWN: Mapping[str, Shown] = {
    "cnn-lstm": Shown(1, _segments, _hidden_segments, BEAT_LENGTH, BEFORE / RATE_HZ, AFTER / RATE_HZ),
    "best": Shown(
        leads=2,
        inputs=_beats,
        hide=_hidden_beats,
        length=inputs.SHAPE_LENGTH,
        before_s=inputs.BEFORE / inputs.SHAPE_RATE_HZ,
        after_s=(inputs.AFTER - 1) / inputs.SHAPE_RATE_HZ,
        context=16,
    ),
}
"""By the names of the architectures."""
