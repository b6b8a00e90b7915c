"""The network of the project's brief: three convolutions and an LSTM over a stretch of one lead (Oh 2018)."""

from pathlib import Path
from typing import Any

import numpy as np

from ml.beats.learning import Lesson, Options, Prepared, predict
from ml.beats.protocols import Data, Indices, Protocol, load
from ml.beats.segments import RUN_LENGTH
from ml.beats.showing import filled
from ml.beats.tempering import Probabilities

FILTERS = (8, 16, 32)
KERNELS = (21, 11, 5)
INPUT = "segment"


class CnnLstm:
    """Learns from one segment at a time; single beats are filled up with zeros to the length of a run."""

    name = "cnn-lstm"

    def load(self, protocol: Protocol, data: Data, cache: Path) -> Prepared:
        """Return the segments of a protocol as they are."""
        segments = load(protocol, data, cache)
        return Prepared(segments, {INPUT: segments.samples})

    def lesson(self, prepared: Prepared, train: Indices, watch: Indices, options: Options) -> Lesson:
        """Return what to learn: each segment, all alike."""
        segments = prepared.segments
        return Lesson(
            lambda: build(len(segments.classes), options.learning_rate),
            lambda places, _generator: (
                _inputs(prepared, places),
                segments.labels[places],
                np.ones(len(places), np.float32),
            ),
            train,
            watch,
        )

    def probabilities(self, model: Any, prepared: Prepared, places: Indices) -> Probabilities:
        """Return what the network answers of these segments."""
        return predict(model, lambda some: _inputs(prepared, some), places)


def build(n_classes: int, learning_rate: float) -> Any:
    """Return the network, compiled."""
    import keras  # noqa: PLC0415 - takes seconds, and serving does without

    layers = keras.layers
    inputs = keras.Input((RUN_LENGTH, 1), name=INPUT)
    hidden = inputs
    for filters, kernel in zip(FILTERS, KERNELS, strict=True):
        hidden = layers.Conv1D(filters, kernel, activation="relu", use_bias=False)(hidden)
        hidden = layers.MaxPool1D(2)(hidden)
    hidden = layers.LSTM(20, recurrent_dropout=0.2)(hidden)
    for units in (20, 10):
        hidden = layers.Dense(units, activation="relu")(hidden)
        hidden = layers.Dropout(0.2)(hidden)
    outputs = layers.Dense(n_classes, activation="softmax")(hidden)
    model = keras.Model(inputs, outputs, name="cnn-lstm")
    model.compile(
        keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"]
    )
    return model


def _inputs(prepared: Prepared, places: Indices) -> dict[str, Any]:
    return {INPUT: filled(prepared.inputs[INPUT][places])}
