import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.decoder import decode_file
from ml.ecg.readers import read_signal
from ml.ecg.signal import STANDARD_LEADS
from tests.ml.ecg.reading import failure_of, put, signal_of
from tests.ml.ecg.samples import beats, twelve, wfdb_files, wfdb_zip, zipped

FORMATS = ("8", "16", "24", "32", "61", "80", "160", "212", "310", "311")


def packed(folder: Path, header: Path) -> Path:
    """Zip a published record under a folder's name, as a download is."""
    files = {f"record/{each.name}": each.read_bytes() for each in header.parent.glob(f"{header.stem}.*")}
    return put(folder / "record.zip", zipped(files))


@pytest.mark.parametrize(
    "record,leads",
    [
        ("mitdb/100", ("MLII", "V5")),
        ("mitdb/114", ("V5", "MLII")),
        ("12-lead/ludb/data/1", STANDARD_LEADS),
    ],
)
def test_published_records_read_as_the_wfdb_package_reads_them(
    shared_data: Path, tmp_path: Path, record: str, leads: tuple[str, ...]
) -> None:
    header = (shared_data / record).with_suffix(".hea")
    signal = signal_of(packed(tmp_path, header))
    other = wfdb.rdrecord(str(header.with_suffix("")))
    assert (signal.leads, signal.sampling_rate_hz) == (leads, other.fs)
    np.testing.assert_allclose(signal.samples_mv, other.p_signal, atol=1e-6)


def test_a_record_in_a_folder_reads_as_its_zip(tmp_path: Path) -> None:
    for name, data in wfdb_files(twelve()).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        put(tmp_path / name, data)
    np.testing.assert_array_equal(
        read_signal(tmp_path).samples_mv, read_signal(tmp_path / "r1.hea").samples_mv
    )
    lone = read_signal(tmp_path / "r1.hea")
    packed_up = signal_of(put(tmp_path / "x.zip", wfdb_zip(twelve())))
    np.testing.assert_array_equal(lone.samples_mv, packed_up.samples_mv)
    assert lone.leads == packed_up.leads == STANDARD_LEADS


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("samples", [60, 61])
def test_every_storage_format_reads_as_the_wfdb_package_reads_it(
    tmp_path: Path, kind: str, samples: int
) -> None:
    """Random bytes, so that every bit has to be at its place; the two that format 311 leaves free are 0."""
    data = np.random.default_rng(7).integers(0, 256, 2 * samples * 4, np.uint8)
    if kind == "311":
        data[3::4] &= 0x3F
    put(tmp_path / "r.dat", data.tobytes())
    lines = [f"r 2 250 {samples}", *(f"r.dat {kind} 20000(3)/mV 12 0 0 0 {lead}" for lead in ("I", "V1"))]
    put(tmp_path / "r.hea", "\n".join(lines).encode())
    other = wfdb.rdrecord(str(tmp_path / "r"))
    put(tmp_path / "r.hea", "\n".join(line.partition("/mV")[0] for line in lines).encode())
    np.testing.assert_allclose(
        read_signal(tmp_path / "r.hea").samples_mv, other.p_signal, rtol=1e-6, atol=1e-6
    )


def test_frames_of_several_samples_are_unfolded(tmp_path: Path) -> None:
    """Two samples of a lead and one of a pressure in a frame: the lead is read, at twice the frames' rate."""
    put(tmp_path / "r.dat", np.array([1, 2, 99, 3, 4, 99], "<i2").tobytes())
    put(
        tmp_path / "r.hea",
        b"r 2 125 2\nr.dat 16x2 1000/mV 16 0 1 10 0 II\nr.dat 16 1/mmHg 16 0 99 198 0 ABP\n",
    )
    signal = read_signal(tmp_path / "r.hea")
    assert (signal.leads, signal.sampling_rate_hz) == (("II",), 250)
    np.testing.assert_allclose(signal.samples_mv[:, 0], [0.001, 0.002, 0.003, 0.004])


def test_a_gap_is_no_voltage(tmp_path: Path) -> None:
    put(tmp_path / "r.dat", np.array([1, -32768, 3], "<i2").tobytes())
    put(tmp_path / "r.hea", b"r 1 250 3\nr.dat 16 1000/mV\n")
    np.testing.assert_allclose(read_signal(tmp_path / "r.hea").samples_mv[:, 0], [0.001, np.nan, 0.003])


def test_a_header_that_tells_no_length_is_as_long_as_its_file(tmp_path: Path) -> None:
    put(tmp_path / "r.dat", np.arange(10).astype("<i2").tobytes())
    put(tmp_path / "r.hea", b"r 2\nr.dat 16\nr.dat 16\n")
    signal = read_signal(tmp_path / "r.hea")
    assert (signal.samples_mv.shape, signal.sampling_rate_hz) == ((5, 2), 250)
    np.testing.assert_allclose(signal.samples_mv[0], [0, 1 / 200])


def changed(header: str = "", data: bytes | None = None) -> bytes:
    """Return a zip of a record whose header or signal file is another."""
    files = wfdb_files(beats(1, 10) + np.int16(100), ["II"])
    if header:
        files["r1.hea"] = header.encode()
    if data is not None:
        files["r1.dat"] = data
    return zipped(files)


LINE = "r1.dat 16 200/mV"


