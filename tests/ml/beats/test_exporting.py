"""Graphs: every layer answers as Keras does, and what cannot be expressed is refused.

The only tests that import Keras for serving's sake.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.exporting import ExportError, to_onnx
from ml.beats.packaging import Facts, package
from ml.beats.predicting import BeatPredictor
from ml.registry.artefact import open_unsealed
from ml.registry.contents import EXAMPLES, KERAS

GENERATOR = np.random.default_rng(11)
FACTS = Facts("cnn-lstm", PRODUCT_CLASSES, 1.5, 0.9, 0.4, {"macro_f1": 0.9}, "0" * 64, "# Made")

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras', of NumPy
    pytest.mark.timeout(300),  # TensorFlow is imported
]


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras  # noqa: PLC0415 - seconds

    return keras


@pytest.fixture(scope="module")
def network(keras: Any) -> Any:
    """Return the network of the brief."""
    return brief(keras)


def trained(model: Any) -> Any:
    """Give a model weights of chance, as far from their first values as training might bring them."""
    for weight in model.weights:
        values = GENERATOR.normal(0, 0.3, weight.shape)
        weight.assign(np.abs(values) + 0.3 if weight.path.endswith("variance") else values)
    return model


def brief(keras: Any) -> Any:
    """Return the network of the brief."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((1000, 1), name="segment")])
    for filters, kernel in ((4, 21), (6, 11), (8, 5)):
        model.add(layers.Conv1D(filters, kernel, activation="relu", use_bias=False))
        model.add(layers.MaxPool1D(2))
    model.add(layers.LSTM(20, recurrent_dropout=0.2))
    for units in (20, 10):
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(5, activation="softmax"))
    return trained(model)


def sequence(keras: Any) -> Any:
    """Return a model of sequences of beats, with two inputs, everything open that can be."""
    layers = keras.layers
    shapes, rhythm = keras.Input((None, 96, 4), name="shapes"), keras.Input((None, 13), name="rhythm")
    beat = keras.Input((96, 4))
    inner = layers.Conv1D(8, 7, padding="same", strides=2)(beat)
    inner = layers.ReLU()(layers.BatchNormalization()(inner))
    inner = layers.Add()([inner, layers.SeparableConv1D(8, 5, padding="same", activation="relu")(inner)])
    inner = layers.MaxPool1D(2, padding="same")(inner)
    inner = layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same")(inner)
    inner = layers.Conv1D(6, 3, padding="causal", dilation_rate=2, groups=2, activation="tanh")(inner)
    pooled = layers.Concatenate()(
        [layers.GlobalAveragePooling1D()(inner), layers.GlobalMaxPooling1D()(inner)]
    )
    hidden = layers.TimeDistributed(keras.Model(beat, pooled))(shapes)
    hidden = layers.LayerNormalization()(layers.Concatenate()([hidden, rhythm]))
    hidden = layers.TimeDistributed(layers.Dense(12, activation="relu"))(hidden)
    hidden = layers.Bidirectional(layers.LSTM(9, return_sequences=True))(hidden)
    hidden = layers.LSTM(7, return_sequences=True)(hidden)
    return trained(keras.Model([shapes, rhythm], layers.Dense(5, activation="softmax")(hidden)))


def joined(keras: Any) -> Any:
    """Return a model whose beats stand one after another for the convolutions, and come apart again."""
    layers = keras.layers
    shapes = keras.Input((None, 96, 4), name="shapes")
    hidden = layers.Conv1D(8, 7, strides=2, padding="same")(layers.Reshape((-1, 4))(shapes))
    hidden = layers.AveragePooling1D(2)(hidden)
    hidden = layers.Dense(6)(layers.Reshape((-1, 24 * 8))(hidden))
    return trained(keras.Model(shapes, layers.Bidirectional(layers.LSTM(4, return_sequences=True))(hidden)))


def last(keras: Any) -> Any:
    """Return a model that keeps the last outputs of both directions."""
    layers = keras.layers
    taken = keras.Input((30, 3))
    hidden = layers.Flatten()(
        layers.Reshape((4, 2))(layers.Bidirectional(layers.LSTM(4, use_bias=False))(taken))
    )
    hidden = layers.Multiply()([hidden, layers.Activation("sigmoid")(hidden)])
    return trained(keras.Model(taken, layers.Dense(3)(hidden)))


