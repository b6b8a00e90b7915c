"""Several networks as one: what they answer together, as a graph too, and how each of them learns."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from ml.beats.averaging import averaged, history, learn_averaged, members
from ml.beats.best import build
from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.inputs import RHYTHM_LENGTH, SHAPE_LENGTH
from ml.beats.learning import learn, predict, read_progress
from ml.beats.packaging import Facts, package
from ml.registry.contents import KERAS
from tests.ml.beats.test_training import OPTIONS, Task, tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras', of NumPy
    pytest.mark.timeout(300),  # TensorFlow is imported
]
PLACES = np.arange(96)
THREE = replace(OPTIONS, epochs=2, networks=3)


def answers(model: Any, task: Task) -> Any:
    return predict(model, lambda some: {"x": task.x[some]}, PLACES)


def test_together_they_answer_with_the_normalised_geometric_mean_of_what_each_answers(tmp_path: Path) -> None:
    task = Task()
    together = learn_averaged(task.lesson(tiny), THREE, tmp_path / "fold")
    each = [
        answers(learn(task.lesson(tiny), replace(OPTIONS, epochs=2, seed=seed), tmp_path / str(seed)), task)
        for seed in (5, 6, 7)
    ]

    product = np.prod(each, axis=0) ** (1 / 3)
    assert answers(together, task) == pytest.approx(product / product.sum(axis=1, keepdims=True), abs=1e-6)
    assert np.abs(each[0] - each[1]).max() > 0.01
    losses = [read_progress(where).history[1]["loss"] for where in members(THREE, tmp_path / "fold")]
    assert history(THREE, tmp_path / "fold")[1]["loss"] == pytest.approx(np.mean(losses))


def test_what_one_of_them_has_learnt_is_not_learnt_again(tmp_path: Path) -> None:
    first = answers(learn_averaged(Task().lesson(tiny), THREE, tmp_path), Task())
    untouched = Task(dies_at=1)  # would die of the first batch

    assert (answers(learn_averaged(untouched.lesson(tiny), THREE, tmp_path), untouched) == first).all()


def test_three_of_the_stronger_networks_are_one_graph_in_less_than_a_megabyte(tmp_path: Path) -> None:
    model = averaged([build(len(PRODUCT_CLASSES), 1e-3, 10) for _ in range(3)])
    generator = np.random.default_rng(4)
    inputs = {
        "shapes": generator.normal(size=(20, 12, SHAPE_LENGTH, 4)).astype(np.float32),
        "rhythm": generator.normal(size=(20, 12, RHYTHM_LENGTH)).astype(np.float32),
    }
    facts = Facts("best", PRODUCT_CLASSES, 1.5, 0.9, 0.4, {"macro_f1": 0.9}, "0" * 64, "# Made")
    artefact = package(model, tmp_path / "made", facts, inputs)  # compares graph and model

    assert artefact.manifest.parity < 1e-5
    assert artefact.size < 1_000_000
    with ZipFile(artefact.folder / KERAS) as file:
        assert b"optimizer" not in file.read("model.weights.h5")
