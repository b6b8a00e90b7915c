"""What a record's beats are learnt from: as they are, and as other patients and machines would have had them.

Half an hour of each of some twenty patients does not tell an early beat of the atria from a patient's habit.
So the same QRS are also learnt from as another machine and another hand that marks the peaks might have
recorded them; with fibrillating atria, where an early beat is no premature one; with premature beats of the
atria put in, one by one, in patterns and in runs (a beat that comes early, with another P wave or none, and a
pause that resets the rhythm); with ventricular beats that come so late that they fuse with the usual one; and
cut into short excerpts, in which so much less is known.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

from ml.beats.inputs import BeatInputs, beat_inputs
from ml.beats.protocols import Indices
from ml.ecg.annotated import BEAT_SYMBOLS, AnnotatedRecord

Samples = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.int8]

EXCERPT_BEATS = (8, 30)
CHANCES = (0.16, 0.10, 0.10, 0.12, 0.08, 0.09, 0.09, 0.09, 0.09, 0.05, 0.03)
"""How often each of `variants` is learnt from, in their order."""

SINUS = "NLRej"
"""PhysioNet's codes of beats that follow the usual rhythm; what is early is made of these."""
PREMATURE = tuple("AaJS")
"""Those of premature beats of atria and node; where the atria fibrillate there are none."""
VENTRICULAR = "VE"

QRS_T_S = (0.06, 0.36)
"""Before and after the R peak: what remains of a beat when the atria do something else."""
P_S = 0.22
"""Before the R peak: where the P wave of a beat begins."""
SHORTEST_S = 0.3
SHORTEST_USUAL_S = 0.36
PACES = (0.55, 1.1)
"""What usual intervals are multiplied by, so that a fast rate is not taken for premature beats."""
STEADY = 0.07
"""How uneven (median of the logarithms of ratios) intervals may be for a beat to be made early."""
BLOCK_BEATS = 120
"""For so many beats premature ones follow the same manner."""
PATTERNS = (0.2, 0.45, 0.15, 0.15, 0.05)
"""How often the beats of a block come early: never, one by one, in a pattern, in short runs, in long ones."""
AROUND = 21
"""Of so many intervals the usual one is the median."""
VENTRICULAR_S = 0.1
FUSED_S = (0.12, 0.45)
WHOLE_S = 10.0
"""After the R peak: everything up to the next beat, as it was."""
FEWEST_USUAL = 20


class Told(IntEnum):
    """What a beat of a variant is, where that differs from the record."""

    AS_LABELLED = 0
    PREMATURE = 1
    FUSION = 2
    NOTHING = 3
    """It is seen, but not learnt from."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A record's beats, in their order.

    Parameters
    ----------
    inputs : BeatInputs
        What is shown.
    told : ndarray of int8, shape (n_beats,)
        `Told`.
    """

    inputs: BeatInputs
    told: Marks


@dataclass(frozen=True, eq=False)
class _Recorded:
    """One or two leads (mV or any unit), and the samples of their R peaks."""

    leads: Samples
    rate_hz: float
    peaks: Indices

    def inputs(self) -> BeatInputs:
        return beat_inputs(self.leads, self.rate_hz, self.peaks)

    def heights(self) -> Samples:
        """Return how high each lead goes, roughly its QRS."""
        return np.asarray(np.percentile(np.abs(self.leads - np.median(self.leads, axis=0)), 99, axis=0))


def variants(record: AnnotatedRecord) -> list[Variant]:
    """Return what is learnt from a record; the same record gives the same."""
    generator = np.random.default_rng(list(record.name.encode()))
    real = _Recorded(record.samples_mv[:, :2], record.sampling_rate_hz, record.beats())
    symbols = np.asarray([symbol for symbol in record.symbols if symbol in BEAT_SYMBOLS])
    labelled = np.zeros(len(symbols), np.int8)
    made = [_recorded_otherwise(real, generator) for _ in range(3)]
    atrial = []
    for _ in range(3):
        early, told = _with_atrial_beats(real, symbols, generator)
        atrial.append((_recorded_otherwise(early, generator), told))
    fused, fused_told = _with_fusion_beats(real, symbols, generator)
    fibrillating = [_fibrillating(real, generator) for _ in range(2)]
    none_early = np.where(np.isin(symbols, PREMATURE), Told.NOTHING, Told.AS_LABELLED).astype(np.int8)
    return [
        Variant(real.inputs(), labelled),
        *(Variant(each.inputs(), labelled) for each in made[:2]),
        Variant(fibrillating[0].inputs(), none_early),
        Variant(_in_excerpts(fibrillating[1], generator), none_early),
        Variant(_in_excerpts(real, generator), labelled),
        Variant(_in_excerpts(made[2], generator), labelled),
        *(Variant(each.inputs(), told) for each, told in atrial[:2]),
        Variant(_in_excerpts(atrial[2][0], generator), atrial[2][1]),
        Variant(fused.inputs(), fused_told),
    ]


