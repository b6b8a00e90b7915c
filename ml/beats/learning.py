"""How an architecture learns, whatever it is: in epochs that are kept, so that an interrupted run goes on.

Keras is imported inside functions only: it takes seconds, and serving does without.
"""

import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.beats.protocols import Indices, Protocol
from ml.beats.segments import Segments

Probabilities = npt.NDArray[np.float32]
Arrays = Mapping[str, npt.NDArray[Any]]
"""A model's inputs by the names of its input layers."""

Examples = Callable[[Indices, np.random.Generator | None], tuple[Arrays, npt.NDArray[Any], npt.NDArray[Any]]]
"""Gives the inputs, labels and weights of some places; with a generator, as they are learnt from
(augmented, if the architecture does so), without, as they are."""


@dataclass(frozen=True)
class Options:
    """How long and how fast to learn.

    Parameters
    ----------
    epochs : int
        At most so many.
    batch_size : int
        Examples per step.
    learning_rate : float
        Adam's.
    early_stopping : int
        Stop after so many epochs in which the loss on the watched examples has not fallen, and return to the best epoch;
        0 watches nothing and learns for all epochs.
    seed : int
        Of weights, order and dropout.
    logdir : Path, optional
        For TensorBoard's logs of this run.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    early_stopping: int
    seed: int
    logdir: Path | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """The segments of a protocol, and what an architecture is shown of them.

    Parameters
    ----------
    segments : Segments
        Labels, records and classes; the order of everything.
    inputs : mapping of str to ndarray
        The architecture's own arrays. Whether their first axis counts segments is its own affair.
    """

    segments: Segments
    inputs: Arrays


class Learner(typing.Protocol):
    """An architecture as it learns and is judged."""

    @property
    def name(self) -> str:
        """The name on the command line."""

    def load(self, protocol: Protocol, data: Path, cache: Path) -> Prepared:
        """Return what to learn from, made once and kept in `cache`."""

    def fit(self, prepared: Prepared, train: Indices, watch: Indices, options: Options, folder: Path) -> Any:
        """Return a Keras model that has learnt from `train`; `watch` says when to stop, and may be empty.

        Every epoch is kept in `folder`: called again after an interruption, it goes on.
        """

    def probabilities(self, model: Any, prepared: Prepared, places: Indices) -> Probabilities:
        """Return the probability of each class, shape (n_places, n_classes), not yet calibrated."""
