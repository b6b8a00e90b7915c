"""The beat predictor: the leads it reads, what it says of good signals, and a bounded answer to bad ones."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.predicting import BeatPredictor, Saliency, load
from ml.beats.quality import Reason, Verdict
from ml.beats.segments import BEAT_LENGTH, BEFORE
from ml.beats.settings import Settings
from ml.beats.showing import SHOWN, bridged, resampled
from ml.ecg.annotated import read_annotated
from ml.ecg.signal import Signal
from ml.registry.artefact import write_artefact
from ml.registry.contents import EXAMPLES, GRAPH
from ml.registry.manifest import TensorSpec
from ml.registry.predictor import LoadError
from tests.support.ecg import made
from tests.support.growth import slowness
from tests.support.models import LENGTH, linear, write_toy

BEATS_S = np.arange(0.6, 29.5, 0.8)
LEAD = made(BEATS_S, 360, 30)
V1 = -0.6 * LEAD


def sensitive(folder: Path) -> BeatPredictor:
    """Return a toy that takes early beats for PVC: whose segments have most of their voltage late."""
    weights = np.zeros((LENGTH, 5), np.float32)
    beat = weights[-BEAT_LENGTH:]
    beat[:90, 0] = 0.05
    beat[110:, 4] = 0.05
    beat[BEFORE, 0] = 1
    toy = write_toy(folder / "toy")
    files = {name: toy.read(name) for name in toy.manifest.files} | {GRAPH: linear(weights)}
    manifest = replace(toy.manifest, settings=Settings(1.3, 0.9, (0.2,) * 5).to_json())
    return load(write_artefact(folder / "sensitive", manifest, files))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> BeatPredictor:
    return sensitive(tmp_path_factory.mktemp("model"))


def signal(
    *columns: npt.NDArray[np.float64], leads: tuple[str, ...] = ("II", "V1"), rate: float = 360.0
) -> Signal:
    return Signal(leads[: len(columns)], np.stack(columns, axis=1).astype(np.float32), rate)


def test_every_beat_is_found_and_gets_calibrated_probabilities_and_a_set(predictor: BeatPredictor) -> None:
    answer = predictor.predict(signal(LEAD, V1))

    assert np.abs(answer.positions / 360 - BEATS_S).max() < 0.01
    assert answer.classes == PRODUCT_CLASSES
    assert answer.probabilities.shape == answer.sets.shape == (len(BEATS_S), 5)
    assert answer.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (answer.labels == answer.probabilities.argmax(axis=1)).all()
    assert answer.confidences == pytest.approx(answer.probabilities.max(axis=1))
    assert (answer.sets == (answer.probabilities >= 0.2)).all()
    assert answer.sampling_rate_hz == 360
    assert answer.labels.dtype == np.uint8
    assert answer.positions.dtype == np.int64


def test_the_temperature_divides_the_logarithms(tmp_path: Path) -> None:
    asked = signal(LEAD)
    cold, warm = (
        load(write_toy(tmp_path / str(number), 3, settings=Settings(number, 0.9, (0.3,) * 5).to_json()))
        .predict(asked)
        .probabilities
        for number in (1.0, 2.0)
    )

    expected = np.sqrt(cold)
    assert warm == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)


@pytest.mark.parametrize("rate", [100.0, 128.0, 250.0, 257.3, 360.0, 500.0, 1000.0])
def test_the_rate_changes_neither_the_beats_nor_what_is_said_of_them(
    predictor: BeatPredictor, rate: float
) -> None:
    clean = made(BEATS_S, 2000, 30, noise_mv=0)
    at = np.arange(0, 30, 1 / rate)
    there = np.interp(at, np.arange(len(clean)) / 2000, clean)
    answer = predictor.predict(signal(there, rate=rate))
    reference = predictor.predict(signal(made(BEATS_S, 360, 30, noise_mv=0)))

    assert answer.quality.verdict is Verdict.HIGH
    assert len(answer.positions) == len(BEATS_S)
    assert answer.positions / rate == pytest.approx(BEATS_S, abs=max(0.01, 1 / rate))
    assert answer.labels.tolist() == reference.labels.tolist()


@pytest.mark.parametrize(
    "leads, read, reasons",
    [
        (("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"), ("II",), ()),
        (("V1", "MLII"), ("MLII",), ()),
        (("V1", "I"), ("I",), (Reason.MISSING_LEAD,)),
        (("V2", "V5"), ("V5",), (Reason.MISSING_LEAD,)),
        (("X", "Y"), ("X",), (Reason.MISSING_LEAD,)),
    ],
    ids=["twelve leads", "MLII last", "no II", "chest leads", "unknown ones"],
)
def test_lead_ii_is_read_or_what_is_most_like_it(
    predictor: BeatPredictor, leads: tuple[str, ...], read: tuple[str, ...], reasons: tuple[Reason, ...]
) -> None:
    answer = predictor.predict(signal(*[LEAD] * len(leads), leads=leads))

    assert answer.leads == read
    assert answer.quality.reasons == reasons
    assert answer.quality.verdict is (Verdict.MEDIUM if reasons else Verdict.HIGH)


def test_a_lead_that_fell_off_is_not_read(predictor: BeatPredictor) -> None:
    answer = predictor.predict(signal(np.zeros(len(LEAD)), LEAD, leads=("II", "V5")))

    assert answer.leads == ("V5",)
    assert Reason.MISSING_LEAD in answer.quality.reasons
    assert len(answer.positions) == len(BEATS_S)


def clipped() -> npt.NDArray[np.float64]:
    return np.clip(LEAD, -0.1, 0.4)


def with_gaps() -> npt.NDArray[np.float64]:
    lead = LEAD.copy()
    lead[5 * 360 : 7 * 360] = np.nan
    lead[9 * 360] = np.inf
    return lead


def noisy(level_mv: float) -> npt.NDArray[np.float64]:
    return LEAD + np.random.default_rng(2).normal(0, level_mv, len(LEAD))


NO_BEATS = [
    ("flat", signal(np.zeros(5000)), Reason.FLAT),
    ("flat above zero", signal(np.full(5000, 3.3)), Reason.FLAT),
    ("nothing recorded", signal(np.full(5000, np.nan)), Reason.GAPS),
    ("three samples", signal(np.asarray([0.0, 1.0, 0.0])), Reason.TOO_SHORT),
    ("a second", signal(LEAD[:360]), Reason.TOO_SHORT),
    ("40 Hz", signal(LEAD, rate=40.0), Reason.SAMPLING_RATE),
    ("a billion a second", signal(LEAD, rate=1e9), Reason.SAMPLING_RATE),
    ("nothing but noise", signal(np.random.default_rng(1).normal(size=9000)), Reason.NOISE),
    ("in volts", signal(LEAD / 1000), Reason.FLAT),
]


@pytest.mark.parametrize("bad, reason", [case[1:] for case in NO_BEATS], ids=[case[0] for case in NO_BEATS])
def test_what_cannot_be_read_gets_no_beats_and_a_reason(
    predictor: BeatPredictor, bad: Signal, reason: Reason
) -> None:
    answer = predictor.predict(bad)

    assert answer.quality.verdict is Verdict.INSUFFICIENT
    assert reason in answer.quality.reasons
    assert len(answer.positions) == len(answer.labels) == len(answer.probabilities) == len(answer.sets) == 0
    assert answer.probabilities.shape == (0, 5)


DOUBTFUL = [
    ("clipped", signal(clipped()), Reason.CLIPPED, {Verdict.LOW}),
    ("gaps", signal(with_gaps()), Reason.GAPS, {Verdict.MEDIUM}),
    ("inverted", signal(-LEAD), Reason.INVERTED, {Verdict.MEDIUM, Verdict.LOW}),
    ("some noise", signal(noisy(0.06)), Reason.NOISE, {Verdict.MEDIUM}),
    ("much noise", signal(noisy(0.14)), Reason.NOISE, {Verdict.LOW}),
    ("taken for slower than it is", signal(LEAD, rate=100.0), Reason.AMPLITUDE, {Verdict.LOW}),
    ("taken for quicker than it is", signal(LEAD, rate=1000.0), Reason.HEART_RATE, {Verdict.LOW}),
    ("1,200 Hz", signal(made(BEATS_S, 1200, 30), rate=1200.0), Reason.SAMPLING_RATE, {Verdict.MEDIUM}),
    ("in hundredths", signal(LEAD * 100), Reason.AMPLITUDE, {Verdict.LOW}),
    ("two beats", signal(made([0.5, 1.5], 360, 2.4)), Reason.TOO_SHORT, {Verdict.LOW}),
    ("a third flat", signal(np.concatenate([LEAD, np.full(5000, 0.1)])), Reason.FLAT, {Verdict.LOW}),
]


@pytest.mark.parametrize(
    "bad, reason, verdicts", [case[1:] for case in DOUBTFUL], ids=[case[0] for case in DOUBTFUL]
)
def test_what_can_be_read_with_doubt_says_so(
    predictor: BeatPredictor, bad: Signal, reason: Reason, verdicts: set[Verdict]
) -> None:
    answer = predictor.predict(bad)

    assert reason in answer.quality.reasons
    assert answer.quality.verdict in verdicts
    assert 0 < len(answer.positions) <= 4.2 * bad.duration_s


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_signal_gets_an_answer_that_fits_together(predictor: BeatPredictor, data: st.DataObject) -> None:
    rate = data.draw(st.sampled_from([1e-3, 50.0, 100.0, 128.0, 360.0, 999.9, 4000.0, 1e7]))
    size = data.draw(st.integers(2, 6000))
    scale = data.draw(st.sampled_from([1e-30, 1e-3, 1.0, 1e3, 1e30, 3e38]))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    columns = generator.normal(0, 1, (size, data.draw(st.integers(1, 3))))
    columns = np.cumsum(columns, axis=0) if data.draw(st.booleans()) else columns
    columns = (columns * scale).clip(-3e38, 3e38)
    for place in generator.integers(0, size, data.draw(st.integers(0, 40))):
        columns[place] = generator.choice([np.nan, np.inf, -np.inf, 0])
    answer = predictor.predict(signal(*columns.T, leads=("V2", "II", "V1"), rate=rate))

    number = len(answer.positions)
    assert answer.probabilities.shape == answer.sets.shape == (number, 5)
    assert len(answer.labels) == number <= 4.2 * size / rate + 1
    assert np.isfinite(answer.probabilities).all()
    assert ((answer.positions >= 0) & (answer.positions < size)).all()
    assert (answer.quality.verdict is Verdict.INSUFFICIENT) == (number == 0)


def test_a_day_is_read_for_its_first_hour_and_that_is_said(predictor: BeatPredictor) -> None:
    day = np.tile(LEAD[: 24 * 360], 3600).astype(np.float32)[:, None]
    started = time.process_time()
    answer = predictor.predict(Signal(("II",), day, 360.0))

    assert answer.quality.reasons[-1] is Reason.CUT
    assert answer.quality.verdict is Verdict.HIGH
    assert 3590 < answer.positions[-1] / 360 < 3600
    assert time.process_time() - started < 10 * slowness()


def test_beats_unlike_any_it_knows_are_said_to_be(tmp_path: Path) -> None:
    unsure = load(write_toy(tmp_path / "toy", 1, settings=Settings(1.0, 0.9, (0.999,) * 5).to_json()))
    answer = unsure.predict(signal(LEAD))

    assert not answer.sets.any()
    assert (answer.quality.verdict, answer.quality.reasons) == (Verdict.LOW, (Reason.OUT_OF_DISTRIBUTION,))


def test_known_peaks_are_classified_without_being_looked_for(predictor: BeatPredictor) -> None:
    peaks = np.round(BEATS_S[3:7] * 360).astype(np.int64)
    answer = predictor.classify(signal(LEAD, V1), peaks)
    whole = predictor.predict(signal(LEAD, V1))

    assert (answer.positions == peaks).all()
    assert answer.labels.tolist() == whole.labels[3:7].tolist()
    assert len(predictor.classify(signal(LEAD), peaks[:0]).labels) == 0


def test_a_graph_that_is_not_what_the_manifest_says_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="which is not what the manifest says"):
        load(write_toy(tmp_path / "one", inputs=(TensorSpec("other", (None, 1000, 1)),)))
    with pytest.raises(LoadError, match="the architecture rnn is not known here"):
        load(write_toy(tmp_path / "two", architecture="rnn"))

    toy = write_toy(tmp_path / "three")
    files = {name: toy.read(name) for name in toy.manifest.files} | {GRAPH: b"\x08nonsense"}
    with pytest.raises(LoadError, match="the graph cannot be loaded"):
        load(write_artefact(tmp_path / "four", toy.manifest, files))


def test_a_graph_whose_weights_lie_elsewhere_does_not_load(tmp_path: Path) -> None:
    import onnx  # noqa: PLC0415 - here alone

    toy = write_toy(tmp_path / "toy")
    model = onnx.load_from_string(toy.read(GRAPH))
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(20_000))
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", str(secret)), ("length", "20000")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    files = {name: toy.read(name) for name in toy.manifest.files} | {GRAPH: model.SerializeToString()}

    with pytest.raises(LoadError, match="the graph cannot be loaded"):
        load(write_artefact(tmp_path / "elsewhere", toy.manifest, files))


def test_examples_that_the_graph_answers_otherwise_fail(tmp_path: Path) -> None:
    toy = write_toy(tmp_path / "toy")
    files = {name: toy.read(name) for name in toy.manifest.files}
    files[EXAMPLES] = write_toy(tmp_path / "other", 1).read(EXAMPLES)

    predictor = load(write_artefact(tmp_path / "mixed", toy.manifest, files))
    with pytest.raises(LoadError, match="parity fails"):
        predictor.verify_examples()
    assert load(toy).verify_examples() < 1e-6


def test_saliency_is_where_the_model_looks(predictor: BeatPredictor) -> None:
    answer = predictor.predict(signal(LEAD))
    found = predictor.saliency(signal(LEAD), answer.positions, 5)

    assert isinstance(found, Saliency)
    assert found.label == answer.labels[5]
    assert (found.start, len(found.weights)) == (answer.positions[5] - 99, 260)
    assert (found.weights >= 0).all()
    assert abs(int(found.weights.argmax()) - 99) < 20  # the R peak, which the toy weighs most


@pytest.mark.parametrize("rate", [128.0, 360.0, 500.0])
def test_hiding_the_salient_tenth_lowers_the_class_more_than_hiding_any_tenth(
    predictor: BeatPredictor, shared_data: Path, rate: float
) -> None:
    record = read_annotated(shared_data / "mitdb", "208")
    lead, ratio = resampled(record.samples_mv[: 120 * 360, 0], 360.0, rate)
    recording = Signal(("MLII",), lead[:, None].astype(np.float32), rate)
    answer = predictor.predict(recording)
    generator = np.random.default_rng(8)
    better = 0
    beats = generator.choice(np.arange(1, len(answer.positions) - 1), 100)
    for beat in beats:
        found = predictor.saliency(recording, answer.positions, int(beat))
        tenth = len(found.weights) // 10
        hidden = np.zeros((2, len(found.weights)), np.bool_)
        hidden[0, np.argsort(-found.weights, kind="stable")[:tenth]] = True
        hidden[1, generator.choice(len(found.weights), tenth, replace=False)] = True
        top, chance = predictor.hiding(recording, answer.positions, int(beat), hidden)[:, found.label]
        better += bool(top < chance)
    assert better >= 95
    assert abs(float(ratio) - rate / 360) < 1e-4


def test_what_is_hidden_becomes_a_straight_line() -> None:
    shape = np.asarray([[0, 1, 5, 9, 4, 7]], np.float32)
    mask = np.asarray([[False, False, True, True, False, True]])

    assert bridged(shape, mask).tolist() == [[0, 1, 2, 3, 4, 4]]
    assert bridged(shape, np.ones_like(mask)).tolist() == shape.tolist()


def test_hiding_a_part_of_a_beat_hides_what_it_has_apart_from_the_usual_one_as_well() -> None:
    shapes = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32)
    mask = np.zeros((1, 96), np.bool_)
    mask[0, 40:50] = True
    hidden = SHOWN["best"].hide({"shapes": shapes, "rhythm": np.ones(13, np.float32)}, mask)

    usual = shapes[:, :2] - shapes[:, 2:]
    assert hidden["shapes"][0, :, :2] - hidden["shapes"][0, :, 2:] == pytest.approx(usual, abs=1e-5)
    assert hidden["shapes"][0, ~mask[0]] == pytest.approx(shapes[~mask[0]], abs=1e-5)
    assert np.ptp(np.diff(hidden["shapes"][0, 39:51, 0])) < 1e-5


def test_what_answers_is_imported_without_mlflow_tensorflow_and_wfdb() -> None:
    code = (
        "import sys, ml.beats.predicting, ml.registry.registry, ml.registry.helper, ml.registry.predictor\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"mlflow", "tensorflow", "keras", "wfdb", "pandas", "onnx", "onnxruntime", "sklearn"}
    assert not heavy & set(done.stdout.split())


def test_the_registry_is_imported_without_numpy() -> None:
    code = (
        "import sys, ml.registry.registry, ml.registry.helper, ml.registry.home, ml.beats.quality\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"numpy", "scipy", "mlflow"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"temperature": 0},
        {"temperature": "hot"},
        {"coverage": 1.0},
        {"thresholds": [0.5] * 4},
        {"thresholds": ["high"] * 5},
    ],
    ids=str,
)
def test_settings_that_do_not_fit_the_classes_are_not_loaded(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    usual = Settings(1.0, 0.9, (0.3,) * 5).to_json()
    with pytest.raises(LoadError, match="settings"):
        load(write_toy(tmp_path / "toy", settings={**usual, **wrong} if wrong else {}))