def _recorded_otherwise(recorded: _Recorded, generator: np.random.Generator) -> _Recorded:
    """Return a record with electrodes moved, another bandwidth, noise, another pace, other marks."""
    rate_hz = recorded.rate_hz
    samples = recorded.leads / np.maximum(recorded.heights(), 0.05)
    if samples.shape[1] == 2:
        turn = generator.uniform(-0.5, 0.5)
        samples = samples @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if generator.random() < 0.5:
        low_pass = signal.butter(2, generator.uniform(15, 40), fs=rate_hz, output="sos")
        samples = signal.sosfiltfilt(low_pass, samples, axis=0)
    if generator.random() < 0.7:
        samples = samples + _noise(samples.shape, rate_hz, generator)
    late_s = generator.uniform(-0.02, 0.02) + generator.normal(0, 0.006, len(recorded.peaks))
    marked = np.maximum.accumulate(recorded.peaks + np.round(late_s * rate_hz).astype(np.int64))
    pace = np.exp(generator.normal(0, 0.06))
    return _Recorded(samples, rate_hz * pace, np.clip(marked, 0, len(samples) - 1))


def _noise(shape: tuple[int, ...], rate_hz: float, generator: np.random.Generator) -> Samples:
    """Return noise of muscles throughout, and of moving electrodes now and then."""
    muscles = generator.normal(size=shape) * generator.uniform(0, 0.08, shape[1]) * np.sqrt(rate_hz / 100)
    band = signal.butter(1, (0.7, 5), "bandpass", fs=rate_hz, output="sos")
    moving = signal.sosfilt(band, generator.normal(size=shape), axis=0)
    moving *= generator.uniform(0, 0.3, shape[1]) / max(float(moving.std()), 1e-9)
    strength = generator.uniform(0, 1, 300) ** 3
    when = np.interp(np.arange(shape[0]), np.linspace(0, shape[0], len(strength)), strength)
    return np.asarray(muscles + when[:, None] * moving)


def _moved(recorded: _Recorded, made: Indices, before: Indices, after: Indices) -> _Recorded:
    """Return a record with each beat where it is made to be, and straight lines between beats.

    Parameters
    ----------
    made : ndarray of int64, shape (n_beats,)
        Where the R peaks are to be.
    before, after : ndarray of int64, shape (n_beats,)
        How many samples of each beat are moved; of what comes after fewer, where the next is too near.
    """
    peaks = recorded.peaks
    room = np.minimum(np.diff(peaks), np.diff(made)) - before[1:] - 2
    lasting = np.append(np.clip(room, 2, after[:-1]), after[-1])
    was = np.maximum.accumulate(np.column_stack([peaks - before, peaks + lasting]).ravel())
    now = np.maximum.accumulate(np.column_stack([made - before, made + lasting]).ravel())
    times = np.arange(made[-1] + round(recorded.rate_hz))
    at = np.interp(times, now, was, right=was[-1])
    kept = (np.searchsorted(now, times, side="right") % 2).astype(np.bool_)
    samples = np.empty((len(times), recorded.leads.shape[1]))
    for lead, values in enumerate(recorded.leads.T):
        taken = np.interp(at, np.arange(len(values)), values)
        samples[:, lead] = np.interp(times, times[kept], taken[kept])
    return _Recorded(samples, recorded.rate_hz, made)


def _fibrillating(recorded: _Recorded, generator: np.random.Generator) -> _Recorded:
    """Return the same QRS and T waves at irregular intervals, with flicker in place of P waves."""
    rate_hz, peaks = recorded.rate_hz, recorded.peaks
    intervals = np.diff(peaks)
    uneven = generator.uniform(0.12, 0.45)
    mean = float(np.median(intervals)) * generator.uniform(0.6, 1.2)
    drawn = generator.gamma(uneven**-2, mean * uneven**2, len(intervals))
    before, after = (np.full(len(peaks), round(each * rate_hz)) for each in QRS_T_S)
    moved = _moved(recorded, _placed(peaks, np.maximum(drawn, SHORTEST_USUAL_S * rate_hz)), before, after)
    times = np.arange(len(moved.leads))
    knots = np.arange(0, len(times) + rate_hz, 0.3 * rate_hz)
    flicker_hz = np.interp(times, knots, generator.normal(6.5, 1, len(knots)))
    flicker = np.sin(2 * np.pi * np.cumsum(flicker_hz) / rate_hz)
    heights = recorded.heights() * generator.uniform(0, 0.08, recorded.leads.shape[1])
    return replace(moved, leads=moved.leads + heights * flicker[:, None])


