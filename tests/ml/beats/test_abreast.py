"""Folds that learn abreast: how their batches are brought to one size, and what it takes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ml.beats.abreast import _abreast, learn_abreast
from ml.beats.learning import Batch, Options, learn
from tests.ml.beats.test_training import OPTIONS, Task, tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras', of NumPy
    pytest.mark.timeout(300),  # TensorFlow is imported
]


def batches(*sizes: int, first: int) -> Iterator[Batch]:
    """Give batches of so many examples, two labels each, numbered from `first`."""
    for size in sizes:
        shown = np.arange(first, first + size, dtype=np.float32)
        yield {"x": shown}, np.tile(np.arange(2), (size, 1)), np.full((size, 2), 2, np.float32)
        first += size


def test_what_a_short_batch_is_filled_up_with_does_not_count() -> None:
    full, short = _abreast([batches(4, 3, first=0), batches(4, 1, first=10)], 4)

    assert full[0].tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]
    assert (full[2] == 2).all()
    assert full[3].tolist() == [8, 8]
    inputs, labels, weights, numbers = short
    assert inputs.tolist() == [[4, 5, 6, 4], [14, 14, 14, 14]]
    assert labels.shape == weights.shape == (2, 4, 2)
    assert weights[:, :, 0].tolist() == [[2, 2, 2, 0], [2, 0, 0, 0]]
    assert numbers.tolist() == [6, 2]


def test_of_a_fold_that_has_no_more_batches_nothing_counts() -> None:
    _, last = _abreast([batches(2, 2, first=0), batches(2, first=10)], 2)

    assert last[0].shape == (2, 2)
    assert last[2][1].tolist() == [[0, 0], [0, 0]]
    assert last[3].tolist() == [4, 0]


def test_what_it_takes_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="KERAS_BACKEND=jax"):
        learn_abreast({tmp_path / "fold_1": (Task().lesson(tiny), OPTIONS)})


def test_logs_for_tensorboard_are_refused_where_nothing_would_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras  # noqa: PLC0415 - seconds

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(OSError, match="leave out --logdir"):
        learn(Task().lesson(tiny), Options(1, 16, 1e-2, 0, 5, logdir=tmp_path / "logs"), tmp_path / "run")
