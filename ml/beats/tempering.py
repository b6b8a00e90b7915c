"""What calibrates probabilities where they are judged and where they are served: one temperature."""

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]


def tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Return the probabilities that a softmax at this temperature would have given, over the last axis."""
    logarithms = np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) / temperature
    powers = np.exp(logarithms - logarithms.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
