"""R peaks of one lead: the most plausible sequence of beats among the bursts of QRS energy.

The road of Pan and Tompkins (1985) up to the envelope of the band in which a QRS has its energy. In place of
their thresholds, which adapt from left to right and search back, a choice over the whole recording at once: a
local maximum of the envelope is worth more the higher it stands against the beats around it, an interval
between two chosen ones costs more the less it resembles those around it, a small one soon after a large one
(a T wave) costs extra, and dynamic programming (Viterbi) finds the best subset. So T waves, P waves, noise
between beats and weak beats in a gap are weighed in one place, by one measure.

How the constants were chosen, and what they are worth: docs/beats.md.
"""

from operator import add

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Envelope
WORKING_RATE_HZ = 100  # the signal is brought down to 100–199 Hz, or up to 100
BAND_HZ = (6.6, 22.0)
WINDOW_S = 0.1
MIN_ENVELOPE_MV = 0.005  # weaker than that is no ECG but the noise of an amplifier
MIN_DURATION_S = 0.5

# Candidates and the level of the beats around them
CANDIDATE_DISTANCE_S = 0.2
MIN_RELATIVE = 0.1
BLOCK_S = 1.2
LEVEL_BLOCKS = 9
LONG_LEVEL_BLOCKS = 31
LONG_LEVEL_SHARE = 0.3  # in a pause the level does not sink to that of the noise

# Worth of a candidate: slope over the logarithm of its height, zero at `EVEN_RELATIVE`, bounded
HEIGHT_WEIGHT = 2.5
EVEN_RELATIVE = 0.3
MAX_WORTH = 3.0
MIN_WORTH = -4.6

# Cost of an interval, against the usual one around it
REFRACTORY_S = 0.24
SHORT_WEIGHT = 2.0
LONG_WEIGHT = 1.8
FREE_DEVIATION = 0.13  # logarithm: an eighth longer or shorter costs nothing
USUAL_BEATS = 27
USUAL_PERCENTILE = 40
MAX_USUAL_S = 0.8
T_WAVE_S = 0.36
T_WAVE_RELATIVE = 0.4
T_WAVE_COST = 3.5
STRONG_RELATIVE = 0.5
LAGS = 6  # candidates that may be passed over between two beats, and one
_NEVER = -1e9

# Place of the peak
_SEARCH_S = 0.06


def detect_r_peaks(signal_mv: npt.ArrayLike, sampling_rate_hz: float) -> Indices:
    """Return the samples of the R peaks of one lead, ascending.

    Parameters
    ----------
    signal_mv : array_like of float, shape (n_samples,)
        Millivolts; NaN and infinity are gaps.
    sampling_rate_hz : float
        Samples per second.

    Returns
    -------
    ndarray of int64, shape (n_beats,)
        Empty where nothing can be told: less than half a second, a flat line.

    Notes
    -----
    Polarity does not matter. Not for use while a recording is still running: later beats judge earlier ones.
    """
    samples = _bridged(np.asarray(signal_mv, np.float64).ravel())
    if len(samples) < MIN_DURATION_S * sampling_rate_hz:
        return np.empty(0, np.int64)
    reduced, rate_hz = _reduced(samples, sampling_rate_hz)
    envelope = _envelope(reduced, rate_hz)
    places, relative = _candidates(envelope, rate_hz)
    chosen = _chosen(places / rate_hz, relative, envelope[places])
    return _peaks(samples, sampling_rate_hz, places[chosen] / rate_hz)


def _bridged(samples: Floats) -> Floats:
    """Return the samples with gaps bridged by straight lines."""
    finite = np.isfinite(samples)
    if finite.all():
        return samples
    if not finite.any():
        return np.zeros_like(samples)
    return np.interp(np.arange(len(samples)), np.flatnonzero(finite), samples[finite])


