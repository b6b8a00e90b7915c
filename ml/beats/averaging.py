"""Several networks that learnt the same from other seeds, answering as one: the mean of their logarithms.

A network is as good as its seed was lucky; what several have in common is less so (Hansen and Salamon 1990).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.beats.learning import Lesson, Options, learn, read_progress


def learn_averaged(lesson: Lesson, options: Options, folder: Path) -> Any:
    """Return what `options.networks` networks are together, each learnt in a folder of its own."""
    models = [learn(lesson, each, where) for where, each in members(options, folder).items()]
    return averaged(models) if len(models) > 1 else models[0]


def members(options: Options, folder: Path) -> Mapping[Path, Options]:
    """Return how each network learns, by where it is kept: the first by this seed, the others by the next."""
    return {
        folder / f"network_{number + 1}": replace(
            options,
            seed=options.seed + number,
            logdir=options.logdir / f"network_{number + 1}" if options.logdir else None,
        )
        for number in range(options.networks)
    }


def history(options: Options, folder: Path) -> list[dict[str, float]]:
    """Return the figures of each epoch, the mean of the networks, for as long as all of them learnt."""
    histories = [read_progress(where).history for where in members(options, folder)]
    return [
        {name: float(np.mean([each[name] for each in epoch])) for name in epoch[0]}
        for epoch in zip(*histories, strict=False)
    ]


def averaged(models: Sequence[Any]) -> Any:
    """Return one model that answers with the normalised geometric mean of what these answer.

    Their last layers are softmaxes; the softmax of the mean of what goes into these is that mean.
    """
    import keras  # noqa: PLC0415 - takes seconds, and serving does without

    inputs = [keras.Input(each.shape[1:], name=each.name) for each in models[0].inputs]
    logits = [
        _before_softmax(model, f"network_{number}")(inputs if len(inputs) > 1 else inputs[0])
        for number, model in enumerate(models, start=1)
    ]
    return keras.Model(inputs, keras.layers.Activation("softmax")(keras.layers.Average()(logits)))


def _before_softmax(model: Any, name: str) -> Any:
    """Return a copy of a model without the softmax at its end."""
    import keras  # noqa: PLC0415 - as above

    def copied(layer: Any) -> Any:
        config = layer.get_config()
        if layer is model.layers[-1]:
            config["activation"] = "linear"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=copied)
    copy.set_weights(model.get_weights())
    return keras.Model(copy.input, copy.output, name=name)