def steps(keras: Any) -> Any:
    """Return a model that applies single layers at each step."""
    layers = keras.layers
    taken = keras.Input((None, 64, 2))
    hidden = taken
    for layer in (
        layers.Conv1D(4, 5, padding="same"),
        layers.BatchNormalization(scale=False, center=False),
        layers.LayerNormalization(),
        layers.MaxPool1D(2),
        layers.Flatten(),
    ):
        hidden = layers.TimeDistributed(layer)(hidden)
    return trained(keras.Model(taken, layers.Dense(3)(hidden)))


@pytest.mark.parametrize("make", [brief, sequence, joined, last, steps])
def test_the_graph_answers_as_keras_does(keras: Any, make: Callable[[Any], Any]) -> None:
    from onnxruntime import InferenceSession  # noqa: PLC0415 - as what serves imports it

    model = make(keras)
    session = InferenceSession(to_onnx(model), providers=["CPUExecutionProvider"])
    for number in (1, 3):
        given = [_like(each.shape, number) for each in model.inputs]
        named = {each.name: values for each, values in zip(session.get_inputs(), given, strict=True)}
        expected = np.asarray(model(given if len(given) > 1 else given[0], training=False))

        (answered,) = session.run(None, named)
        assert answered.shape == expected.shape
        assert np.abs(answered - expected).max() < 1e-5


def _like(shape: Sequence[int | None], number: int) -> npt.NDArray[np.float32]:
    whole = [number, *(6 if size is None else size for size in shape[1:])]
    return GENERATOR.normal(size=whole).astype(np.float32)


def test_an_lstm_is_one_operator_and_nothing_loops(network: Any) -> None:
    kinds = [node.op_type for node in onnx.load_from_string(to_onnx(network)).graph.node]

    assert kinds.count("LSTM") == 1
    assert not {"Loop", "Scan", "If"} & set(kinds)


def refused(keras: Any, *layers: Any) -> Any:
    return keras.Sequential([keras.Input((30, 3)), *layers])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda layers: [layers.GRU(4)], "layers of the kind GRU"),
        (lambda layers: [layers.Lambda(lambda x: x)], "layers of the kind Lambda"),
        (lambda layers: [layers.LSTM(4, activation="relu")], "other activations"),
        (lambda layers: [layers.LSTM(4, go_backwards=True)], "go_backwards True"),
        (
            lambda layers: [layers.Bidirectional(layers.LSTM(4), merge_mode="sum")],
            "only a bidirectional LSTM",
        ),
        (lambda layers: [layers.Dense(4, activation="mish")], "activation mish"),
        (lambda layers: [layers.ReLU(max_value=6)], "max_value 6"),
        (lambda layers: [layers.BatchNormalization(axis=1)], "axis 1"),
        (lambda layers: [layers.LayerNormalization(axis=1)], "axis"),
    ],
    ids=["GRU", "Lambda", "relu", "backwards", "sum", "mish", "relu 6", "axis", "another axis"],
)
def test_what_cannot_be_expressed_is_refused_by_name(
    keras: Any, make: Callable[[Any], list[Any]], words: str
) -> None:
    with pytest.raises(ExportError, match=words):
        to_onnx(refused(keras, *make(keras.layers)))


def test_a_packaged_model_loads_verifies_and_can_be_read_by_keras_again(
    keras: Any, network: Any, tmp_path: Path
) -> None:
    segments = GENERATOR.normal(size=(40, 1000, 1)).astype(np.float32)
    artefact = package(network, tmp_path / "made", FACTS, {"segment": segments})

    opened = open_unsealed(artefact.folder, artefact.digest)
    assert opened.manifest.parity < 1e-5
    assert opened.manifest.inputs[0].name == "segment"
    assert opened.size < 1_000_000
    predictor = BeatPredictor(opened)
    predictor.warm_up()
    assert predictor.verify_examples() < 1e-5
    again = keras.saving.load_model(opened.folder / KERAS)
    with np.load(opened.folder / EXAMPLES) as examples:
        assert np.asarray(again(examples["segment"])) == pytest.approx(examples["expected"], abs=1e-6)
    rounded = np.asarray(again(segments))  # its weights are kept in half precision
    assert rounded == pytest.approx(np.asarray(network(segments)), abs=1e-3)


def test_a_model_whose_parity_fails_is_not_written(
    keras: Any, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = to_onnx(brief(keras))
    monkeypatch.setattr("ml.beats.packaging.to_onnx", lambda _model: other)

    with pytest.raises(ExportError, match="parity fails"):
        package(network, tmp_path / "made", FACTS, {"segment": np.ones((2, 1000, 1), np.float32)})
    assert not (tmp_path / "made").exists()
