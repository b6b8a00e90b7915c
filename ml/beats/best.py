"""The stronger model: what each beat looks like (convolutions), then what it means among others (LSTM).

It reads a recording beat by beat (`ml/beats/inputs.py`) and answers for every beat, knowing those before and
after. A run of beats is answered for by the mean of its beats' log-probabilities; how long it is plays no
part.

It learns from stretches of `STRETCH` consecutive beats. Of each record several variants are prepared: as it
is, as other electrodes, another machine and another hand that marks the peaks might have recorded it, with
fibrillating atria (few patients of MIT-BIH have that, and an early beat is then no premature one), and cut
into short excerpts, in which so much less is known. What costs nothing is varied anew each time: gain,
polarity, leads that are swapped or missing.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from ml.beats.inputs import (
    CHANNELS,
    LEAD_RHYTHM,
    RHYTHM_LENGTH,
    SHAPE_LENGTH,
    BeatInputs,
    beat_inputs,
)
from ml.beats.learning import Arrays, Options, Prepared, learn
from ml.beats.protocols import Indices, Protocol, load
from ml.beats.tempering import Probabilities
from ml.ecg.annotated import BEAT_SYMBOLS, AnnotatedRecord, read_annotated

Floats = npt.NDArray[np.float32]

STRETCH = 32
VARIED = 2
EXCERPT_BEATS = (8, 30)
FIBRILLATING = 1 + VARIED
VARIANTS = FIBRILLATING + 3
"""As it is; as another might have recorded it; with fibrillating atria; in excerpts, as it is and varied."""
CHANCES = (0.2, *((0.35 / VARIED,) * VARIED), 0.15, 0.15, 0.15)

FILTERS = (16, 24, 32, 32, 32)
KERNELS = (7, 5, 5, 3, 3)
DROPOUT = 0.2
WARM_UP_SHARE = 0.05
SWAPPED = 0.5
INVERTED = 0.1
MISSING = (0.07, 0.2)
"""How often stretches are learnt from with leads swapped, inverted, without the first or the second lead."""
CLASS_POWER = 0.4
MIN_SHARE = 0.05
PREMATURE_WEIGHT = 3.0
"""What a premature beat of the atria counts beyond its rarity: it looks most like the usual ones."""
RUN_POWER = 0.5

PREMATURE = tuple("AaJS")
"""PhysioNet's codes of premature beats of atria and node; where the atria fibrillate there are none."""
QRS_T_S = (0.06, 0.36)
"""Before and after the R peak: what remains of a beat when the atria fibrillate."""

_VERSION = 3
"""Raised whenever the same record gives other variants: what is cached is then made anew."""


