import json
from pathlib import Path

import pytest

from ml.__main__ import main
from tests.ml.ecg.reading import put
from tests.ml.ecg.samples import beats, edf, muse, scp, twelve, wfdb_files


def test_every_recording_of_a_folder_is_compared_with_somebody_else_s_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recordings"
    (folder / "wfdb").mkdir(parents=True)
    put(folder / "a.scp", scp(twelve()))
    put(folder / "b.edf", edf(tmp_path, twelve()))
    put(folder / "c.xml", muse(beats(8)).replace(b"Rhythm", b"Other"))
    put(folder / "letter.txt", b"about an ECG")
    for name in ("r1.hea", "r1.dat"):
        put(folder / "wfdb" / name, wfdb_files(twelve())[name])
    written = tmp_path / "figures.json"
    assert main(["evaluate", "readers", "--data", str(folder), "--json", str(written)]) == 0
    rows = json.loads(written.read_text())
    assert [(row["file"], row["format"], row["failure"], row["peer"]) for row in rows] == [
        ("a.scp", "scp", None, "ecgdatakit"),
        ("b.edf", "edf", None, "pyedflib"),
        ("c.xml", "muse", "no_waveform", None),
        ("wfdb/r1.hea", "wfdb", None, "wfdb"),
    ]
    for row in (rows[0], rows[1], rows[3]):
        assert (len(row["leads"]), row["sampling_rate_hz"], row["duration_s"]) == (12, 500, 2)
        assert (row["compared"], row["difference_uv"]) == (12, pytest.approx(0, abs=0.001))
    text = capsys.readouterr().out
    assert "a.scp  scp  12 leads, 500 Hz, 2.0 s  12 of them as ecgdatakit reads them" in text
    assert "c.xml  muse  refused: no_waveform" in text


def test_a_folder_without_recordings_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "readers", "--data", str(tmp_path)]) == 1
    assert "no recording of an ECG" in capsys.readouterr().err
