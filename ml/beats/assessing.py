"""How far the beats of a lead can be trusted, from its samples and its R peaks.

The limits were set on MIT-BIH, as it is and with faults made in it; docs/beats.md has what they catch.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

from ml.beats.quality import Quality, Reason, Verdict

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

RATES_HZ = (100.0, 1000.0)
HIGHEST_RATE_HZ = 4000.0
MIN_DURATION_S = 2.0
MIN_BEATS = 3

FLAT_S = 0.5
FLAT_MV = 0.02
CLIPPED_S = 0.008
HEART_RATE = (30.0, 180.0)
AMPLITUDE_MV = (0.1, 15.0)
NOISE_HZ = 20.0
AWAY_S = 0.12  # from an R peak: outside of the QRS
QRS_S = 0.08

_ORDER = (Verdict.HIGH, Verdict.MEDIUM, Verdict.LOW, Verdict.INSUFFICIENT)
Finding = tuple[Reason, Verdict]


def quality_of(findings: list[Finding]) -> Quality:
    """Return the gravest verdict and all reasons, the gravest first."""
    ordered = sorted(findings, key=lambda each: -_ORDER.index(each[1]))
    verdict = ordered[0][1] if ordered else Verdict.HIGH
    return Quality(verdict, tuple(dict.fromkeys(reason for reason, _ in ordered)))


def usable(lead: Floats, rate_hz: float) -> bool:
    """Return whether a lead shows something for most of the time."""
    return all(verdict is not Verdict.INSUFFICIENT for _, verdict in before_peaks(lead, rate_hz))


def before_peaks(lead: Floats, rate_hz: float) -> Iterator[Finding]:
    """Yield what can be said of a lead before its beats are found."""
    if not RATES_HZ[0] <= rate_hz <= HIGHEST_RATE_HZ:
        yield Reason.SAMPLING_RATE, Verdict.INSUFFICIENT
    elif rate_hz > RATES_HZ[1]:
        yield Reason.SAMPLING_RATE, Verdict.MEDIUM
    if len(lead) < MIN_DURATION_S * rate_hz:
        yield Reason.TOO_SHORT, Verdict.INSUFFICIENT
        return
    finite = np.isfinite(lead)
    yield from _graded(Reason.GAPS, 1 - finite.mean(), (0.01, 0.1, 0.5))
    recorded = lead[finite]
    if not len(recorded):
        return
    if np.ptp(recorded) < FLAT_MV:
        yield Reason.FLAT, Verdict.INSUFFICIENT
        return
    yield from _graded(Reason.FLAT, _flat(recorded, rate_hz), (0.02, 0.1, 0.5))
    yield from _graded(Reason.CLIPPED, _clipped(recorded, rate_hz), (0.0005, 0.01, 0.4))


def with_peaks(lead: Floats, rate_hz: float, peaks: Indices, *, upright: bool) -> Iterator[Finding]:
    """Yield what the beats that were found say.

    Parameters
    ----------
    lead : ndarray of float, shape (n_samples,)
        Millivolts; NaN where nothing was recorded.
    rate_hz : float
        Samples per second.
    peaks : ndarray of int64, shape (n_beats,)
        The samples of the R peaks, ascending.
    upright : bool
        Whether the QRS of this lead usually points upwards.
    """
    if not len(peaks):
        yield Reason.NO_BEATS, Verdict.INSUFFICIENT
        return
    if len(peaks) < MIN_BEATS:
        yield Reason.TOO_SHORT, Verdict.LOW
    else:
        beats_a_minute = 60 * rate_hz / np.median(np.diff(peaks))
        if not HEART_RATE[0] <= beats_a_minute <= HEART_RATE[1]:
            yield Reason.HEART_RATE, Verdict.LOW
    height, leaning, noise = qrs_and_noise(lead, rate_hz, peaks)
    if not AMPLITUDE_MV[0] <= height <= AMPLITUDE_MV[1]:
        yield Reason.AMPLITUDE, Verdict.LOW
    if upright and leaning < 0:
        yield Reason.INVERTED, Verdict.MEDIUM
    yield from _graded(Reason.NOISE, noise, (0.03, 0.07, 0.15))


def qrs_and_noise(lead: Floats, rate_hz: float, peaks: Indices) -> tuple[float, float, float]:
    """Return the usual height of the QRS and how much more of it is upwards (mV), and noise as a share of it.

    Parameters
    ----------
    lead, rate_hz, peaks
        As for `with_peaks`; one beat or more.
    """
    samples = _bridged(lead)
    highest, lowest = _qrs(samples, rate_hz, peaks)
    height = float(np.median(highest - lowest))
    noise = _noise(samples, rate_hz, peaks) / max(height, 1e-9)
    return height, float(np.median(highest + lowest)), noise


def _graded(reason: Reason, measured: float, limits: tuple[float, float, float]) -> Iterator[Finding]:
    """Yield the gravest of medium, low and insufficient whose limit is passed."""
    passed = sum(measured > limit for limit in limits)
    if passed:
        yield reason, _ORDER[passed]


def _bridged(lead: Floats) -> Floats:
    """Return the samples with gaps bridged by straight lines."""
    finite = np.isfinite(lead)
    return lead if finite.all() else np.interp(np.arange(len(lead)), np.flatnonzero(finite), lead[finite])


def _flat(lead: Floats, rate_hz: float) -> float:
    """Return the share of time in stretches of half a second and more without any change."""
    return _share_in_runs(np.diff(lead) == 0, FLAT_S * rate_hz)


def _clipped(lead: Floats, rate_hz: float) -> float:
    """Return the share of time that the lead stays at its highest or its lowest value."""
    tolerance = 1e-4 * np.ptp(lead)
    shortest = max(3, CLIPPED_S * rate_hz)
    extremes = (lead > lead.max() - tolerance, lead < lead.min() + tolerance)
    return sum(_share_in_runs(extreme, shortest) for extreme in extremes)


def _share_in_runs(of: npt.NDArray[np.bool_], shortest: float) -> float:
    """Return the share of values that are true and in a run of at least so many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], of, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= shortest].sum() / len(of))


def _qrs(samples: Floats, rate_hz: float, peaks: Indices) -> tuple[Floats, Floats]:
    """Return how far each QRS reaches above and below the line between its ends."""
    half = max(1, round(QRS_S * rate_hz))
    window = samples[np.clip(peaks[:, None] + np.arange(-half, half + 1), 0, len(samples) - 1)]
    window = window - np.linspace(window[:, 0], window[:, -1], window.shape[1], axis=1)
    return window.max(axis=1), window.min(axis=1)


def _noise(samples: Floats, rate_hz: float, peaks: Indices) -> float:
    """Return the usual height, in millivolts, of what is quicker than P and T waves outside of the QRS."""
    sections = signal.butter(2, NOISE_HZ, "highpass", fs=rate_hz, output="sos")
    quick = np.abs(signal.sosfiltfilt(sections, samples, padlen=min(len(samples) - 1, round(rate_hz))))
    near = np.zeros(len(samples), np.bool_)
    near[np.clip(peaks, 0, len(samples) - 1)] = True
    near = ndimage.binary_dilation(near, np.ones(2 * round(AWAY_S * rate_hz) + 1, np.bool_))
    away = quick[~near]
    return float(np.median(away)) / 0.6745 if len(away) else 0.0