def _with_atrial_beats(
    recorded: _Recorded, symbols: npt.NDArray[np.str_], generator: np.random.Generator
) -> tuple[_Recorded, Marks]:
    """Return a record at another pace in which some of the usual beats come early, and which these are."""
    rate_hz, peaks = recorded.rate_hz, recorded.peaks
    pace = generator.uniform(*PACES)
    intervals = np.maximum(pace * np.diff(peaks), SHORTEST_USUAL_S * rate_hz)
    sinus = np.isin(symbols, list(SINUS))
    usual = _usual(intervals)
    uneven = ndimage.median_filter(np.abs(np.log(intervals / usual)), AROUND, mode="nearest")
    free = np.append(False, sinus[1:] & sinus[:-1] & (uneven < STEADY))
    early = np.zeros(len(peaks), np.bool_)
    waves = np.zeros((len(peaks), 2 + recorded.leads.shape[1]))
    wanted = intervals.copy()
    for start in range(0, len(peaks), BLOCK_BEATS):
        block = slice(start, start + BLOCK_BEATS)
        pattern, sick = _pattern(len(peaks[block]), generator)
        early[block] = pattern & free[block]
        waves[block] = _p_waves(waves[block].shape, generator)
        factors = _factors(early[block], sick=sick, generator=generator)
        changed = np.flatnonzero(free[block] & (factors != 1)) + start
        changed = changed[changed > start]
        wanted[changed - 1] = np.maximum(usual[changed - 1] * factors[changed - start], SHORTEST_S * rate_hz)
    before = np.where(early, QRS_T_S[0], np.where(sinus, P_S, VENTRICULAR_S))
    after = np.where(np.append(wanted == np.diff(peaks), False), WHOLE_S, QRS_T_S[1])
    moved = _moved(
        recorded,
        _placed(peaks, wanted),
        (before * rate_hz).astype(np.int64),
        (after * rate_hz).astype(np.int64),
    )
    _add_p_waves(moved, np.flatnonzero(early), waves[early], recorded.heights())
    return moved, np.where(early, Told.PREMATURE, Told.AS_LABELLED).astype(np.int8)


def _usual(intervals: Samples) -> Samples:
    """Return the usual interval around each."""
    return np.asarray(ndimage.median_filter(intervals, AROUND, mode="nearest"))


def _placed(peaks: Indices, intervals: Samples) -> Indices:
    """Return where R peaks are at these intervals, the first where it was."""
    places: Indices = peaks[0] + np.concatenate([[0], np.cumsum(intervals)]).astype(np.int64)
    return places


def _pattern(n_beats: int, generator: np.random.Generator) -> tuple[Flags, bool]:
    """Return which of consecutive beats are to be early, and whether the sinus node pauses after them.

    None; one by one; every second, third or fourth; in short runs; in long ones.
    """
    kind = generator.choice(len(PATTERNS), p=PATTERNS)
    early = np.zeros(n_beats, np.bool_)
    if kind == 1:
        early = generator.random(n_beats) < generator.uniform(0.02, 0.2)
        early[1:] &= ~early[:-1]
    elif kind == 2:
        early[generator.integers(0, 4) :: generator.integers(2, 5)] = True
    elif kind > 2:
        longest, between = (8, 25) if kind == 3 else (60, 4)
        at = 0
        while at < n_beats:
            at += 1 + int(generator.exponential(between))
            length = int(generator.integers(2, longest))
            early[at : at + length] = True
            at += length
    return early, bool(kind == 4 and generator.random() < 0.6)


def _factors(early: Flags, *, sick: bool, generator: np.random.Generator) -> Samples:
    """Return by what to multiply the usual interval before each of consecutive beats."""
    after_early = np.append(False, early[:-1])
    coupling, pace, reset = (
        generator.uniform(0.5, 0.88),
        generator.uniform(0.5, 0.85),
        generator.uniform(0.95, 1.35),
    )
    slow = generator.uniform(1, 1.5) if sick else 1.0
    pauses = generator.uniform(1.6, 3.0, len(early)) if sick else np.full(len(early), reset)
    resets = np.where(generator.random(len(early)) < 0.5, pauses, reset)
    factors = np.where(early, np.where(after_early, pace, coupling), np.where(after_early, resets, slow))
    return factors + np.where(early | after_early, generator.normal(0, 0.03, len(early)), 0)


