"""How an architecture learns, whatever it is: in epochs that are kept, so that an interrupted run goes on.

Keras is imported inside functions only: it takes seconds, and serving does without.
"""

import json
import os
import random
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.beats.protocols import Data, Indices, Protocol
from ml.beats.segments import Segments
from ml.beats.tempering import Probabilities

Arrays = Mapping[str, npt.NDArray[Any]]
"""A model's inputs by the names of its input layers."""

Batch = tuple[Arrays, npt.NDArray[Any], npt.NDArray[Any]]
Examples = Callable[[Indices, np.random.Generator | None], Batch]
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
        Stop after so many epochs in which the loss on the watched examples has not fallen, and go back to
        the best epoch; 0 watches nothing and learns for all epochs.
    seed : int
        Of weights, order and dropout.
    networks : int
        How many learn, with one seed after another, to answer together (`ml/beats/averaging.py`).
    logdir : Path, optional
        For TensorBoard's logs of this run.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    early_stopping: int
    seed: int
    networks: int = 1
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


@dataclass(frozen=True, eq=False)
class Lesson:
    """A network, and what it is to learn.

    Parameters
    ----------
    build : callable
        Gives the network, compiled; called once the seed is set.
    examples : callable
        Gives the examples at some places.
    train, watch : ndarray of int64
        The places to learn from, and those whose loss says when to stop, which may be none.
    """

    build: Callable[[], Any]
    examples: Examples
    train: Indices
    watch: Indices


class Learner(typing.Protocol):
    """An architecture as it learns and is judged."""

    @property
    def name(self) -> str:
        """The name on the command line."""

    def load(self, protocol: Protocol, data: Data, cache: Path) -> Prepared:
        """Return what to learn from, made once and kept in `cache`."""

    def lesson(self, prepared: Prepared, train: Indices, watch: Indices, options: Options) -> Lesson:
        """Return what to learn from the segments of `train`; those of `watch` say when to stop."""

    def probabilities(self, model: Any, prepared: Prepared, places: Indices) -> Probabilities:
        """Return the probability of each class, shape (n_places, n_classes), not yet calibrated."""


def learn(lesson: Lesson, options: Options, folder: Path) -> Any:
    """Return a model that has learnt, epoch by epoch, each kept in `folder`.

    Every epoch draws its order, augmentation and dropout from the seed and its own number, so that a run
    taken up again gives the numbers of one that was not interrupted. On one thread: the numbers do not depend
    on how many the machine has; to use them all, folds learn side by side.

    Raises
    ------
    OSError
        When logs for TensorBoard are wanted, but Keras is not over TensorFlow.
    """
    model, progress = begin(lesson, options, folder)
    verbose = 1 if sys.stderr.isatty() else 2
    write, close = _tensorboard(options.logdir)
    while not progress.ended(options):
        epoch = progress.epoch
        generator = draw_epoch(model, progress, options)
        order = generator.permutation(lesson.train)
        batches, steps = _batches(lesson.examples, order, options.batch_size, generator)
        log = model.fit(
            batches,
            steps_per_epoch=steps,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=verbose,
        ).history
        figures = {name: float(values[-1]) for name, values in log.items()}
        if len(lesson.watch):
            batches, steps = _batches(lesson.examples, lesson.watch, options.batch_size, None)
            seen = model.evaluate(batches, steps=steps, verbose=0, return_dict=True)
            figures |= {f"val_{name}": float(value) for name, value in seen.items()}
        progress = progress.after(figures)
        keep(model, progress, folder)
        write(progress.epoch, figures)
    close()
    if len(lesson.watch) and progress.best_epoch:
        model.load_weights(folder / _name(progress.best_epoch))
    return model


def predict(model: Any, inputs: Callable[[Indices], Arrays], places: Indices) -> Probabilities:
    """Return a model's answers at these places, in pieces that fit into memory."""
    pieces = [
        np.asarray(model.predict_on_batch(_given(inputs(places[start : start + _PIECE]))), np.float32)
        for start in range(0, len(places), _PIECE)
    ]
    return np.concatenate(pieces) if pieces else np.zeros((0, model.output_shape[-1]), np.float32)


_PIECE = 1024


