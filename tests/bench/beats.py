"""How fast the classifier of beats answers: ours beside Keras' predict, tf.function and LiteRT, in one run.

All have the brief's network with the same weights, on one thread, each in a process of its own:
`python -m tests.bench.beats WAY FOLDER` measures one of them.
"""

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.registry.registry import resident_bytes
from tests.bench.servers import ROOT

NUMBERS = (1, 1000)
MIN_S = 1.0
RECORD_S = 1800
MOST_RECORD_S = 2.0
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

Floats = npt.NDArray[np.float32]
Answer = Callable[[Floats], Any]


@dataclass(frozen=True)
class Measured:
    """What one way to answer does.

    Parameters
    ----------
    name : str
        Which.
    rates : mapping of int to float
        Beats a second, by how many are asked at once.
    load_s : float
        Seconds of the processor from a fresh process to the first answer.
    memory_mb : float
        What the process holds after that.
    """

    name: str
    rates: Mapping[int, float]
    load_s: float
    memory_mb: float


@dataclass(frozen=True)
class Report:
    """What was measured; `record_s` is the processor's for half an hour, R peaks included."""

    ways: tuple[Measured, ...]
    record_s: float
    record_model: str

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield f"{'beats a second, one thread':<28}{'1 beat':>10}{'1,000':>10}{'cold s':>9}{'RSS MB':>9}"
        for each in self.ways:
            rates = "".join(f"{each.rates[number]:>10.0f}" for number in NUMBERS)
            yield f"{each.name:<28}{rates}{each.load_s:>9.2f}{each.memory_mb:>9.0f}"
        verdict = "MISSED" if self.missed() else "kept"
        yield (
            f"{verdict:<7} half an hour at 360 Hz by {self.record_model}, R peaks included: "
            f"{self.record_s:.2f} s of one core (at most {MOST_RECORD_S:g})"
        )

    def missed(self) -> bool:
        """Return whether half an hour took too long."""
        return self.record_s > MOST_RECORD_S


def measure(folder: Path) -> Report:
    """Measure every way in turn."""
    _child("prepare", folder)
    ways = tuple(Measured(name, *_read(_child(name, folder))) for name in WAYS)
    seconds, model = json.loads(_child("record", folder))
    return Report(ways, seconds, model)


def _read(printed: str) -> tuple[Mapping[int, float], float, float]:
    rates, load_s, memory_mb = json.loads(printed)
    return {int(number): rate for number, rate in rates.items()}, load_s, memory_mb