def _p_waves(shape: tuple[int, ...], generator: np.random.Generator) -> Samples:
    """Return the P waves of consecutive early beats: seconds ahead, width in seconds, heights of the QRS'.

    They are all alike, as those from one focus are; three in ten have none.
    """
    wave = [generator.uniform(0.09, 0.2), generator.uniform(0.015, 0.03)]
    heights = generator.uniform(-0.25, 0.25, shape[1] - 2) * (generator.random() < 0.7)
    return np.broadcast_to([*wave, *heights], shape)


def _add_p_waves(recorded: _Recorded, beats: Indices, waves: Samples, heights: Samples) -> None:
    """Add the P waves (`_p_waves`) of these beats to the leads."""
    reach = round(0.1 * recorded.rate_hz)
    offsets = np.arange(-reach, reach + 1)
    for peak, (ahead_s, width_s, *height) in zip(recorded.peaks[beats].tolist(), waves.tolist(), strict=True):
        at = peak - round(ahead_s * recorded.rate_hz)
        if at >= reach:
            shape = np.exp(-0.5 * (offsets / (width_s * recorded.rate_hz)) ** 2)
            recorded.leads[at - reach : at + reach + 1] += shape[:, None] * (np.asarray(height) * heights)


def _with_fusion_beats(
    recorded: _Recorded, symbols: npt.NDArray[np.str_], generator: np.random.Generator
) -> tuple[_Recorded, Marks]:
    """Return a record in which half of the ventricular beats come late and are fused with the usual ones.

    Two fronts that meet excite the heart together: the shape is between the two, in a share that is drawn.
    """
    leads, rate_hz, peaks = recorded.leads, recorded.rate_hz, recorded.peaks
    before, after = (round(each * rate_hz) for each in FUSED_S)
    inside = (peaks >= before) & (peaks < len(leads) - after)
    sinus = np.isin(symbols, list(SINUS))
    usual = np.flatnonzero(sinus & inside)
    late = np.isin(symbols, list(VENTRICULAR)) & inside & np.append(False, sinus[:-1])
    late &= generator.random(len(peaks)) < 0.5
    if len(usual) < FEWEST_USUAL:
        late[:] = False
    samples = leads.copy()
    edge = np.arange(before + after)
    taper = np.minimum(1, np.minimum(edge, edge[::-1]) / (0.05 * rate_hz))[:, None]
    intervals = np.diff(peaks).astype(np.float64)
    around = _usual(intervals)
    for beat in np.flatnonzero(late):
        nearest = peaks[usual[np.argsort(np.abs(usual - beat), kind="stable")[:5]]]
        like = np.median([leads[peak - before : peak + after] for peak in nearest], axis=0)
        place = slice(peaks[beat] - before, peaks[beat] + after)
        level = leads[place][:3].mean(axis=0) - like[:3].mean(axis=0)
        share = generator.uniform(0.3, 0.7) * taper
        samples[place] = (1 - share) * leads[place] + share * (like + level)
        intervals[beat - 1] = around[beat - 1] * generator.uniform(0.85, 1.02)
    moved = _moved(
        replace(recorded, leads=samples),
        _placed(peaks, intervals),
        np.full(len(peaks), before),
        np.full(len(peaks), round(WHOLE_S * rate_hz)),
    )
    return moved, np.where(late, Told.FUSION, Told.AS_LABELLED).astype(np.int8)


def _in_excerpts(recorded: _Recorded, generator: np.random.Generator) -> BeatInputs:
    """Return a record's beats as they are seen in excerpts of some beats, one after another."""
    rate_hz, peaks = recorded.rate_hz, recorded.peaks
    parts = []
    start = 0
    while start < len(peaks):
        some = peaks[start : start + generator.integers(*EXCERPT_BEATS)]
        first = max(int(some[0] - generator.uniform(0.2, 0.8) * rate_hz), 0)
        last = int(some[-1] + generator.uniform(0.3, 0.9) * rate_hz)
        parts.append(beat_inputs(recorded.leads[first : last + 1], rate_hz, some - first))
        start += len(some)
    return BeatInputs(
        np.concatenate([each.shapes for each in parts]), np.concatenate([each.rhythm for each in parts])
    )