@dataclass(frozen=True)
class Progress:
    """How far a run is: epochs done, the best of them, and the figures of each.

    Parameters
    ----------
    history : tuple of mapping
        What each epoch gave, by the names Keras uses (`loss`, `val_loss`).
    """

    history: tuple[Mapping[str, float], ...] = ()

    @property
    def epoch(self) -> int:
        """Return how many epochs are done."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """Return the epoch (from 1) with the lowest loss on the watched examples; the last without any."""
        losses = [figures.get("val_loss") for figures in self.history]
        if not losses or losses[-1] is None:
            return self.epoch
        return 1 + int(np.argmin(np.nan_to_num(np.asarray(losses, np.float64), nan=np.inf)))

    def ended(self, options: Options) -> bool:
        """Return whether all epochs are done, or the watched examples have gained nothing for too long."""
        waited = self.epoch - self.best_epoch
        stopped = 0 < options.early_stopping <= waited
        return stopped or self.epoch >= options.epochs

    def after(self, figures: Mapping[str, float]) -> "Progress":
        """Return the progress after one more epoch."""
        return Progress((*self.history, figures))


def read_progress(folder: Path) -> Progress:
    """Return how far the run in a folder is."""
    path = folder / _PROGRESS
    return Progress(tuple(json.loads(path.read_text(encoding="utf-8")))) if path.exists() else Progress()


_PROGRESS = "progress.json"


def _name(epoch: int) -> str:
    return f"epoch_{epoch}.keras"


def begin(lesson: Lesson, options: Options, folder: Path) -> tuple[Any, Progress]:
    """Return a new model, its optimizer too, where the run in the folder is, and how far that is."""
    _keras().utils.set_random_seed(options.seed)
    with _own_chance(options.seed):
        model = lesson.build()
    folder.mkdir(parents=True, exist_ok=True)
    progress = read_progress(folder)
    if progress.epoch:
        model.optimizer.build(model.trainable_variables)
        model.load_weights(folder / _name(progress.epoch))
    return model, progress


def draw_epoch(model: Any, progress: Progress, options: Options) -> np.random.Generator:
    """Return what the next epoch draws from, and set what its dropouts draw from."""
    generator = np.random.default_rng([options.seed, progress.epoch])
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign(generator.integers(0, 2**32, 2, dtype=np.uint32))
    return generator


def keep(model: Any, progress: Progress, folder: Path) -> None:
    """Keep the epoch; the progress is written last, and only what it does not need is then removed."""
    model.save(folder / _name(progress.epoch))
    partial = folder / f"{_PROGRESS}.partial"
    partial.write_text(json.dumps(progress.history, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / _PROGRESS)
    needed = {_name(progress.epoch), _name(progress.best_epoch)}
    for path in folder.glob("epoch_*.keras"):
        if path.name not in needed:
            path.unlink()


@contextmanager
def _own_chance(seed: int) -> Iterator[None]:
    """Have Keras draw the seeds of weights from a generator of its own.

    It takes them from Python's, which the threads of a Dask worker draw from meanwhile.
    """
    from keras.src.random import seed_generator  # noqa: PLC0415 - see the module's docstring

    shared = seed_generator.python_random
    seed_generator.python_random = random.Random(seed)  # noqa: S311 - no secrets
    try:
        yield
    finally:
        seed_generator.python_random = shared


def _batches(
    examples: Examples, places: Indices, size: int, generator: np.random.Generator | None
) -> tuple[Iterator[Any], int]:
    """Return the examples at these places in batches, and how many batches."""
    starts = range(0, len(places), size)

    def batch(start: int) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any]]:
        inputs, labels, weights = examples(places[start : start + size], generator)
        return _given(inputs), labels, weights

    return (batch(start) for start in starts), len(starts)


def _given(inputs: Arrays) -> Any:
    """Return inputs as Keras wants them: by name, but one alone without."""
    return inputs if len(inputs) > 1 else next(iter(inputs.values()))


def _tensorboard(
    logdir: Path | None,
) -> tuple[Callable[[int, Mapping[str, float]], None], Callable[[], None]]:
    """Return what writes an epoch's figures for TensorBoard, and what ends that."""
    if logdir is None:
        return lambda _epoch, _figures: None, lambda: None
    if _keras().backend.backend() != "tensorflow":
        raise OSError("only TensorFlow writes logs for TensorBoard: leave out --logdir or KERAS_BACKEND")
    import tensorflow as tf  # noqa: PLC0415 - see the module's docstring

    writer = tf.summary.create_file_writer(str(logdir))

    def write(epoch: int, figures: Mapping[str, float]) -> None:
        with writer.as_default(step=epoch):
            for name, value in figures.items():
                tf.summary.scalar(name, value)

    return write, writer.close


def _keras() -> Any:
    """Import Keras; TensorFlow, where it is over that, set to give the same numbers every time."""
    # Read when TensorFlow is first used; the functions that set the same raise an error after that.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - see the module's docstring

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - the same

        tf.config.experimental.enable_op_determinism()
    return keras
