"""Beats that readers confirmed or corrected, as records to learn from."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.beats.corrected import corrected_records, read_beats
from ml.beats.protocols import Data
from ml.beats.retraining import run_of
from ml.beats.segments import RATE_HZ, product_beats
from ml.corrections import CorrectionsError
from ml.ecg.readers import read
from ml.ecg.rpeaks.detector import detect_r_peaks
from ml.ecg.signal import Signal
from ml.retraining import Order
from server.demo import demo_ecg

KEY = "a" * 64


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """Return a folder with a recording of ten seconds, and when its beats come."""
    folder = tmp_path_factory.mktemp("corrected")
    (folder / "signals").mkdir()
    reading = read(demo_ecg())[0]
    (folder / "signals" / KEY).write_bytes(reading.original)
    signal = reading.content
    assert isinstance(signal, Signal)
    rate = signal.sampling_rate_hz
    return folder, (detect_r_peaks(signal.lead("II").astype(np.float64), rate) / rate).tolist()


def said(folder: Path, *lines: tuple[float, str, str]) -> Path:
    path = folder / "corrections.jsonl"
    documents = (
        {"family": "beats", "signal": KEY, "seconds": seconds, "label": label, "reader": reader}
        for seconds, label, reader in lines
    )
    path.write_text("".join(json.dumps(each) + "\n" for each in documents), encoding="utf-8")
    return path


def test_only_beats_that_readers_agree_on_have_a_class(beats: tuple[Path, list[float]]) -> None:
    folder, at = beats
    path = said(folder, (at[2], "PVC", "1"), (at[3], "APB", "1"), (at[3], "PVC", "2"), (at[4], "Normal", "1"))
    (record,) = corrected_records(path, RATE_HZ)
    assert (record.name, record.leads, len(record.positions)) == ("site-" + "a" * 16, ("II", "V1"), len(at))
    told = [(label, round(first / RATE_HZ, 1)) for label, first, _ in product_beats(record)]
    assert told == [("PVC", round(at[2], 1)), ("Normal", round(at[4], 1))]


def test_the_champions_run_learns_from_them_and_no_other_protocol_does(
    beats: tuple[Path, list[float]], tmp_path: Path
) -> None:
    folder, at = beats
    path = said(folder, (at[2], "PVC", "1"))
    (tmp_path / "ludb").mkdir()
    run = run_of(Order("beats", tmp_path, path, 1, tmp_path / "work", "again"))
    assert (run.protocol, run.data.further) == ("champion", (tmp_path / "ludb",))
    data = Data(tmp_path, (), path)
    assert len(data.records_beyond("champion")) == 1
    assert data.records_beyond("interpatient") == []


def test_an_unknown_class_and_too_few_opinions_are_refused(beats: tuple[Path, list[float]]) -> None:
    folder, at = beats
    with pytest.raises(CorrectionsError, match="no class"):
        read_beats(said(folder, (at[2], "asystole", "1")), 1)
    with pytest.raises(CorrectionsError, match="1 opinions"):
        read_beats(said(folder, (at[2], "PVC", "1")), 2)