class Best:
    """Learns from stretches of beats of whole records; of a protocol's segments the beats within count."""

    name = "best"

    def load(self, protocol: Protocol, data: Path, cache: Path) -> Prepared:
        """Return a protocol's segments, and the variants of their records' beats, record after record."""
        segments = load(protocol, data, cache)
        names = np.unique(segments.records)
        kept = [_kept(data, str(name), cache) for name in names]
        ends = np.cumsum([len(each["positions"]) for each in kept])
        spans = np.zeros((len(segments.labels), 2), np.int64)
        for name, each, end in zip(names, kept, ends, strict=True):
            mine = segments.records == name
            positions = each["positions"]
            spans[mine, 0] = end - len(positions) + np.searchsorted(positions, segments.firsts[mine])
            spans[mine, 1] = end - len(positions) + np.searchsorted(positions, segments.lasts[mine], "right")
        return Prepared(
            segments,
            {
                "shapes": np.concatenate([each["shapes"] for each in kept], axis=1),
                "rhythm": np.concatenate([each["rhythm"] for each in kept], axis=1),
                "premature": np.concatenate([each["premature"] for each in kept]),
                "ends": ends,
                "spans": spans,
            },
        )

    def fit(self, prepared: Prepared, train: Indices, watch: Indices, options: Options, folder: Path) -> Any:
        """Return the network, taught with the beats of `train`; the others are seen around them only."""
        stretches = Stretches(prepared)
        segments = prepared.segments
        learnt, watched = (_weights(prepared, some) for some in (train, watch))
        labels = _labels(prepared)
        places = stretches.with_any(learnt)
        steps = options.epochs * -(-len(places) // options.batch_size)

        def examples(some: Indices, generator: np.random.Generator | None) -> Any:
            beats, inputs, counted = stretches.draw(some, generator)
            return inputs, labels[beats], (watched if generator is None else learnt)[beats] * counted

        return learn(
            lambda: build(len(segments.classes), options.learning_rate, steps),
            examples,
            places,
            stretches.with_any(watched),
            options,
            folder,
        )

    def probabilities(self, model: Any, prepared: Prepared, places: Indices) -> Probabilities:
        """Return what the network answers of these segments, each record read as a whole."""
        spans, ends = prepared.inputs["spans"][places], prepared.inputs["ends"]
        answers = np.zeros((len(places), len(prepared.segments.classes)), np.float32)
        start = 0
        for end in ends:
            mine = (spans[:, 0] >= start) & (spans[:, 0] < end)
            if mine.any():
                inputs = {name: prepared.inputs[name][:1, start:end] for name in ("shapes", "rhythm")}
                beats = np.asarray(model.predict_on_batch(inputs), np.float32)[0]
                answers[mine] = of_runs(beats, spans[mine] - start)
            start = end
        return answers


def of_runs(beats: Floats, spans: Indices) -> Floats:
    """Return the probabilities of runs, given those of each beat and where each run begins and ends."""
    logarithms = np.log(np.maximum(beats, 1e-7), dtype=np.float64)
    sums = np.concatenate([np.zeros((1, beats.shape[1])), np.cumsum(logarithms, axis=0)])
    means: npt.NDArray[np.float64] = (sums[spans[:, 1]] - sums[spans[:, 0]]) / (spans[:, 1] - spans[:, 0])[
        :, None
    ]
    each = np.exp(means - means.max(axis=1, keepdims=True))
    return np.asarray(each / each.sum(axis=1, keepdims=True), np.float32)


def build(n_classes: int, learning_rate: float, steps: int) -> Any:
    """Return the network, compiled to learn for so many steps.

    The shapes stand one after another for the convolutions, whose strides and pools divide a shape's length,
    so that each beat comes out by itself again.
    """
    import keras  # noqa: PLC0415 - takes seconds, and serving does without

    layers = keras.layers
    shapes = keras.Input((None, SHAPE_LENGTH, CHANNELS), name="shapes")
    rhythm = keras.Input((None, RHYTHM_LENGTH), name="rhythm")
    hidden = layers.Reshape((-1, CHANNELS))(shapes)
    for place, (filters, kernel) in enumerate(zip(FILTERS, KERNELS, strict=True)):
        strides = 1 if place else 2
        hidden = layers.Conv1D(filters, kernel, strides=strides, padding="same", use_bias=False)(hidden)
        if place:
            hidden = layers.MaxPool1D(2)(hidden)
        hidden = layers.BatchNormalization(momentum=0.95)(hidden)
        hidden = layers.ReLU()(hidden)
    hidden = layers.Reshape((-1, SHAPE_LENGTH // 2 ** len(FILTERS) * FILTERS[-1]))(hidden)
    hidden = layers.Dropout(DROPOUT)(hidden)
    hidden = layers.Dense(32, activation="relu")(hidden)
    hidden = layers.Concatenate()([hidden, layers.Dense(16, activation="relu")(rhythm)])
    hidden = layers.Dropout(DROPOUT)(hidden)
    among = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(hidden)
    hidden = layers.Concatenate()([hidden, among])
    hidden = layers.Dropout(DROPOUT)(hidden)
    hidden = layers.Dense(32, activation="relu")(hidden)
    hidden = layers.Dropout(DROPOUT / 2)(hidden)
    outputs = layers.Dense(n_classes, activation="softmax")(hidden)
    model = keras.Model([shapes, rhythm], outputs, name="best")
    warm_up = round(WARM_UP_SHARE * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / 10, max(steps - warm_up, 1), 0.01, warmup_target=learning_rate, warmup_steps=warm_up
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3, clipnorm=1.0),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    return model


class Stretches:
    """Stretches of consecutive beats of a record, by number.

    Parameters
    ----------
    prepared : Prepared
        By `Best.load`.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._shapes = prepared.inputs["shapes"]
        self._rhythm = prepared.inputs["rhythm"]
        self._premature = prepared.inputs["premature"]
        ends = prepared.inputs["ends"].tolist()
        bounds = list(zip([0, *ends[:-1]], ends, strict=True))
        self._starts = np.asarray([at for start, end in bounds for at in range(start, end, STRETCH)])
        self._bounds = np.asarray(
            [(start, end) for start, end in bounds for _ in range(start, end, STRETCH)], np.int64
        )

    def with_any(self, weights: Floats) -> Indices:
        """Return which stretches have a beat that counts."""
        beats, there = self._beats(np.arange(len(self._starts)), None)
        return np.flatnonzero((weights[beats] * there).any(axis=1))

    def draw(
        self, places: Indices, generator: np.random.Generator | None
    ) -> tuple[Indices, Arrays, npt.NDArray[np.bool_]]:
        """Return the beats of stretches, what the network is shown of them, and which of them may count.

        As they are, or, by a generator, moved a little and varied.
        """
        beats, there = self._beats(places, generator)
        if not generator:
            shapes, rhythm = self._shapes[0, beats].astype(np.float32), self._rhythm[0, beats]
            return beats, {"shapes": shapes, "rhythm": rhythm}, there
        variants = generator.choice(VARIANTS, len(beats), p=CHANCES)[:, None]
        inputs = _varied_leads(
            self._shapes[variants, beats].astype(np.float32), self._rhythm[variants, beats], generator
        )
        return beats, inputs, there & ~(self._premature[beats] & (variants == FIBRILLATING))

    def _beats(
        self, places: Indices, generator: np.random.Generator | None
    ) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Return the beats of stretches, and which are there: of a short record, the last is repeated."""
        first, end = self._bounds[places].T
        starts = self._starts[places]
        if generator:
            starts = starts + generator.integers(-STRETCH // 2, STRETCH // 2, len(starts))
        starts = np.clip(starts, first, np.maximum(first, end - STRETCH))
        beats = starts[:, None] + np.arange(STRETCH)
        return np.minimum(beats, end[:, None] - 1), beats < end[:, None]


def _labels(prepared: Prepared) -> Indices:
    """Return each beat's class, 0 where it has none."""
    labels = np.zeros(prepared.inputs["ends"][-1], np.int64)
    for (start, end), label in zip(prepared.inputs["spans"], prepared.segments.labels, strict=True):
        labels[start:end] = label
    return labels


def _weights(prepared: Prepared, places: Indices) -> Floats:
    """Return what each beat counts: of a rare class more, in a long run less, outside `places` nothing."""
    weights = np.zeros(prepared.inputs["ends"][-1], np.float32)
    spans, labels = prepared.inputs["spans"][places], prepared.segments.labels[places]
    each = (spans[:, 1] - spans[:, 0]) ** (1 - RUN_POWER)
    totals = np.bincount(labels, each, len(prepared.segments.classes))
    rarity = np.maximum(totals / max(totals.sum(), 1), MIN_SHARE) ** -CLASS_POWER
    rarity[[name in {"S", "APB"} for name in prepared.segments.classes]] *= PREMATURE_WEIGHT
    for (start, end), label in zip(spans, labels, strict=True):
        weights[start:end] = (end - start) ** -RUN_POWER * rarity[label]
    counted = weights > 0
    return weights / weights[counted].mean() if counted.any() else weights


def _kept(data: Path, name: str, cache: Path) -> Arrays:
    """Return the variants of a record's beats, made once for the same file."""
    record = read_annotated(data, name)
    digest = hashlib.sha256(repr((_VERSION, name, record.sampling_rate_hz)).encode())
    digest.update(record.samples_mv.tobytes())
    digest.update(record.beats().tobytes())
    path = cache / f"best-{name}-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        variants = _variants(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            allow_pickle=False,
            positions=record.beats(),
            premature=np.isin([symbol for symbol in record.symbols if symbol in BEAT_SYMBOLS], PREMATURE),
            shapes=np.stack([each.shapes for each in variants]).astype(np.float16),
            rhythm=np.stack([each.rhythm for each in variants]),
        )
        partial.replace(path)
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _variants(record: AnnotatedRecord) -> list[BeatInputs]:
    """Return a record's beats as they are, as others might have recorded them, and in excerpts."""
    generator = np.random.default_rng(list(record.name.encode()))
    leads = record.samples_mv[:, :2]
    real = leads, record.sampling_rate_hz, record.beats()
    made = [_recorded_otherwise(*real, generator) for _ in range(VARIED + 1)]
    return [
        beat_inputs(*real),
        *(beat_inputs(*each) for each in made[:VARIED]),
        beat_inputs(*_fibrillating(*real, generator)),
        _in_excerpts(*real, generator),
        _in_excerpts(*made[VARIED], generator),
    ]


def _recorded_otherwise(
    leads: npt.NDArray[np.float64], rate_hz: float, peaks: Indices, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float64], float, Indices]:
    """Return a record with electrodes moved, another bandwidth, noise, another pace, other marks."""
    height = np.percentile(np.abs(leads - np.median(leads, axis=0)), 99, axis=0)
    samples = leads / np.maximum(height, 0.05)
    if samples.shape[1] == 2:
        turn = generator.uniform(-0.5, 0.5)
        samples = samples @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if generator.random() < 0.5:
        low_pass = signal.butter(2, generator.uniform(15, 40), fs=rate_hz, output="sos")
        samples = signal.sosfiltfilt(low_pass, samples, axis=0)
    if generator.random() < 0.7:
        samples = samples + _noise(samples.shape, rate_hz, generator)
    late_s = generator.uniform(-0.02, 0.02) + generator.normal(0, 0.006, len(peaks))
    marked = np.maximum.accumulate(peaks + np.round(late_s * rate_hz).astype(np.int64))
    return samples, rate_hz * np.exp(generator.normal(0, 0.06)), np.clip(marked, 0, len(samples) - 1)


def _noise(shape: tuple[int, ...], rate_hz: float, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return noise of muscles throughout, and of moving electrodes now and then."""
    muscles = generator.normal(size=shape) * generator.uniform(0, 0.08, shape[1]) * np.sqrt(rate_hz / 100)
    band = signal.butter(1, (0.7, 5), "bandpass", fs=rate_hz, output="sos")
    moving = signal.sosfilt(band, generator.normal(size=shape), axis=0)
    moving *= generator.uniform(0, 0.3, shape[1]) / max(float(moving.std()), 1e-9)
    strength = generator.uniform(0, 1, 300) ** 3
    when = np.interp(np.arange(shape[0]), np.linspace(0, shape[0], len(strength)), strength)
    return np.asarray(muscles + when[:, None] * moving)


def _fibrillating(
    leads: npt.NDArray[np.float64], rate_hz: float, peaks: Indices, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float64], float, Indices]:
    """Return the same QRS and T waves at irregular intervals, with flicker in place of P waves."""
    before, after = (round(each * rate_hz) for each in QRS_T_S)
    intervals = np.diff(peaks)
    uneven = generator.uniform(0.12, 0.3)
    mean = float(np.median(intervals)) * generator.uniform(0.7, 1)
    drawn = generator.gamma(uneven**-2, mean * uneven**2, len(intervals))
    made = peaks[0] + np.concatenate([[0], np.cumsum(np.maximum(drawn, 0.4 * rate_hz))]).astype(np.int64)
    room = np.minimum(intervals, np.diff(made)) - before - 2
    lasting = np.append(np.clip(room, 2, after), after)
    was = np.column_stack([peaks - before, peaks + lasting]).ravel()
    now = np.column_stack([made - before, made + lasting]).ravel()
    times = np.arange(made[-1] + round(rate_hz))
    at = np.interp(times, now, was, right=was[-1])
    kept = (np.searchsorted(now, times, side="right") % 2).astype(np.bool_)
    knots = np.arange(0, len(times) + rate_hz, 0.3 * rate_hz)
    flicker_hz = np.interp(times, knots, generator.normal(6.5, 1, len(knots)))
    flicker = np.sin(2 * np.pi * np.cumsum(flicker_hz) / rate_hz)
    samples = np.empty((len(times), leads.shape[1]))
    for lead, values in enumerate(leads.T):
        height = np.percentile(np.abs(values - np.median(values)), 99)
        taken = np.interp(at, np.arange(len(values)), values)
        samples[:, lead] = np.interp(times, times[kept], taken[kept])
        samples[:, lead] += height * generator.uniform(0, 0.08) * flicker
    return samples, rate_hz, made


def _in_excerpts(
    leads: npt.NDArray[np.float64], rate_hz: float, peaks: Indices, generator: np.random.Generator
) -> BeatInputs:
    """Return a record's beats as they are seen in excerpts of some beats, one after another."""
    parts = []
    start = 0
    while start < len(peaks):
        some = peaks[start : start + generator.integers(*EXCERPT_BEATS)]
        first = max(int(some[0] - generator.uniform(0.2, 0.8) * rate_hz), 0)
        last = int(some[-1] + generator.uniform(0.3, 0.9) * rate_hz)
        parts.append(beat_inputs(leads[first : last + 1], rate_hz, some - first))
        start += len(some)
    return BeatInputs(
        np.concatenate([each.shapes for each in parts]), np.concatenate([each.rhythm for each in parts])
    )


def _varied_leads(shapes: Floats, rhythm: Floats, generator: np.random.Generator) -> Arrays:
    """Return stretches with leads swapped or missing, other gains and polarities, intervals a little off."""
    n = len(shapes)
    swapped = generator.random(n) < SWAPPED
    shapes[swapped] = shapes[swapped][..., [1, 0, 3, 2]]
    leads = rhythm[..., LEAD_RHYTHM]
    leads[swapped] = leads[swapped][..., [1, 0, 3, 2]]
    gains = np.exp(generator.normal(0, 0.15, (n, 2))) * np.where(generator.random((n, 2)) < INVERTED, -1, 1)
    chance = generator.random(n)
    gains[chance < MISSING[1], 1] = 0
    gains[chance > 1 - MISSING[0], 0] = 0
    shapes *= np.tile(gains, 2)[:, None, None].astype(np.float32)
    leads *= np.tile(gains != 0, 2)[:, None]
    return {"shapes": shapes, "rhythm": rhythm + generator.normal(0, 0.03, rhythm.shape).astype(np.float32)}