def _child(what: str, folder: Path) -> str:
    """Run this module in a fresh process and return the last line it prints."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.beats", what, str(folder)]
    environment = {**os.environ, **QUIET}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip().rpartition("\n")[2]


def _segments(number: int) -> Floats:
    return np.random.default_rng(number).normal(size=(number, 1000, 1)).astype(np.float32)


def _timed(answers: Mapping[int, Answer]) -> None:
    """Print beats a second, the time to the first answer, and the memory."""
    answers[1](_segments(1))
    load_s, memory_mb = time.process_time(), resident_bytes() / 1e6
    rates = {}
    for number, answer in answers.items():
        segments = _segments(number)
        answer(segments)
        gc.collect()
        begun, rounds = time.process_time(), 0
        while time.process_time() - begun < MIN_S:
            answer(segments)
            rounds += 1
        rates[number] = number * rounds / (time.process_time() - begun)
    print(json.dumps([rates, load_s, memory_mb]))


def _prepare(folder: Path) -> None:
    """Write the network in each form."""
    import tensorflow as tf  # noqa: PLC0415 - each process imports its own
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415 - the same
        convert_variables_to_constants_v2,
    )

    from ml.beats.classes import PRODUCT_CLASSES  # noqa: PLC0415 - the same
    from ml.beats.cnn_lstm import build  # noqa: PLC0415 - the same
    from ml.beats.packaging import Facts, package  # noqa: PLC0415 - the same

    network = build(len(PRODUCT_CLASSES), 1e-3)
    network.save(folder / "network.keras")
    facts = Facts("cnn-lstm", PRODUCT_CLASSES, 1.0, 0.9, 0.5, {}, "none", "# Untrained\n")
    package(network, folder / "artefact", facts, {"segment": _segments(8)})
    for number in NUMBERS:
        twin = _for_so_many(network, number)
        shape = tf.TensorSpec((number, 1000, 1), tf.float32)
        called = tf.function(lambda batch, twin=twin: twin(batch, training=False), input_signature=[shape])
        frozen = convert_variables_to_constants_v2(called.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        (folder / f"{number}.tflite").write_bytes(converter.convert())


def _for_so_many(network: Any, number: int) -> Any:
    """Return the network for a fixed number and without recurrent dropout: else LiteRT cannot express it."""
    import keras  # noqa: PLC0415 - each process imports its own

    config = network.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = (number, 1000, 1)
        if layer["class_name"] == "LSTM":
            layer["config"]["recurrent_dropout"] = 0.0
    twin = keras.Model.from_config(config)
    for layer in twin.layers:
        weights = network.get_layer(layer.name).get_weights()
        if layer.get_weights():
            layer.set_weights(weights[: len(layer.get_weights())])
    return twin


def _onnx_runtime(folder: Path) -> None:
    from ml.beats.predicting import load  # noqa: PLC0415 - each process imports its own
    from ml.registry.artefact import open_unsealed  # noqa: PLC0415 - the same

    predictor = load(open_unsealed(folder / "artefact"))
    _timed(dict.fromkeys(NUMBERS, lambda segments: predictor.answered({"segment": segments})))


def _one_thread() -> Any:
    import tensorflow as tf  # noqa: PLC0415 - each process imports its own

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def _keras_predict(folder: Path) -> None:
    _one_thread()
    import keras  # noqa: PLC0415 - each process imports its own

    network = keras.saving.load_model(folder / "network.keras", compile=False)
    _timed(dict.fromkeys(NUMBERS, lambda segments: network.predict(segments, verbose=0)))


def _tf_function(folder: Path) -> None:
    tf = _one_thread()
    import keras  # noqa: PLC0415 - each process imports its own

    network = keras.saving.load_model(folder / "network.keras", compile=False)
    called = tf.function(lambda batch: network(batch, training=False), reduce_retracing=True)
    _timed(dict.fromkeys(NUMBERS, lambda segments: called(tf.constant(segments)).numpy()))


def _litert(folder: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415 - each process imports its own

    def asked(number: int) -> Answer:
        interpreter = tf.lite.Interpreter(str(folder / f"{number}.tflite"), num_threads=1)
        interpreter.allocate_tensors()
        given, got = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

        def answer(segments: Floats) -> Any:
            interpreter.set_tensor(given, segments)
            interpreter.invoke()
            return interpreter.get_tensor(got)

        return answer

    _timed({number: asked(number) for number in NUMBERS})


def _record(folder: Path) -> None:
    """Print the seconds that half an hour takes, by the shipped champion where there is one."""
    from ml.beats.predicting import load  # noqa: PLC0415 - each process imports its own
    from ml.ecg.signal import Signal  # noqa: PLC0415 - the same
    from ml.registry.artefact import open_unsealed  # noqa: PLC0415 - the same
    from ml.registry.shipped import shipped  # noqa: PLC0415 - the same
    from tests.support.ecg import made  # noqa: PLC0415 - the same

    artefact = shipped("beats") or open_unsealed(folder / "artefact")
    predictor = load(artefact)
    predictor.warm_up()
    minute = made(np.arange(0.4, 59.6, 0.79), 360, 60)
    lead = np.tile(minute, RECORD_S // 60)
    signal = Signal(("II", "V1"), np.stack([lead, -0.6 * lead], axis=1).astype(np.float32), 360.0)
    predictor.predict(signal)
    begun = time.process_time()
    predictor.predict(signal)
    print(json.dumps([time.process_time() - begun, artefact.manifest.architecture]))


WAYS: Mapping[str, Callable[[Path], None]] = {
    "ONNX Runtime, fused LSTM": _onnx_runtime,
    "Keras predict": _keras_predict,
    "tf.function": _tf_function,
    "LiteRT (TensorFlow's)": _litert,
}


if __name__ == "__main__":
    _what, _folder = sys.argv[1], Path(sys.argv[2])
    {**WAYS, "prepare": _prepare, "record": _record}[_what](_folder)
