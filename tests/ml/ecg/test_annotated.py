"""Records with annotations: read whole, or named."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ml.ecg.annotated import RecordError, read_annotated, record_names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one record of two leads, as databases store them."""
    samples = np.column_stack([np.sin(np.arange(2000) / 20), np.cos(np.arange(2000) / 30)])
    wfdb.wrsamp(
        "301",
        fs=250,
        units=["mV", "mV"],
        sig_name=["MLII", "V1"],
        p_signal=samples,
        fmt=["212", "212"],
        adc_gain=[200, 200],
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    symbols = ["+", "N", "V", "[", "!", "]", "~", "f"]
    wfdb.wrann("301", "atr", np.arange(100, 900, 100), symbols, write_dir=str(tmp_path))
    return tmp_path


def test_a_record_has_its_leads_in_millivolts_and_its_beats_without_what_is_none(folder: Path) -> None:
    record = read_annotated(folder, "301")

    assert (record.name, record.leads, record.sampling_rate_hz) == ("301", ("MLII", "V1"), 250.0)
    assert np.abs(record.samples_mv[:, 0] - np.sin(np.arange(2000) / 20)).max() <= 0.5 / 200
    assert record.beats().tolist() == [200, 300, 800]
    assert record.flutter() == [(400, 600)]


def test_records_are_listed_by_their_annotations(folder: Path, tmp_path: Path) -> None:
    (folder / "100.dat").touch()

    assert record_names(folder) == ["301"]
    with pytest.raises(RecordError, match="no record with annotations"):
        record_names(tmp_path / "nowhere")


@pytest.mark.parametrize("ending", ["hea", "dat", "atr"])
def test_a_missing_file_is_named(folder: Path, ending: str) -> None:
    (folder / f"301.{ending}").unlink()

    with pytest.raises(RecordError, match=rf"record 301: .*301\.{ending} is missing"):
        read_annotated(folder, "301")


@pytest.mark.parametrize("ending", ["hea", "dat", "atr"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_truncated_file_is_named(folder: Path, ending: str, share: float) -> None:
    file = folder / f"301.{ending}"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share) // 2 * 2 + (1 if ending == "atr" and share else 0)])

    with pytest.raises(RecordError, match="301"):
        read_annotated(folder, "301")


def test_a_single_wrong_sample_is_found_by_the_checksum_in_the_header(folder: Path) -> None:
    content = bytearray((folder / "301.dat").read_bytes())
    content[600] ^= 4
    (folder / "301.dat").write_bytes(content)

    with pytest.raises(RecordError, match=r"record 301: lead MLII of .* is damaged"):
        read_annotated(folder, "301")


def test_a_file_that_is_not_as_published_is_named(folder: Path) -> None:
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.name}" for path in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS.txt").write_text("\n".join(sums))
    assert read_annotated(folder, "301").name == "301"

    wfdb.wrann("301", "atr", np.array([5]), ["N"], write_dir=str(folder))
    with pytest.raises(RecordError, match=r"record 301: .*301\.atr is missing or damaged"):
        read_annotated(folder, "301")
