"""The champion that comes with the program."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from ml.beats.classes import CHAMPION_CODES, PRODUCT_CLASSES
from ml.beats.predicting import BeatPredictor, load
from ml.beats.quality import Verdict
from ml.ecg.annotated import AnnotatedRecord, read_annotated
from ml.ecg.signal import Signal
from ml.registry.artefact import Artefact
from ml.registry.contents import CARD, KERAS
from ml.registry.shipped import MAX_SHIPPED, shipped
from tests.support.growth import slowness

BEATS = 100 if os.environ.get("CHEVET_SOAK") == "1" else 20


@pytest.fixture(scope="module")
def champion() -> Artefact:
    found = shipped("beats")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def predictor(champion: Artefact) -> BeatPredictor:
    return load(champion)


@pytest.fixture(scope="module")
def record(shared_data: Path) -> AnnotatedRecord:
    return read_annotated(shared_data / "mitdb", "208")


def as_signal(record: AnnotatedRecord) -> Signal:
    return Signal(record.leads, record.samples_mv.astype(np.float32), record.sampling_rate_hz)


def test_it_is_small_whole_and_says_what_it_is_and_where_it_comes_from(champion: Artefact) -> None:
    assert champion.size < MAX_SHIPPED
    assert champion.manifest.classes == PRODUCT_CLASSES
    assert "MIT-BIH" in champion.manifest.citation
    assert "MIT" in champion.manifest.licence
    assert KERAS in champion.manifest.files
    assert champion.read(CARD).startswith(b"# ")


def test_its_graph_answers_as_the_keras_model_did(predictor: BeatPredictor) -> None:
    assert predictor.verify_examples() < 1e-5


def test_half_an_hour_takes_less_than_two_seconds_of_one_core_r_peaks_included(
    predictor: BeatPredictor, record: AnnotatedRecord
) -> None:
    predictor.warm_up()
    begun = time.process_time()
    answer = predictor.predict(as_signal(record))

    assert time.process_time() - begun < 2 * slowness()
    assert answer.quality.verdict is Verdict.HIGH
    assert len(answer.positions) == pytest.approx(len(record.beats()), rel=0.01)


def test_it_knows_the_beats_that_it_has_learnt_from(
    predictor: BeatPredictor, record: AnnotatedRecord
) -> None:
    named = dict(zip(record.positions.tolist(), record.symbols, strict=True))
    peaks = record.beats()
    answer = predictor.classify(as_signal(record), peaks)
    known = [
        (CHAMPION_CODES[named[peak]], answer.classes[label])
        for peak, label in zip(peaks.tolist(), answer.labels, strict=True)
        if named[peak] in CHAMPION_CODES
    ]

    assert np.mean([truth == said for truth, said in known]) > 0.95


@pytest.mark.soak
def test_hiding_the_salient_tenth_lowers_the_class_more_than_hiding_any_tenth(
    predictor: BeatPredictor, record: AnnotatedRecord
) -> None:
    signal = as_signal(record)
    signal = Signal(signal.leads, signal.samples_mv[: 180 * 360].copy(), 360.0)
    answer = predictor.predict(signal)
    generator = np.random.default_rng(8)
    better = 0
    for beat in generator.choice(np.arange(1, len(answer.positions) - 1), BEATS).tolist():
        asked = (signal, answer.positions, beat)
        found = predictor.saliency(*asked, answer.leads, label=int(answer.labels[beat]))
        tenth = len(found.weights) // 10
        hidden = np.zeros((2, len(found.weights)), np.bool_)
        hidden[0, np.argsort(-found.weights, kind="stable")[:tenth]] = True
        hidden[1, generator.choice(len(found.weights), tenth, replace=False)] = True
        top, chance = predictor.hiding(*asked, hidden, answer.leads)[:, found.label]
        better += bool(top < chance)

    assert better >= 0.95 * BEATS