@pytest.mark.parametrize(
    "header,failure",
    [
        (f"r1 1 500 4000000000\n{LINE}", DecodeFailure.TOO_LONG),
        (f"r1 100000 500 10\n{LINE}", DecodeFailure.TOO_LARGE),
        (f"r1 1 0 10\n{LINE}", DecodeFailure.DAMAGED),
        (f"r1 1 -500 10\n{LINE}", DecodeFailure.DAMAGED),
        (f"r1 1 500 -10\n{LINE}", DecodeFailure.DAMAGED),
        (f"r1 1 500 11\n{LINE}", DecodeFailure.DAMAGED),
        (f"r1 2 500 5\n{LINE}", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr1.dat 16 1e-30/mV", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr1.dat 16 nan/mV", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr1.dat 16 200/mmHg", DecodeFailure.NO_WAVEFORM),
        ("r1 1 500 10\nr1.dat 16 200/mV 16 0 0 1 0 II", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr1.dat 16x4000000000 200/mV", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr1.dat 16+4000000000 200/mV", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr1.dat 516 200/mV", DecodeFailure.UNSUPPORTED_VARIANT),
        ("r1 1 500 10\nr1.dat 16:3 200/mV", DecodeFailure.UNSUPPORTED_VARIANT),
        ("r1/2 1 500 10\na 5\nb 5", DecodeFailure.UNSUPPORTED_VARIANT),
        ("r1 1 500 10\n/etc/passwd 16 200/mV", DecodeFailure.DAMAGED),
        ("r1 1 500 10\n../../etc/passwd 16 200/mV", DecodeFailure.DAMAGED),
        ("r1 1 500 10\nr2.dat 16 200/mV", DecodeFailure.INCOMPLETE),
        ("hello", DecodeFailure.DAMAGED),
        ("#", DecodeFailure.DAMAGED),
    ],
)
def test_a_header_that_lies_is_one_error(tmp_path: Path, header: str, failure: DecodeFailure) -> None:
    assert failure_of(put(tmp_path / "x", changed(header))) is failure


def test_a_negative_gain_turns_the_lead_over(tmp_path: Path) -> None:
    path = put(
        tmp_path / "x", changed("r1 1 500 3\nr1.dat 16 -1000/mV", np.array([1, 2, 3], "<i2").tobytes())
    )
    np.testing.assert_allclose(signal_of(path).samples_mv[:, 0], [-0.001, -0.002, -0.003])


def member(name: str, mode: int = stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    "found,failure",
    [
        ([member("../r1.hea")], DecodeFailure.UNSAFE),
        ([member("/etc/r1.hea")], DecodeFailure.UNSAFE),
        ([member("..\\r1.hea")], DecodeFailure.UNSAFE),
        ([member("C:/r1.hea")], DecodeFailure.UNSAFE),
        ([member("r1.hea"), member("r1.dat", stat.S_IFLNK)], DecodeFailure.UNSAFE),
        ([member("a/r1.hea"), member("b/r1.hea")], DecodeFailure.SEVERAL_RECORDS),
        ([member("a/r1.hea"), member("b/r1.dat")], DecodeFailure.INCOMPLETE),
        ([member("r1.dat")], DecodeFailure.NO_WAVEFORM),
        ([], DecodeFailure.NO_WAVEFORM),
    ],
)
def test_a_zip_that_is_no_record_is_one_error(
    tmp_path: Path, found: list[zipfile.ZipInfo], failure: DecodeFailure
) -> None:
    files = wfdb_files(beats(1, 10), ["II"])
    with zipfile.ZipFile(tmp_path / "x", "w") as written:
        for info in found:
            written.writestr(info, files[Path(info.filename.replace("\\", "/")).name])
    assert failure_of(tmp_path / "x") is failure


def test_a_zip_bomb_is_read_no_further_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal file of 2 MB of zeros in 2 kB, where 1 MB is the limit."""
    monkeypatch.setattr("ml.ecg.readers.wfdb.MAX_FILE_BYTES", 1_000_000)
    data = changed(f"r1 1 500 1000000\n{LINE}", bytes(2_000_000))
    assert len(data) < 10_000
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.TOO_LARGE


def test_an_encrypted_zip_is_one_error(tmp_path: Path) -> None:
    data = bytearray(wfdb_zip(twelve()))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        data[place + at] |= 1
    assert failure_of(put(tmp_path / "x", bytes(data))) is DecodeFailure.UNSUPPORTED_VARIANT


def test_ten_thousand_files_are_not_looked_through(tmp_path: Path) -> None:
    files = {f"{number}": b"" for number in range(10_001)} | wfdb_files(beats(1, 10), ["II"])
    assert failure_of(put(tmp_path / "x", zipped(files))) is DecodeFailure.UNSAFE


def test_a_picture_is_no_signal_for_the_command_line(shared_data: Path) -> None:
    with pytest.raises(DecodeError) as caught:
        read_signal(shared_data / "ecg-formats" / "image" / "ecg00003.png")
    assert caught.value.code is DecodeFailure.NO_WAVEFORM


def test_very_many_leads_are_drawn_at_half_the_size(tmp_path: Path) -> None:
    [decoded] = decode_file(put(tmp_path / "x", wfdb_zip(beats(17, 100), ["x"] * 17)))
    assert (len(decoded.leads), decoded.pixels_per_mm) == (17, 6)
