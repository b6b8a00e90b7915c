"""A network of one layer in place of a U-Net: brightness alone decides."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ml.judging.learnt import LEARNT, write_learnt
from ml.registry.artefact import Artefact, write_artefact
from ml.registry.contents import EXAMPLES, GRAPH
from ml.registry.manifest import Manifest, TensorSpec
from ml.segmentation.dataset import IMAGES
from ml.segmentation.predicting import ARCHITECTURE, FAMILY
from ml.segmentation.segments import SEGMENTS


def write_toy_unet(
    folder: Path,
    *,
    blind: bool = False,
    learnt: Iterable[str] | None = None,
    images: Sequence[str] = IMAGES,
) -> Artefact:
    """Write one that calls what is bright on FLAIR oedema, and on T1 with contrast enhancing tumour.

    Parameters
    ----------
    blind
        Call nothing enhancing tumour.
    learnt
        Fingerprints of what it is said to have learnt from; nobody knows when None.
    images
        What its two images are called.
    """
    weights = np.array([[-4, -4, 4, 0], [-4, -4, 0, 4]], np.float32)
    bias = np.array([8, -9, -6, -60 if blind else -6], np.float32)
    slices = np.random.default_rng(0).normal(0, 2, (2, 8, 8, 2)).astype(np.float32)
    logits = slices @ weights + bias
    likely = np.exp(logits - logits.max(-1, keepdims=True))
    examples = BytesIO()
    np.savez(examples, slices=slices, expected=likely / likely.sum(-1, keepdims=True))
    manifest = Manifest(
        family=FAMILY,
        architecture=ARCHITECTURE,
        classes=tuple(SEGMENTS),
        inputs=(TensorSpec("slices", (None, None, None, 2)),),
        metrics={"dice_edema": 0.5},
        parity=0.0,
        data_hash="0" * 64,
        code_version="a test's",
        created="2026-11-27T05:00:00+00:00",
        licence="MIT",
        citation="none",
        settings={"images": list(images)},
    )
    files = {GRAPH: _graph(weights, bias), EXAMPLES: examples.getvalue()}
    if learnt is not None:
        files[LEARNT] = write_learnt(learnt)
    return write_artefact(folder, manifest, files)


def _graph(weights: np.ndarray, bias: np.ndarray) -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["slices", "weights"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
        ],
        "toy",
        [helper.make_tensor_value_info("slices", TensorProto.FLOAT, ["n", "t", "u", 2])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", "t", "u", 4])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(made.SerializeToString())
