"""The stronger model, on made records: what it counts, what it may not know, and that it learns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ml.beats.averaging import averaged
from ml.beats.best import (
    CLASS_POWER,
    PREMATURE_WEIGHT,
    STRETCH,
    Best,
    Stretches,
    _labels,
    _made,
    _untold,
    _weights,
    of_runs,
)
from ml.beats.inputs import CHANNELS, RHYTHM_LENGTH, SHAPE_LENGTH
from ml.beats.learning import Options, Prepared, learn
from ml.beats.protocols import Data, folds
from ml.beats.synthetic import write_synthetic
from ml.beats.variants import CHANCES, Told

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras', of NumPy
    pytest.mark.timeout(300),  # TensorFlow is imported
]


BEATS = 24
"""Of a record."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("made")
    write_synthetic(data, 48 * BEATS, seed=1)
    return data


@pytest.fixture(scope="module")
def prepared(folder: Path) -> Prepared:
    return Best().load("champion", Data(folder), folder / "cache")


def test_every_segment_knows_its_beats(folder: Path, prepared: Prepared) -> None:
    runs = Best().load("patients", Data(folder), folder / "cache")

    assert (prepared.inputs["spans"][:, 1] - prepared.inputs["spans"][:, 0] == 1).all()
    for each in (prepared, runs):
        spans = each.inputs["spans"]
        assert (spans[1:, 0] >= spans[:-1, 1]).all()
        assert (spans[:, 1] > spans[:, 0]).all()
        assert each.inputs["shapes"].shape == (len(CHANCES), 48 * BEATS, SHAPE_LENGTH, CHANNELS)
    lengths = runs.inputs["spans"][:, 1] - runs.inputs["spans"][:, 0]
    assert lengths.sum() == len(prepared.segments.labels)


def test_stretches_cover_every_beat_and_stay_within_a_record(prepared: Prepared) -> None:
    stretches = Stretches(prepared)
    everywhere = stretches.with_any(np.ones(48 * BEATS, np.float32))
    ends = prepared.inputs["ends"]

    plain, _, _, there = stretches.draw(everywhere, None)
    assert set(plain[there]) == set(range(48 * BEATS))
    for generator in (None, np.random.default_rng(1)):
        beats, inputs, _, _ = stretches.draw(everywhere, generator)
        record = np.searchsorted(ends, beats, side="right")
        assert (record == record[:, :1]).all()
        assert inputs["shapes"].shape == (len(everywhere), STRETCH, SHAPE_LENGTH, CHANNELS)
        assert inputs["rhythm"].shape == (len(everywhere), STRETCH, RHYTHM_LENGTH)


def test_the_same_generator_varies_in_the_same_way(prepared: Prepared) -> None:
    places = np.arange(20)
    first, second, other = (
        Stretches(prepared).draw(places, np.random.default_rng(seed))[1] for seed in (1, 1, 2)
    )

    assert (first["shapes"] == second["shapes"]).all()
    assert (first["rhythm"] == second["rhythm"]).all()
    assert (first["shapes"] != other["shapes"]).any()


def test_what_a_variant_tells_otherwise_is_told_of_the_beats_drawn_from_it(prepared: Prepared) -> None:
    stretches = Stretches(prepared)
    told = prepared.inputs["told"]
    share = sum(chance * (each == Told.PREMATURE).mean() for chance, each in zip(CHANCES, told, strict=True))
    drawn = [stretches.draw(np.arange(40), np.random.default_rng(seed)) for seed in range(30)]

    assert (told[0] == Told.AS_LABELLED).all()
    assert share > 0.01
    assert np.mean([each[2] == Told.PREMATURE for each in drawn]) == pytest.approx(share, rel=0.3)


def test_a_fusion_counts_only_where_there_is_such_a_class() -> None:
    product, aami = ("Normal", "LBBB", "RBBB", "APB", "PVC"), ("N", "S", "V", "F", "Q")

    assert _made(product)[[Told.PREMATURE, Told.FUSION, Told.NOTHING]].tolist() == [3, -1, -1]
    assert _made(aami)[[Told.PREMATURE, Told.FUSION, Told.NOTHING]].tolist() == [1, 3, -1]


def test_what_is_not_learnt_from_counts_nothing_and_classes_are_weighed(prepared: Prepared) -> None:
    (fold, *_) = folds("champion", prepared.segments, seed=1)
    weights = _weights(prepared, fold.train)

    assert (weights[prepared.inputs["spans"][fold.test, 0]] == 0).all()
    assert (weights[prepared.inputs["spans"][fold.train, 0]] > 0).all()
    assert weights[weights > 0].mean() == pytest.approx(1, rel=1e-5)
    labels = prepared.segments.labels[fold.train]
    each = weights[prepared.inputs["spans"][fold.train, 0]]
    normal, lbbb, _, apb, pvc = (each[labels == label].mean() for label in range(5))
    counts = np.bincount(labels)
    assert pvc / normal == pytest.approx((counts[0] / counts[4]) ** CLASS_POWER, rel=1e-5)
    assert lbbb > normal
    assert apb / normal == pytest.approx(PREMATURE_WEIGHT * (counts[0] / counts[3]) ** CLASS_POWER, rel=1e-5)
    assert (_weights(prepared, np.zeros(0, np.int64)) == 0).all()


