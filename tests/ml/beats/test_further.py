"""Further patients: which are learnt from, where their beats are and what these are called."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ml.beats.further import read_further, signal_files
from ml.beats.protocols import Data, Protocol
from ml.beats.segments import product_beats
from ml.ecg.annotated import RecordError

RATE_HZ = 128
BEATS = (64, 192, 290, 448, 576)
"""Their samples at 128 Hz: half a second, a second and a half, …"""


@pytest.fixture
def svdb(tmp_path: Path) -> Path:
    """Two records of half a dozen seconds, each beat a peak of 1 mV in its first lead."""
    for name in ("800", "801"):
        samples = np.zeros((6 * RATE_HZ, 2))
        samples[list(BEATS), 0] = 1
        wfdb.wrsamp(
            name, RATE_HZ, ["mV"] * 2, ["ECG1", "ECG2"], samples, fmt=["16"] * 2, write_dir=str(tmp_path)
        )
        wfdb.wrann(name, "atr", np.asarray(BEATS), list("NNSVN"), write_dir=str(tmp_path))
    return tmp_path


def test_the_even_records_of_svdb_are_learnt_from_at_the_rate_of_the_others(svdb: Path) -> None:
    (record,) = read_further(svdb, 360.0)

    assert (record.name, record.leads, record.sampling_rate_hz) == ("svdb-800", ("ECG1", "ECG2"), 360.0)
    assert record.samples_mv.shape == (6 * 360, 2)
    assert record.positions.tolist() == [180, 540, 816, 1260, 1620]  # 290 · 360 / 128 = 815.6
    assert "".join(record.symbols) == "NNAVN"
    assert [name for name, _, _ in product_beats(record)] == ["Normal", "Normal", "APB", "PVC", "Normal"]
    for position in record.positions:
        around = record.samples_mv[position - 20 : position + 21, 0]
        assert abs(int(np.argmax(around)) - 20) <= 1


def test_only_the_files_learnt_from_are_counted_as_such(svdb: Path, shared_data: Path) -> None:
    assert [path.name for path in signal_files(svdb)] == ["800.dat"]
    ludb = shared_data / "12-lead/ludb"
    assert set(signal_files(ludb)) == set(ludb.rglob("*.dat"))
    assert set(Data(ludb, (svdb,)).signal_files()) == {*ludb.rglob("*.dat"), svdb / "800.dat"}


def test_what_is_measured_as_others_do_learns_from_none_of_them(svdb: Path) -> None:
    data = Data(svdb, (svdb,))
    learning: tuple[Protocol, ...] = ("patients", "champion")
    for protocol in learning:
        assert [each.name for each in data.records_beyond(protocol)] == ["svdb-800"]
    others: tuple[Protocol, ...] = ("oh2018", "interpatient", "development")
    for protocol in others:
        assert data.records_beyond(protocol) == []


def test_a_folder_of_nothing_known_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"neither ludb\.csv nor ptbxl_database\.csv"):
        list(read_further(tmp_path, 360.0))
