"""Toy versions of models: whole artefacts of a few kilobytes, made without Keras."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.settings import Settings
from ml.registry.artefact import Artefact, write_artefact
from ml.registry.contents import CARD, EXAMPLES, GRAPH
from ml.registry.manifest import Manifest, TensorSpec

LENGTH = 1000
MANIFEST = Manifest(
    family="beats",
    architecture="cnn-lstm",
    classes=PRODUCT_CLASSES,
    inputs=(TensorSpec("segment", (None, LENGTH, 1)),),
    metrics={"macro_f1": 0.5},
    parity=0.0,
    data_hash="0" * 64,
    code_version="a test's",
    created="2026-11-27T05:00:00+00:00",
    licence="MIT",
    citation="none",
    settings=Settings(1.0, 0.9, (0.3,) * len(PRODUCT_CLASSES)).to_json(),
)


def write_toy(folder: Path, seed: int = 0, card: str = "", **changes: Any) -> Artefact:
    """Write a linear classifier with weights of chance; `changes` are the manifest's."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(0, 0.1, (LENGTH, len(PRODUCT_CLASSES))).astype(np.float32)
    segments = generator.normal(size=(4, LENGTH, 1)).astype(np.float32)
    examples = BytesIO()
    np.savez(examples, allow_pickle=False, segment=segments, expected=_softmax(segments[..., 0] @ weights))
    files = {
        GRAPH: linear(weights),
        EXAMPLES: examples.getvalue(),
        CARD: (card or f"# Toy {seed}\n").encode(),
    }
    return write_artefact(folder, replace(MANIFEST, **changes), files)


def linear(weights: npt.NDArray[np.float32]) -> bytes:
    """Return the graph of a linear classifier of segments."""
    graph = helper.make_graph(
        [
            helper.make_node("Squeeze", ["segment", "last"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
        ],
        "toy",
        [helper.make_tensor_value_info("segment", TensorProto.FLOAT, ["n", LENGTH, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", weights.shape[1]])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.asarray([2], np.int64), "last"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
