"""The stronger model: what each beat looks like (convolutions), then what it means among others (LSTM).

It reads a recording beat by beat (`ml/beats/inputs.py`) and answers for every beat, knowing those before and
after. A run of beats is answered for by the mean of its beats' log-probabilities; how long it is plays no
part.

It learns from stretches of `STRETCH` consecutive beats. Of each record several variants are prepared
(`ml/beats/variants.py`). What costs nothing is varied anew each time: gain, polarity, leads that are swapped
or missing.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.beats.caching import keep_arrays
from ml.beats.classes import CONDUCTIONS, PRODUCT_CLASSES, UNTOLD
from ml.beats.inputs import CHANNELS, LEAD_RHYTHM, RHYTHM_LENGTH, SHAPE_LENGTH
from ml.beats.learning import Arrays, Lesson, Options, Prepared
from ml.beats.protocols import Data, Indices, Protocol, cut
from ml.beats.tempering import Probabilities
from ml.beats.variants import CHANCES, Told, variants
from ml.ecg.annotated import AnnotatedRecord, read_annotated

Floats = npt.NDArray[np.float32]

STRETCH = 32
FILTERS = (16, 24, 32, 32, 32)
KERNELS = (7, 5, 5, 3, 3)
DROPOUT = 0.2
WARM_UP_SHARE = 0.05
SWAPPED = 0.5
INVERTED = 0.1
"""How often stretches are learnt from with leads swapped or inverted, where that changes no class."""
SELDOM = 0.2
"""How much of that where classes are told apart by which lead points where: bundle branch blocks."""
MISSING = (0.07, 0.2)
"""How often they are learnt from without the first or the second lead."""
CLASS_POWER = 0.4
MIN_SHARE = 0.05
PREMATURE_WEIGHT = 1.5
"""What a premature beat of the atria counts beyond its rarity: it looks most like the usual ones."""
RUN_POWER = 0.5
BLOCKS = frozenset({"LBBB", "RBBB"})
BLOCK_POWER = 0.5
"""A record's beats with a bundle branch block count together as many as there are to the power 1 less this:
there are few patients with one, some with half an hour of it, some with ten seconds."""
MADE_WEIGHT = 1.0
"""What a beat made premature counts, next to a usual one."""

_VERSION = 7
"""Raised whenever the same record gives other variants: what is cached is then made anew."""


class Best:
    """Learns from stretches of beats of whole records; of a protocol's segments the beats within count."""

    name = "best"

    def load(self, protocol: Protocol, data: Data, cache: Path) -> Prepared:
        """Return a protocol's segments, and the variants of their records' beats, record after record."""
        further = {record.name: record for record in data.records_beyond(protocol)}
        segments = cut(protocol, data.mitdb, cache, list(further.values()))
        names = np.unique(segments.records)
        kept = [
            _kept(further.get(name) or read_annotated(data.mitdb, name), cache) for name in names.tolist()
        ]
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
                "told": np.concatenate([each["told"] for each in kept], axis=1),
                "ends": ends,
                "spans": spans,
            },
        )

    def lesson(self, prepared: Prepared, train: Indices, watch: Indices, options: Options) -> Lesson:
        """Return what to learn: the beats of `train`; the others are seen around them only."""
        stretches = Stretches(prepared)
        segments = prepared.segments
        made = _made(segments.classes)
        learnt, watched = (_weights(prepared, some) for some in (train, watch))
        labels = _labels(prepared)
        untold = bool((labels == len(segments.classes)).any())
        places = stretches.with_any(learnt)
        steps = options.epochs * -(-len(places) // options.batch_size)

        def examples(some: Indices, generator: np.random.Generator | None) -> Any:
            beats, inputs, told, there = stretches.draw(some, generator)
            weights = (watched if generator is None else learnt)[beats] * there
            classes = made[told]
            weights = np.where(told > 0, (classes >= 0) * np.minimum(weights, MADE_WEIGHT), weights)
            return inputs, np.where(told > 0, np.maximum(classes, 0), labels[beats]), weights

        return Lesson(
            lambda: build(len(segments.classes), options.learning_rate, steps, untold=untold),
            examples,
            places,
            stretches.with_any(watched),
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


def build(n_classes: int, learning_rate: float, steps: int, *, untold: bool = False) -> Any:
    """Return the network, compiled to learn for so many steps, also from `untold` beats (`_untold`).

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
    loss = "sparse_categorical_crossentropy"
    if untold:
        loss = keras.saving.register_keras_serializable("chevet")(_untold)  # copies of the model look it up
    warm_up = round(WARM_UP_SHARE * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / 10, max(steps - warm_up, 1), 0.01, warmup_target=learning_rate, warmup_steps=warm_up
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3, clipnorm=1.0),
        loss,
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
        self._told = prepared.inputs["told"]
        self._turned = SELDOM if BLOCKS & set(prepared.segments.classes) else 1.0
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
    ) -> tuple[Indices, Arrays, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """Return the beats of stretches, what the network is shown of them, what it is told, which are there.

        As they are, or, by a generator, moved a little and varied.
        """
        beats, there = self._beats(places, generator)
        if not generator:
            shapes, rhythm = self._shapes[0, beats].astype(np.float32), self._rhythm[0, beats]
            return beats, {"shapes": shapes, "rhythm": rhythm}, self._told[0, beats], there
        chosen = generator.choice(len(CHANCES), len(beats), p=CHANCES)[:, None]
        inputs = _varied_leads(
            self._shapes[chosen, beats].astype(np.float32),
            self._rhythm[chosen, beats],
            self._turned,
            generator,
        )
        return beats, inputs, self._told[chosen, beats], there

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
    """Return each beat's class, 0 where it has none, one more than there are where it may be several."""
    segments = prepared.segments
    labels = np.zeros(prepared.inputs["ends"][-1], np.int64)
    told = segments.labels.copy()
    if set(CONDUCTIONS) <= set(segments.classes):
        usual = told == segments.classes.index(CONDUCTIONS[0])
        told[usual & (segments.databases() == UNTOLD)] = len(segments.classes)
    for (start, end), label in zip(prepared.inputs["spans"], told, strict=True):
        labels[start:end] = label
    return labels


def _untold(labels: Any, answers: Any) -> Any:
    """Return the cross-entropy of the product's classes, where a beat's may be known as one of several only.

    The probability of one more class than there are is that of all `CONDUCTIONS` together.
    """
    from keras import ops  # noqa: PLC0415 - as in `build`

    classes = np.eye(len(PRODUCT_CLASSES) + 1, len(PRODUCT_CLASSES), dtype=np.float32)
    classes[-1] = np.isin(PRODUCT_CLASSES, CONDUCTIONS)
    likely = ops.sum(answers * ops.take(classes, ops.cast(labels, "int32"), axis=0), axis=-1)
    return -ops.log(ops.maximum(likely, 1e-7))


def _made(classes: tuple[str, ...]) -> Indices:
    """Return the class of what variants tell otherwise, by `Told`; -1: it has none, and does not count."""
    names = {Told.PREMATURE: ("S", "APB"), Told.FUSION: ("F",)}
    made = np.full(len(Told), -1)
    for told, same in names.items():
        for name in set(same) & set(classes):
            made[told] = classes.index(name)
    return made


def _weights(prepared: Prepared, places: Indices) -> Floats:
    """Return what each beat counts: of a rare class more, in a long run less, outside `places` nothing."""
    weights = np.zeros(prepared.inputs["ends"][-1], np.float32)
    spans, labels = prepared.inputs["spans"][places], prepared.segments.labels[places]
    each = (spans[:, 1] - spans[:, 0]) ** (1 - RUN_POWER)
    totals = np.bincount(labels, each, len(prepared.segments.classes))
    rarity = np.maximum(totals / max(totals.sum(), 1), MIN_SHARE) ** -CLASS_POWER
    rarity[[name in {"S", "APB"} for name in prepared.segments.classes]] *= PREMATURE_WEIGHT
    factors = rarity[labels]
    _, records = np.unique(prepared.segments.records[places], return_inverse=True)
    for block in BLOCKS & set(prepared.segments.classes):
        mine = labels == prepared.segments.classes.index(block)
        if mine.any():
            few = np.bincount(records[mine], each[mine])[records[mine]] ** -BLOCK_POWER
            factors[mine] *= few * each[mine].sum() / (few * each[mine]).sum()
    for (start, end), factor in zip(spans, factors, strict=True):
        weights[start:end] = (end - start) ** -RUN_POWER * factor
    counted = weights > 0
    return weights / weights[counted].mean() if counted.any() else weights


def _kept(record: AnnotatedRecord, cache: Path) -> Arrays:
    """Return the variants of a record's beats, made once for the same recording."""
    digest = hashlib.sha256(repr((_VERSION, record.name, record.sampling_rate_hz, record.symbols)).encode())
    digest.update(record.samples_mv.tobytes())
    digest.update(record.beats().tobytes())
    path = cache / f"best-{record.name}-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        made = variants(record)
        keep_arrays(
            path,
            {
                "positions": record.beats(),
                "told": np.stack([each.told for each in made]),
                "shapes": np.stack([each.inputs.shapes for each in made]).astype(np.float16),
                "rhythm": np.stack([each.inputs.rhythm for each in made]),
            },
        )
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _varied_leads(shapes: Floats, rhythm: Floats, turned: float, generator: np.random.Generator) -> Arrays:
    """Return stretches with leads swapped or missing, other gains and polarities, intervals a little off.

    `turned` is what the chances of swapped and inverted leads are multiplied by.
    """
    n = len(shapes)
    swapped = generator.random(n) < turned * SWAPPED
    shapes[swapped] = shapes[swapped][..., [1, 0, 3, 2]]
    leads = rhythm[..., LEAD_RHYTHM]
    leads[swapped] = leads[swapped][..., [1, 0, 3, 2]]
    gains = np.exp(generator.normal(0, 0.15, (n, 2))) * np.where(
        generator.random((n, 2)) < turned * INVERTED, -1, 1
    )
    chance = generator.random(n)
    gains[chance < MISSING[1], 1] = 0
    gains[chance > 1 - MISSING[0], 0] = 0
    shapes *= np.tile(gains, 2)[:, None, None].astype(np.float32)
    leads *= np.tile(gains != 0, 2)[:, None]
    return {"shapes": shapes, "rhythm": rhythm + generator.normal(0, 0.03, rhythm.shape).astype(np.float32)}
