"""The 2D U-Net and how it learns. Needs the extra `train`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ml.segmentation.dataset import Exam
from ml.segmentation.inputs import labels_of, slices_of
from ml.segmentation.segments import SEGMENTS

CLASSES = 1 + len(SEGMENTS)
FILTERS = (12, 24, 48)
BOTTOM = 64


@dataclass(frozen=True, slots=True)
class Options:
    """How it learns.

    Parameters
    ----------
    epochs : int
        Times that every slice is shown.
    batch : int
        Slices a step.
    rate : float
        Adam's, at the beginning; it falls to nothing along a cosine.
    seed : int
        Of held-out patients, weights and order.
    """

    epochs: int = 12
    batch: int = 16
    rate: float = 3e-3
    seed: int = 0


def build(images: int) -> Any:
    """Return an untrained network for slices of any size that 8 divides."""
    given = keras.Input((None, None, images), name="slices")
    across, x = [], given
    for filters in FILTERS:
        x = _block(x, filters)
        across.append(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = _block(x, BOTTOM)
    for filters, same in zip(reversed(FILTERS), reversed(across), strict=True):
        x = keras.layers.UpSampling2D(2)(x)
        x = keras.layers.Concatenate()([same, x])
        x = _block(x, filters)
    return keras.Model(given, keras.layers.Conv2D(CLASSES, 1, activation="softmax")(x))


def learn(exams: Sequence[Exam], options: Options, tell: Callable[[int, int, float], None]) -> Any:
    """Return a network trained on exams; `tell` hears epoch, epochs and loss."""
    keras.utils.set_random_seed(options.seed)
    shown, wanted = zip(*(_slices(exam) for exam in exams), strict=True)
    slices, labels = _tumours(np.concatenate(shown), np.concatenate(wanted), options.seed)
    model = build(slices.shape[-1])
    steps = options.epochs * -(-len(slices) // options.batch)
    schedule = keras.optimizers.schedules.CosineDecay(options.rate, steps)
    model.compile(keras.optimizers.Adam(schedule), loss=_loss)
    told = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: tell(epoch + 1, options.epochs, logs["loss"])
    )
    model.fit(slices, labels, batch_size=options.batch, epochs=options.epochs, verbose=0, callbacks=[told])
    bare = build(slices.shape[-1])  # without what taught it, which would be three quarters of its file
    bare.set_weights(model.get_weights())
    return bare


def _block(x: Any, filters: int) -> Any:
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return x


def _slices(exam: Exam) -> tuple[Any, Any]:
    volumes, codes = exam.volumes()
    return slices_of(volumes), labels_of(codes)


def _tumours(slices: Any, labels: Any, seed: int) -> tuple[Any, Any]:
    """Return the slices with tumour, and half as many without."""
    with_tumour = labels.any(axis=(1, 2))
    without = np.flatnonzero(~with_tumour)
    chosen = np.random.default_rng(seed).permutation(without)[: with_tumour.sum() // 2]
    kept = np.sort(np.concatenate([np.flatnonzero(with_tumour), chosen]))
    return slices[kept], labels[kept]


def _loss(wanted: Any, told: Any) -> Any:
    """Return cross-entropy and one minus the mean Dice of each class, over the batch."""
    one_hot = tf.one_hot(tf.cast(wanted, tf.int32), CLASSES)
    entropy = -tf.reduce_mean(tf.reduce_sum(one_hot * tf.math.log(told + 1e-7), -1))
    shared = tf.reduce_sum(one_hot * told, (0, 1, 2))
    size = tf.reduce_sum(one_hot + told, (0, 1, 2))
    return entropy + 1 - tf.reduce_mean((2 * shared + 1) / (size + 1))
