"""ONNX graphs of verified artefacts: loaded without trust, held against the model they were made of.

Imported by predictors alone: whoever asks none has neither NumPy nor ONNX Runtime.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml.registry.manifest import MAX_PARITY
from ml.registry.predictor import LoadError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def loaded(graph: bytes) -> "InferenceSession":
    """Load a graph: from bytes, so that it cannot refer to files, and on one thread.

    Raises
    ------
    LoadError
        When it cannot be used.
    """
    import onnxruntime  # noqa: PLC0415 - only those load it who answer

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no class of its own above its errors
        raise LoadError(f"the graph cannot be loaded ({type(error).__name__})") from error


def parity(answered: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return the largest difference from what the Keras model answered.

    Raises
    ------
    LoadError
        When it is above `MAX_PARITY`.
    """
    difference = float(np.abs(answered - expected).max())
    if not difference <= MAX_PARITY:
        raise LoadError(f"parity fails: {difference:.1e} from the Keras model, above {MAX_PARITY:g}")
    return difference
