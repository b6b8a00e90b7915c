import math
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.readers.table import read_table
from ml.ecg.signal import Signal
from tests.ml.ecg.reading import put


def table(path: Path, text: str, unit: str = "mV", leads: list[str] | None = None) -> Signal:
    path.write_text(text)
    return read_table(path, sampling_rate_hz=360, unit=unit, leads=leads)


@pytest.mark.parametrize(
    "text",
    [
        "MLII,V5\n1.5,-2\n0.5,3\n",
        "MLII;V5\r\n1.5;-2\r\n0.5;3\r\n",
        "MLII;V5\n1,5;-2,0\n0,5;3,0\n",
        "MLII\tV5\n1.5\t-2\n0.5\t3\n",
        "MLII V5\n1.5 -2\n0.5 3\n",
        "\ufeffMLII,V5\n1.5,-2\n0.5,3\n",
        "'sample #','MLII','V5'\n0,1.5,-2\n1,0.5,3\n",
        "time (s);MLII;V5\n0;1.5;-2\n1;0.5;3\n",
    ],
)
def test_columns_are_leads_however_they_are_separated(tmp_path: Path, text: str) -> None:
    signal = table(tmp_path / "x.csv", text)
    assert (signal.leads, signal.sampling_rate_hz) == (("MLII", "V5"), 360)
    np.testing.assert_allclose(signal.samples_mv, [[1.5, -2], [0.5, 3]])


@pytest.mark.parametrize(
    "unit,expected", [("mV", 2), ("uV", 0.002), ("µV", 0.002), ("V", 2000), ("nV", 2e-6)]
)
def test_the_unit_told_is_the_unit_taken(tmp_path: Path, unit: str, expected: float) -> None:
    assert table(tmp_path / "x.csv", "2\n3\n", unit).samples_mv[0, 0] == pytest.approx(expected)


def test_a_unit_of_something_else_and_too_few_names_are_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unit"):
        table(tmp_path / "x.csv", "2\n3\n", "mmHg")
    with pytest.raises(ValueError, match="2 leads named for 1"):
        table(tmp_path / "x.csv", "2\n3\n", leads=["I", "II"])


def test_columns_without_names_are_numbered_and_may_be_named(tmp_path: Path) -> None:
    assert table(tmp_path / "x.csv", "1,2\n3,4\n").leads == ("1", "2")
    assert table(tmp_path / "x.csv", "1,2\n3,4\n", leads=["I", "II"]).leads == ("I", "II")
    assert table(tmp_path / "x.csv", "Dupont,V1\n3,4\n5,6\n").leads == ("1", "V1")


def test_an_empty_cell_is_no_voltage(tmp_path: Path) -> None:
    assert math.isnan(table(tmp_path / "x.csv", "I,II\n1,2\n,4\n").samples_mv[1, 0])


@pytest.mark.parametrize("text", ["", "\n", "I,II\n", "I,II\n1\n", "1\n", "1,2\n3,x\n", "\x00\x01"])
def test_text_that_is_no_table_is_damaged(tmp_path: Path, text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        table(tmp_path / "x.csv", text)
    assert caught.value.code is DecodeFailure.DAMAGED


@pytest.mark.parametrize("turned", [False, True])
def test_a_matrix_of_matlab_s_is_read_along_its_longer_side(tmp_path: Path, turned: bool) -> None:  # noqa: FBT001
    values = np.arange(24).reshape(12, 2).astype(np.int16)
    scipy.io.savemat(tmp_path / "x.mat", {"val": values.T if turned else values, "name": "Dupont"})
    signal = read_table(tmp_path / "x.mat", sampling_rate_hz=500, unit="uV", leads=["I", "II"])
    np.testing.assert_allclose(signal.samples_mv, values / 1000, rtol=1e-6)


def test_several_matrices_are_none_and_another_file_is_damaged(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"a": np.ones((9, 2)), "b": np.ones((9, 2))})
    put(tmp_path / "y.mat", b"a letter about an ECG, which is long enough to have the length of a header" * 3)
    for name, code in (("x", DecodeFailure.NO_WAVEFORM), ("y", DecodeFailure.DAMAGED)):
        with pytest.raises(DecodeError) as caught:
            read_table(tmp_path / f"{name}.mat", sampling_rate_hz=500, unit="uV")
        assert caught.value.code is code


def test_a_rate_of_zero_and_too_many_leads_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "x.csv", ",".join(["1"] * 40).encode() + b"\n" + ",".join(["2"] * 40).encode())
    with pytest.raises(DecodeError) as caught:
        read_table(tmp_path / "x.csv", sampling_rate_hz=500, unit="mV")
    assert caught.value.code is DecodeFailure.TOO_LARGE
    put(tmp_path / "y.csv", b"1\n2\n")
    with pytest.raises(DecodeError) as caught:
        read_table(tmp_path / "y.csv", sampling_rate_hz=0, unit="mV")
    assert caught.value.code is DecodeFailure.DAMAGED
