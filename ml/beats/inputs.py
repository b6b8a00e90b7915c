"""What the stronger model is shown of a recording: each beat's shape and rhythm, told against the recording.

No labels are needed for that: voltages are in units of the usual QRS, shapes also come as what differs from
the usual beat, intervals as ratios to those around. So gain, slow drift and resting rate matter little, and
neither does the sampling rate: what lies above 40 Hz is left out of all recordings. NumPy and SciPy only:
this is run when the model answers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

SHAPE_RATE_HZ = 100
BEFORE = 40
AFTER = 56
SHAPE_LENGTH = BEFORE + AFTER
CHANNELS = 4
RHYTHM_LENGTH = 11
LEAD_RHYTHM = slice(7, 11)
"""Of the rhythm, what is told of each lead: first lead, second lead, first, second."""

MIN_RATE_HZ = 100.0
BAND_HZ = (0.5, 40.0)
SETTLING_S = 2.0
_FINE_RATE_HZ = 250.0  # slower recordings are resampled, so that values between samples are near enough

QRS = slice(BEFORE - 10, BEFORE + 11)
"""The samples of a shape that hold the QRS: 100 ms to either side of the R peak."""
P_WAVE = slice(BEFORE - 30, BEFORE - 7)
MAX_SHIFT = 5
MIN_QRS_MV = 0.02  # a lead with less is no ECG: it is shown as zeros, as a missing one is
MAX_HEIGHT = 4.0
SMALL_WAVES = 5.0
"""Voltages are compressed (inverse hyperbolic sine), so that a P wave is not lost beside a QRS."""
BLOCK_BEATS = 64
"""What is usual is told anew for so many, from them and as many on either side: shapes change with time."""

NEIGHBOURS = 21
WIDE_NEIGHBOURS = 101
MAX_RATIO = 1.2  # of natural logarithms


@dataclass(frozen=True, eq=False)
class BeatInputs:
    """The beats of a recording, in their order.

    Parameters
    ----------
    shapes : ndarray of float32, shape (n_beats, SHAPE_LENGTH, CHANNELS)
        Both leads from 0.4 s before to 0.55 s after the R peak, then both less the usual beat; compressed.
        Zeros for a lead that is missing or flat.
    rhythm : ndarray of float32, shape (n_beats, RHYTHM_LENGTH)
        Intervals before and after, and likeness to the usual beat; see `_rhythm` and `_likeness`.
    """

    shapes: npt.NDArray[np.float32]
    rhythm: npt.NDArray[np.float32]


def beat_inputs(leads_mv: npt.ArrayLike, sampling_rate_hz: float, peaks: npt.ArrayLike) -> BeatInputs:
    """Return what the model is shown of each beat.

    Parameters
    ----------
    leads_mv : array_like of float, shape (n_samples, 1 or 2)
        Millivolts; NaN and infinity are gaps.
    sampling_rate_hz : float
        Samples per second, `MIN_RATE_HZ` or more.
    peaks : array_like of int, shape (n_beats,)
        The samples of the R peaks, ascending.

    Raises
    ------
    ValueError
        Where there are not one or two leads, or the rate is too low.
    """
    leads = np.asarray(leads_mv, np.float64)
    places = np.asarray(peaks, np.int64)
    if leads.ndim != 2 or leads.shape[1] not in {1, 2}:
        raise ValueError(f"one or two leads, not an array of shape {leads.shape}")
    if not MIN_RATE_HZ <= sampling_rate_hz < float("inf"):
        raise ValueError(f"{sampling_rate_hz:g} Hz is less than {MIN_RATE_HZ:g}")
    if not len(places) or not len(leads):
        return BeatInputs(
            np.zeros((0, SHAPE_LENGTH, CHANNELS), np.float32), np.zeros((0, RHYTHM_LENGTH), np.float32)
        )
    times_s = places / sampling_rate_hz
    wide = np.zeros((len(places), SHAPE_LENGTH + 2 * MAX_SHIFT, 2))
    for lead in range(leads.shape[1]):
        wide[:, :, lead] = _windows(*_filtered(_bridged(leads[:, lead]), sampling_rate_hz), times_s)
    shapes, usual = np.empty((2, len(places), SHAPE_LENGTH, 2))
    for start in range(0, len(places), BLOCK_BEATS):
        block = slice(start, start + BLOCK_BEATS)
        around = slice(max(start - BLOCK_BEATS, 0), start + 2 * BLOCK_BEATS)
        shapes[block], usual[block] = _aligned(*_in_units_of_qrs(wide[block], wide[around]))
    both = np.concatenate([shapes, shapes - usual], axis=2)
    return BeatInputs(
        (np.arcsinh(SMALL_WAVES * both) / np.arcsinh(SMALL_WAVES)).astype(np.float32),
        np.concatenate([_rhythm(times_s), _likeness(shapes, usual)], axis=1).astype(np.float32),
    )


def _bridged(samples: Floats) -> Floats:
    """Return the samples with gaps bridged by straight lines."""
    finite = np.isfinite(samples)
    if finite.all():
        return samples
    if not finite.any():
        return np.zeros_like(samples)
    return np.interp(np.arange(len(samples)), np.flatnonzero(finite), samples[finite])


def _filtered(samples: Floats, rate_hz: float) -> tuple[Floats, float]:
    """Return the samples within the band, and their rate, which may be a multiple of what it was."""
    samples = samples - np.median(samples)
    factor = int(np.ceil(_FINE_RATE_HZ / rate_hz))
    if factor > 1:
        samples, rate_hz = signal.resample_poly(samples, factor, 1, padtype="line"), rate_hz * factor
    sections = signal.butter(2, BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    padding = min(round(SETTLING_S * rate_hz), len(samples) - 1)
    filtered: Floats = signal.sosfiltfilt(sections, samples, padlen=padding)
    return filtered, rate_hz


def _windows(samples: Floats, rate_hz: float, times_s: Floats) -> Floats:
    """Return the surroundings of each R peak at `SHAPE_RATE_HZ`, with room for shifts on both sides."""
    offsets = np.arange(-BEFORE - MAX_SHIFT, AFTER + MAX_SHIFT) / SHAPE_RATE_HZ
    at = np.clip((times_s[:, None] + offsets) * rate_hz, 0, len(samples) - 1)
    left = np.minimum(at.astype(np.int64), max(len(samples) - 2, 0))
    share = at - left
    right = np.minimum(left + 1, len(samples) - 1)
    return np.asarray(samples[left] * (1 - share) + samples[right] * share)


def _in_units_of_qrs(block: Floats, around: Floats) -> tuple[Floats, Floats]:
    """Return windows, and those around, over the usual height of the QRS around, lead by lead."""
    qrs = around[:, QRS.start + MAX_SHIFT : QRS.stop + MAX_SHIFT]
    height = np.median(np.ptp(qrs, axis=1), axis=0)
    scale = np.where(height < MIN_QRS_MV, 0, 1 / np.maximum(height, MIN_QRS_MV))
    return np.clip(block * scale, -MAX_HEIGHT, MAX_HEIGHT), around * scale


def _aligned(block: Floats, around: Floats) -> tuple[Floats, Floats]:
    """Return the shapes, each shifted to where it is most like the usual one around, and that one.

    R peaks are marked some hundredths of a second apart by different hands; what differs from the usual beat
    should not be that.
    """
    usual = np.median(around, axis=0)
    reach = slice(QRS.start - 5 + MAX_SHIFT, QRS.stop + 5 + MAX_SHIFT)
    alike = np.stack(
        [
            np.einsum("nlc,lc->n", block[:, reach.start + shift : reach.stop + shift], usual[reach])
            for shift in range(-MAX_SHIFT, MAX_SHIFT + 1)
        ]
    )
    first = alike.argmax(axis=0)[:, None] + np.arange(SHAPE_LENGTH)
    return block[np.arange(len(block))[:, None], first], usual[MAX_SHIFT : MAX_SHIFT + SHAPE_LENGTH]


def _rhythm(times_s: Floats) -> Floats:
    """Return each beat's intervals before and after, as logarithms of ratios to those around.

    Where the recording begins or ends, the missing interval counts as the usual one.
    """
    if len(times_s) < 2:
        return np.zeros((len(times_s), 6))
    intervals = np.log(np.maximum(np.diff(times_s), 0.05))
    usual = ndimage.median_filter(intervals, NEIGHBOURS, mode="nearest")
    wider = ndimage.median_filter(intervals, WIDE_NEIGHBOURS, mode="nearest")
    uneven = ndimage.median_filter(np.abs(intervals - usual), NEIGHBOURS, mode="nearest")
    before = np.concatenate([usual[:1], intervals])
    after = np.concatenate([intervals, usual[-1:]])
    previous = np.concatenate([usual[:1], before[:-1]])
    at_beat, at_beat_wide, at_beat_uneven = (
        np.concatenate([each[:1], each]) for each in (usual, wider, uneven)
    )
    ratios: Floats = np.stack(
        [
            before - at_beat,
            after - at_beat,
            before - previous,
            before - at_beat_wide,
            before - intervals.mean(),
            at_beat_uneven,
        ],
        axis=1,
    )
    clipped: Floats = np.clip(ratios, -MAX_RATIO, MAX_RATIO)
    return 3 * clipped


def _likeness(shapes: Floats, usual: Floats) -> Floats:
    """Return how like the usual beat each is: its QRS in both leads together, P wave, and heights."""
    qrs, usual_qrs = shapes[:, QRS], usual[:, QRS]
    squares, usual_squares = (qrs**2).sum(axis=1), (usual_qrs**2).sum(axis=1)
    both = np.sqrt(squares.sum(axis=1) * usual_squares.sum(axis=1)) + 1e-3
    alike = (qrs * usual_qrs).sum(axis=(1, 2)) / both
    heights = 0.5 * np.log((squares + 0.05) / (usual_squares + 0.05))
    waves = shapes[:, P_WAVE] - usual[:, P_WAVE]
    differing = np.sqrt(((waves - waves.mean(axis=1, keepdims=True)) ** 2).mean(axis=1))
    return np.column_stack([alike, heights, 5 * np.minimum(differing, 0.5)])