def test_a_run_is_answered_for_by_its_beats_however_many() -> None:
    beats = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.2, 0.8], [0.2, 0.8]], np.float32)
    answers = of_runs(beats, np.array([[0, 1], [0, 2], [2, 3], [2, 5]]))

    assert answers[0] == pytest.approx([0.9, 0.1])
    assert answers[1] == pytest.approx([0.75, 0.25])  # the roots of 0.45 and 0.05
    assert answers[2] == pytest.approx(answers[3])


def test_it_learns_made_beats_and_its_parameters_are_few(prepared: Prepared, tmp_path: Path) -> None:
    (fold, *_) = folds("champion", prepared.segments, seed=1)
    options = Options(epochs=12, batch_size=8, learning_rate=8e-3, early_stopping=0, seed=1)

    lesson = Best().lesson(prepared, fold.train, np.zeros(0, np.int64), options)
    model = learn(lesson, options, tmp_path)
    answers = Best().probabilities(model, prepared, fold.test)

    assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (answers.argmax(axis=1) == prepared.segments.labels[fold.test]).mean() > 0.9
    assert model.count_params() < 60_000
    _a_beat_alone_and_many_are_answered(model)


def test_a_normal_beat_whose_block_nobody_told_is_learnt_as_any_of_the_three(
    prepared: Prepared, tmp_path: Path
) -> None:
    answers = np.array([[[0.1, 0.2, 0.3, 0.25, 0.15]] * 3], np.float32)
    loss = np.asarray(_untold(np.array([[0, 3, 5]]), answers))
    assert loss == pytest.approx(-np.log([[0.1, 0.25, 0.6]]), rel=1e-5)

    records = prepared.segments.records.astype("<U8")
    one = records[prepared.segments.labels == 0][0]
    records[records == one] = "svdb-800"
    told, untold = prepared, replace(prepared, segments=replace(prepared.segments, records=records))
    assert set(_labels(told)) == set(range(5))
    changed = np.flatnonzero(_labels(untold) != _labels(told))
    assert set(_labels(told)[changed]) == {0}
    assert set(_labels(untold)[changed]) == {5}
    assert set(changed) == set(
        prepared.inputs["spans"][(told.segments.records == one) & (told.segments.labels == 0), 0]
    )

    (fold, *_) = folds("champion", untold.segments, seed=1)
    assert not set(np.flatnonzero(records == "svdb-800")) & set(fold.test)
    options = Options(epochs=2, batch_size=8, learning_rate=8e-3, early_stopping=0, seed=1)
    lesson = Best().lesson(untold, fold.train, np.zeros(0, np.int64), options)
    learn(lesson, replace(options, epochs=1), tmp_path)
    model = learn(lesson, options, tmp_path)  # goes on with what is kept
    assert model.loss is _untold
    answers = Best().probabilities(averaged([model, model]), untold, fold.test)
    assert answers == pytest.approx(Best().probabilities(model, untold, fold.test), abs=1e-6)


def _a_beat_alone_and_many_are_answered(model: Any) -> None:
    generator = np.random.default_rng(1)
    for n in (1, 3, 50):
        shapes: npt.NDArray[np.float32] = generator.normal(size=(1, n, SHAPE_LENGTH, CHANNELS)).astype("f")
        rhythm = generator.normal(size=(1, n, RHYTHM_LENGTH)).astype("f")
        assert model.predict_on_batch({"shapes": shapes, "rhythm": rhythm}).shape == (1, n, 5)


def test_with_a_block_a_patient_of_few_beats_counts_more_and_the_class_as_much(prepared: Prepared) -> None:
    classes = prepared.segments.classes
    block, normal = classes.index("RBBB"), classes.index("Normal")
    labels = np.full(100 + 4, block)
    labels[:50] = normal
    records = np.asarray(["100"] * 100 + ["101"] * 4)
    spans = np.stack([np.arange(104), np.arange(1, 105)], axis=1)
    segments = replace(prepared.segments, labels=labels, records=records)
    weights = _weights(Prepared(segments, {"spans": spans, "ends": np.asarray([100, 104])}), np.arange(104))

    assert weights[100] / weights[99] == pytest.approx(np.sqrt(50 / 4))
    assert np.unique(weights[:50]).size == 1  # of a normal beat nothing changes
    share = (50 / 104) ** -CLASS_POWER / (54 / 104) ** -CLASS_POWER
    assert weights[:50].mean() / weights[50:].mean() == pytest.approx(share)
