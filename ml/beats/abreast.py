"""Has several folds learn abreast, in one program: a small network alone leaves a GPU idle.

Each fold draws what it would draw by itself (`ml/beats/learning.py`) and keeps the same files, so what is
learnt here is gone on with there, and the other way round. Keras on JAX only (`KERAS_BACKEND=jax`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.beats.learning import Arrays, Batch, Lesson, Options, Progress, begin, draw_epoch, keep
from ml.beats.protocols import Indices

Step = Callable[..., tuple[Any, Any]]


@dataclass(eq=False)
class _Fold:
    """A network of a fold as it learns."""

    lesson: Lesson
    options: Options
    folder: Path
    model: Any
    progress: Progress

    @property
    def ended(self) -> bool:
        """Return whether it has learnt."""
        return self.progress.ended(self.options)

    def batches(self) -> Iterator[Batch]:
        """Return the examples of its next epoch; none where it has ended."""
        if not self.ended:
            generator = draw_epoch(self.model, self.progress, self.options)
            order = generator.permutation(self.lesson.train)
            for places in _pieces(order, self.options.batch_size):
                yield self.lesson.examples(places, generator)

    def watched(self) -> Iterator[Batch]:
        """Return the examples that say when to stop."""
        for places in _pieces(self.lesson.watch, self.options.batch_size):
            yield self.lesson.examples(places, None)


def learn_abreast(
    lessons: Mapping[Path, tuple[Lesson, Options]], tell: Callable[[str], None] = lambda _line: None
) -> None:
    """Learn lessons with networks of one shape, each by itself, every epoch kept in the lesson's folder.

    Parameters
    ----------
    lessons : mapping of Path to Lesson and Options
        What each network learns and how, by the folder where its epochs are kept. Only the seeds differ;
        `logdir` is not read.
    tell : callable
        Told of each epoch.

    Raises
    ------
    OSError
        When Keras is not over JAX.
    """
    import keras  # noqa: PLC0415 - takes seconds, and serving does without

    if keras.backend.backend() != "jax":
        raise OSError("folds learn abreast with Keras on JAX only: set KERAS_BACKEND=jax")
    folds = [
        _Fold(lesson, options, folder, *begin(lesson, options, folder))
        for folder, (lesson, options) in lessons.items()
    ]
    options = folds[0].options
    for fold in folds:
        fold.model.optimizer.build(fold.model.trainable_variables)
    step, look = _compiled([fold.model for fold in folds])
    while not all(fold.ended for fold in folds):
        learning = [fold for fold in folds if not fold.ended]
        # The first batches set what dropouts draw from, so they come before the variables are read.
        batches = _abreast([fold.batches() for fold in folds], options.batch_size)
        first = next(batches)
        state, sums = _state(folds), []
        for batch in (first, *batches):
            state, figures = step(state, *batch)
            sums.append(figures)
        _assign(folds, state)
        learnt = _figures(sums)
        seen = [
            look(state, *batch) for batch in _abreast([fold.watched() for fold in folds], options.batch_size)
        ]
        watched = _figures(seen) if seen else []
        for place, fold in enumerate(folds):
            if fold in learning:
                figures = learnt[place] | (
                    {f"val_{name}": value for name, value in watched[place].items()} if watched else {}
                )
                fold.progress = fold.progress.after(figures)
                keep(fold.model, fold.progress, fold.folder)
        told = " ".join(f"{fold.progress.history[-1]['loss']:.3f}" for fold in folds)
        tell(f"epoch {max(fold.progress.epoch for fold in folds)} of {options.epochs}: loss {told}")


def _compiled(models: Sequence[Any]) -> tuple[Step, Step]:
    """Return what has every network learn from its batch, and what only looks how well it does."""
    import jax  # noqa: PLC0415 - only where Keras is over it
    import jax.numpy as jnp  # noqa: PLC0415
    import keras  # noqa: PLC0415

    shape = models[0]  # all have this shape

    def loss(weights: Any, others: Any, batch: Any, *, training: bool) -> Any:
        inputs, labels, counts, number = batch
        answers, others = shape.stateless_call(weights, others, inputs, training=training)
        each = counts * keras.losses.get(shape.loss)(labels, answers)
        right = counts * (answers.argmax(axis=-1) == labels)
        total = each.sum()
        return total / jnp.maximum(number, 1), (others, jnp.stack([total, right.sum(), counts.sum(), number]))

    def stacked(each: Sequence[Any]) -> Any:
        return jax.tree.map(lambda *parts: jnp.stack(parts), *each)

    @jax.jit
    def step(state: Any, inputs: Any, labels: Any, counts: Any, numbers: Any) -> Any:
        def one(weights: Any, others: Any, *batch: Any) -> Any:
            return jax.grad(loss, has_aux=True)(weights, others, batch, training=True)

        weights, others, _ = zip(*state, strict=True)
        gradients, (moved, figures) = jax.vmap(one)(
            stacked(weights), stacked(others), inputs, labels, counts, numbers
        )
        after = []
        for place, (model, before) in enumerate(zip(models, state, strict=True)):
            mine, changed = jax.tree.map(lambda part, place=place: part[place], (gradients, moved))
            learnt = model.optimizer.stateless_apply(before[2], mine, before[0])
            now = (learnt[0], changed, learnt[1])
            there = numbers[place] > 0
            after.append(jax.tree.map(lambda new, old, there=there: jnp.where(there, new, old), now, before))
        return after, figures

    @jax.jit
    def look(state: Any, inputs: Any, labels: Any, counts: Any, numbers: Any) -> Any:
        def one(weights: Any, others: Any, *batch: Any) -> Any:
            return loss(weights, others, batch, training=False)[1][1]

        weights, others, _ = zip(*state, strict=True)
        return jax.vmap(one)(stacked(weights), stacked(others), inputs, labels, counts, numbers)

    return step, look


def _pieces(places: Indices, size: int) -> Iterator[Indices]:
    return (places[start : start + size] for start in range(0, len(places), size))


def _abreast(folds: Sequence[Iterator[Batch]], size: int) -> Iterator[tuple[Any, ...]]:
    """Return inputs, labels, weights and numbers of labels of all folds' batches, all of one size.

    What is short is filled up with repeated examples that do not count.
    """
    while any(batches := [next(fold, None) for fold in folds]):
        some = next(batch for batch in batches if batch)
        filled = [_filled(batch or some, size, there=bool(batch)) for batch in batches]
        shown = {name: np.stack([inputs[name] for inputs, _, _, _ in filled]) for name in some[0]}
        yield (
            shown if len(shown) > 1 else next(iter(shown.values())),
            np.stack([labels for _, labels, _, _ in filled]),
            np.stack([weights for _, _, weights, _ in filled]),
            np.asarray([number for _, _, _, number in filled], np.float32),
        )


def _filled(batch: Batch, size: int, *, there: bool) -> tuple[Arrays, Any, Any, int]:
    """Return a batch filled up to a size, and how many labels it had; none counts where it is not there."""
    inputs, labels, weights = batch
    rows = np.resize(np.arange(len(labels)), size)
    counted = (np.arange(size) < len(labels)) & there
    counts = weights[rows] * counted.reshape(-1, *[1] * (labels.ndim - 1))
    shown = {name: array[rows] for name, array in inputs.items()}
    return shown, labels[rows], counts.astype(np.float32), labels.size if there else 0


def _state(folds: Sequence[_Fold]) -> list[Any]:
    return [
        tuple([variable.value for variable in variables] for variables in _variables(fold.model))
        for fold in folds
    ]


def _assign(folds: Sequence[_Fold], state: Sequence[Any]) -> None:
    for fold, values in zip(folds, state, strict=True):
        for variables, given in zip(_variables(fold.model), values, strict=True):
            for variable, value in zip(variables, given, strict=True):
                variable.assign(value)


def _variables(model: Any) -> tuple[list[Any], list[Any], list[Any]]:
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables


def _figures(sums: Sequence[Any]) -> list[dict[str, float]]:
    """Return loss and accuracy of each fold, as Keras counts them."""
    totals: npt.NDArray[np.float64] = np.asarray(sums, np.float64).sum(axis=0)
    return [
        {"accuracy": float(right / max(counts, 1e-9)), "loss": float(loss / max(number, 1))}
        for loss, right, counts, number in totals
    ]
