"""Recordings from CSV, MATLAB, WFDB and DICOM files, and those that cannot be read."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import wfdb
from scipy.io import savemat

from ml.beats.recordings import RecordingError, read_recording

SAMPLES = np.random.default_rng(1).normal(size=(500, 2)).round(3)


def as_csv(path: Path, rows: npt.NDArray[np.float64], head: str = "", separator: str = ",") -> Path:
    lines = [separator.join(f"{value:.3f}" for value in row) for row in rows]
    path.write_text("\n".join([*([head] if head else []), *lines]) + "\n", encoding="utf-8")
    return path


def test_a_csv_without_names_has_a_column_a_lead(tmp_path: Path) -> None:
    signal = read_recording(as_csv(tmp_path / "ecg.csv", SAMPLES), 250).signal

    assert signal.leads == ("1", "2")
    assert signal.sampling_rate_hz == 250
    assert signal.samples_mv == pytest.approx(SAMPLES)


def test_a_csv_with_names_and_times_tells_its_leads_and_its_rate(tmp_path: Path) -> None:
    times = np.arange(500) / 125
    rows = np.column_stack([times, SAMPLES])
    signal = read_recording(as_csv(tmp_path / "ecg.csv", rows, "time;II;V1", ";")).signal

    assert signal.leads == ("II", "V1")
    assert signal.sampling_rate_hz == pytest.approx(125)
    assert signal.samples_mv == pytest.approx(SAMPLES)


def test_a_csv_of_one_lead_needs_no_separator_and_may_have_gaps(tmp_path: Path) -> None:
    path = tmp_path / "ecg.csv"
    path.write_text("II\n0.1\n0.2\nnan\n0.4\n", encoding="utf-8")

    assert read_recording(path, 360).signal.lead("II") == pytest.approx([0.1, 0.2, np.nan, 0.4], nan_ok=True)


def test_a_matlab_file_has_a_matrix_whose_longer_side_is_time(tmp_path: Path) -> None:
    savemat(tmp_path / "ecg.mat", {"ecg": SAMPLES.T, "fs": 400.0, "name": "somebody"})
    signal = read_recording(tmp_path / "ecg.mat").signal

    assert signal.sampling_rate_hz == 400
    assert signal.samples_mv == pytest.approx(SAMPLES)


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_a_wfdb_record_is_in_millivolts_with_its_annotated_beats(tmp_path: Path, ending: str) -> None:
    wfdb.wrsamp(
        "r1",
        fs=360,
        units=["uV", "mV"],
        sig_name=["MLII", "V1"],
        p_signal=SAMPLES * [1000, 1],
        fmt=["16", "16"],
        write_dir=str(tmp_path),
    )
    wfdb.wrann("r1", "atr", np.array([10, 100, 200]), ["+", "N", "V"], write_dir=str(tmp_path))
    recording = read_recording(tmp_path / f"r1{ending}")

    assert recording.signal.samples_mv == pytest.approx(SAMPLES, abs=2e-3)
    assert recording.peaks is not None
    assert recording.peaks.tolist() == [100, 200]


def test_a_dicom_waveform_is_read(shared_data: Path) -> None:
    path = next((shared_data / "ecg-formats").rglob("*.dcm"))
    signal = read_recording(path).signal

    assert signal.duration_s > 2
    assert "II" in signal.leads


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("missing.csv", None, "missing"),
        ("ecg.csv", "0.1,0.2\n0.3,0.4\n", "give --fs"),
        ("ecg.csv", "II,V1\n0.1,zero\n", "cannot be read"),
        ("ecg.csv", "II,V1\n0.1,0.2\n0.3\n", "cannot be read"),
        ("ecg.csv", "", "cannot be read"),
        ("ecg.mat", "not one", "cannot be read"),
        ("ecg.dcm", "not one", "cannot be read"),
        ("ecg.txt", "0.1", "unsupported_type"),
        ("ecg.dat", "no header", "unsupported_type"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")

    with pytest.raises(RecordingError, match=said) as caught:
        read_recording(tmp_path / name)
    assert name in str(caught.value)
