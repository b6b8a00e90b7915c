"""What is watched of recordings: computed by hand on one beat, and the reference of made patients."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.monitored import CATEGORICAL, NUMERIC, QUALITY, reference, row
from ml.beats.predicting import BeatAnswer, BeatPredictor
from ml.beats.predicting import load as load_model
from ml.beats.protocols import Data, load
from ml.beats.quality import Quality, Reason, Verdict
from ml.beats.segments import RECORDS
from ml.beats.synthetic import write_synthetic
from ml.ecg.annotated import AnnotatedRecord
from ml.ecg.signal import Signal
from ml.monitoring.drift import drift
from ml.monitoring.reference import reference_of
from ml.registry.artefact import open_unsealed
from ml.registry.shipped import shipped
from tests.support.models import write_toy

RATE = 360.0
BEAT_S = 0.8


def recorded(millivolts: float, noise: float = 0.0, seconds: float = 10.0) -> Signal:
    """Return two leads with a peak of these millivolts every 0.8 seconds, the second half as high."""
    lead = np.random.default_rng(1).normal(0, noise, round(seconds * RATE))
    times = np.arange(len(lead)) / RATE
    for at in np.arange(0.5, seconds - 0.4, BEAT_S):
        lead += millivolts * np.exp(-0.5 * ((times - at) / 0.012) ** 2)
        lead += 0.2 * np.exp(-0.5 * ((times - at - 0.28) / 0.05) ** 2)
    return Signal(("II", "V1"), np.stack([lead, lead / 2], axis=1).astype(np.float32), RATE)


def answer(labels: list[int], quality: Quality, steps: list[int] | None = None) -> BeatAnswer:
    labelled = np.asarray(labels, np.uint8)
    first, step = round(0.5 * RATE), round(BEAT_S * RATE)
    positions = first + np.append(0, np.cumsum(steps or [step] * (len(labels) - 1))).astype(np.int64)
    likely = np.full((len(labels), 5), 0.05, np.float32)
    likely[np.arange(len(labels)), labelled] = 0.8
    return BeatAnswer(
        PRODUCT_CLASSES, positions[: len(labels)], labelled, likely, likely > 0.5, quality, ("II", "V1"), RATE
    )


@pytest.fixture(scope="module")
def champion() -> BeatPredictor:
    found = shipped("beats")
    assert found is not None
    return load_model(found)


def test_a_recording_without_an_answer_tells_its_quality_alone() -> None:
    nothing = replace(
        answer([0], Quality(Verdict.INSUFFICIENT, (Reason.FLAT,))), positions=np.zeros(0, np.int64)
    )
    found = row(recorded(1.0), nothing)

    assert found["quality"] == "insufficient"
    assert found["quality:flat"] == "yes"
    assert set(found) == set(QUALITY)


def test_rate_amplitude_and_answers_are_as_computed_by_hand() -> None:
    found = row(recorded(1.2), answer([0, 0, 0, 0, 4, 0, 0, 0, 3, 0], Quality(Verdict.HIGH)))

    assert set(found) == {*NUMERIC, *CATEGORICAL}
    assert found["heart_rate"] == pytest.approx(75)
    assert found["rr_variability"] == 0
    assert found["amplitude_first"] == pytest.approx(1.2, abs=0.05)
    assert found["amplitude_second"] == pytest.approx(0.6, abs=0.03)
    assert found["other_than_normal"] == pytest.approx(0.2)
    assert found["class"] == "Normal"
    assert found["confidence"] == pytest.approx(0.8)
    assert found["quality"] == "high"
    assert found["quality:noise"] == "no"


def test_uneven_intervals_tell_by_their_usual_step() -> None:
    found = row(recorded(1.0), answer([0] * 5, Quality(Verdict.HIGH), [300, 240, 300, 240]))
    assert found["rr_variability"] == pytest.approx(60 / 270)


def test_one_beat_has_no_rate() -> None:
    found = row(recorded(1.0), answer([2], Quality(Verdict.LOW, (Reason.TOO_SHORT,))))
    assert "heart_rate" not in found
    assert found["class"] == "RBBB"


def test_noisier_and_smaller_recordings_than_were_learnt_from_are_a_drift(champion: BeatPredictor) -> None:
    generator = np.random.default_rng(2)

    def patients(number: int, noise: float, height: float) -> list[Signal]:
        heights = generator.uniform(0.7, 1.5, number) * height
        return [recorded(float(each), noise, 6.0) for each in heights]

    records = [
        AnnotatedRecord(
            f"made-{number}.1",
            each.leads,
            each.samples_mv.astype(np.float64),
            RATE,
            np.zeros(0, np.int64),
            (),
        )
        for number, each in enumerate(patients(50, 0.01, 1.0))
    ]
    learnt = reference(champion, [*records, replace(records[0], name="made-0.2")])
    assert learnt.rows == 50, "one stretch a patient"

    later = [row(each, champion.predict(each)) for each in patients(50, 0.05, 0.5)]
    same = [row(each, champion.predict(each)) for each in patients(50, 0.01, 1.0)]
    drifted, still = (drift(learnt, learnt.count(each)) for each in (later, same))
    assert drifted is not None
    assert still is not None
    assert {"noise", "amplitude_first", "quality", "quality:noise"} <= set(drifted.drifted)
    assert still.drifted == ()


def test_a_command_gives_a_version_the_reference_of_what_it_learnt_from_and_of_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "mitdb"
    write_synthetic(data, 12 * len(RECORDS), seed=1)
    learnt = load("champion", Data(data), tmp_path)
    own = write_toy(tmp_path / "own", data_hash=learnt.data_hash)
    other = write_toy(tmp_path / "other")

    assert main(["reference", "beats", str(own.folder), "--data", str(data)]) == 0
    found = reference_of(open_unsealed(own.folder))
    assert found is not None
    assert found.rows == 47, "201 and 202 are one man"
    assert main(["reference", "beats", str(other.folder), "--data", str(data)]) == 2
    assert "has not learnt from" in capsys.readouterr().err
    assert reference_of(open_unsealed(other.folder)) is None