def _reduced(samples: Floats, rate_hz: float) -> tuple[Floats, float]:
    """Return means of neighbouring samples at the working rate, or samples between them."""
    factor = int(rate_hz // WORKING_RATE_HZ)
    if factor:
        whole = len(samples) // factor * factor
        return samples[:whole].reshape(-1, factor).mean(axis=1), rate_hz / factor
    times = np.arange(0, (len(samples) - 1) / rate_hz, 1 / WORKING_RATE_HZ)
    return np.interp(times, np.arange(len(samples)) / rate_hz, samples), WORKING_RATE_HZ


def _envelope(samples: Floats, rate_hz: float) -> Floats:
    """Return the mean height of what a QRS has between other waves and noise."""
    sections = signal.butter(2, BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    filtered: Floats = signal.sosfiltfilt(sections, samples)
    smoothed: Floats = ndimage.uniform_filter1d(np.abs(filtered), max(1, round(WINDOW_S * rate_hz)))
    return smoothed


def _candidates(envelope: Floats, rate_hz: float) -> tuple[Indices, Floats]:
    """Return the local maxima worth considering, and how high each is against the beats around it."""
    places, _ = signal.find_peaks(
        envelope, height=MIN_ENVELOPE_MV, distance=max(1, round(CANDIDATE_DISTANCE_S * rate_hz))
    )
    starts = np.arange(0, max(len(envelope) - BLOCK_S * rate_hz, 1), BLOCK_S * rate_hz).astype(np.int64)
    highest = np.maximum.reduceat(envelope, starts)
    level = np.maximum(
        ndimage.median_filter(highest, LEVEL_BLOCKS, mode="nearest"),
        LONG_LEVEL_SHARE * ndimage.median_filter(highest, LONG_LEVEL_BLOCKS, mode="nearest"),
    )
    at = np.interp(places, starts + BLOCK_S * rate_hz / 2, level)
    relative = envelope[places] / np.maximum(at, MIN_ENVELOPE_MV)
    kept = relative > MIN_RELATIVE
    return places[kept].astype(np.int64), relative[kept]


def _chosen(times_s: Floats, relative: Floats, heights: Floats) -> Indices:
    """Return which candidates are beats, by the usual interval of the strong ones, then by their own."""
    worth = np.clip(HEIGHT_WEIGHT * np.log(relative / EVEN_RELATIVE), MIN_WORTH, MAX_WORTH)
    chosen = np.flatnonzero(relative > STRONG_RELATIVE)
    for _ in range(2):
        usual_s = _usual_intervals(times_s, times_s[chosen])
        chosen = _best_sequence(worth, _interval_worth(times_s, usual_s, heights))
    return chosen


def _usual_intervals(times_s: Floats, beats_s: Floats) -> Floats:
    """Return the usual interval around each time, in seconds.

    Below the median, and bounded: where every other beat is weak (bigeminy), the intervals without them must
    not become the rule.
    """
    if len(beats_s) < 2:
        return np.full(len(times_s), MAX_USUAL_S)
    usual: Floats = ndimage.percentile_filter(np.diff(beats_s), USUAL_PERCENTILE, USUAL_BEATS, mode="nearest")
    return np.interp(times_s, beats_s[1:], np.minimum(usual, MAX_USUAL_S))


def _interval_worth(times_s: Floats, usual_s: Floats, heights: Floats) -> Floats:
    """Return, at [i, k], what it is worth (0 at most) that candidate i is the next beat after i - 1 - k."""
    worth = np.full((len(times_s), LAGS), _NEVER)
    for lag in range(1, min(LAGS, len(times_s) - 1) + 1):
        interval_s = times_s[lag:] - times_s[:-lag]
        deviation = np.log(interval_s / usual_s[lag:])
        weight = np.where(deviation < 0, SHORT_WEIGHT, LONG_WEIGHT)
        t_wave = (interval_s < T_WAVE_S) & (heights[lag:] < T_WAVE_RELATIVE * heights[:-lag])
        each = weight * np.minimum(FREE_DEVIATION - np.abs(deviation), 0) - T_WAVE_COST * t_wave
        worth[lag:, lag - 1] = np.where(interval_s < REFRACTORY_S, _NEVER, each)
    return worth


def _best_sequence(worth: Floats, interval_worth: Floats) -> Indices:
    """Return the subset of candidates that is worth most, by dynamic programming."""
    best: list[float] = []
    previous: list[int] = []
    for place, (own, intervals) in enumerate(zip(worth.tolist(), interval_worth.tolist(), strict=True)):
        reached = list(map(add, best[: -LAGS - 1 : -1], intervals))
        if place < LAGS:
            reached.append(0.0)  # the first beat
        highest = max(reached)
        nearest = reached.index(highest)
        best.append(highest + own)
        previous.append(place - 1 - nearest)
    if not best:
        return np.empty(0, np.int64)
    last = range(max(0, len(best) - LAGS), len(best))
    place, backwards = max(last, key=best.__getitem__), []
    while place >= 0:
        backwards.append(place)
        place = previous[place]
    return np.asarray(backwards[::-1], np.int64)


def _peaks(samples: Floats, rate_hz: float, beats_s: Floats) -> Indices:
    """Return, near each beat, the sample farthest from the line between the ends of its surroundings."""
    half = round(_SEARCH_S * rate_hz)
    middles = np.round(beats_s * rate_hz).astype(np.int64)
    around = np.clip(middles[:, None] + np.arange(-half, half + 1), 0, len(samples) - 1)
    window = samples[around]
    baseline = (window[:, :1] + window[:, -1:]) / 2
    farthest = np.abs(window - baseline).argmax(axis=1)
    return np.unique(around[np.arange(len(around)), farthest])
