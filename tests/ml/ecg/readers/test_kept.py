import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from ml.ecg.decoded import MAX_VALUES, DecodeError, DecodeFailure
from ml.ecg.readers import read_kept
from ml.ecg.readers.channels import check_size
from ml.ecg.readers.kept import write
from ml.ecg.signal import STANDARD_LEADS, Signal
from tests.ml.ecg import samples
from tests.ml.ecg.reading import only_page, put

PLANTED = "DUPONT"
FORMATS: dict[str, Callable[[Path, str], bytes]] = {
    "muse": lambda _, planted: samples.muse(samples.beats(8), planted=planted),
    "aecg": lambda _, planted: samples.aecg(samples.twelve(), planted=planted),
    "sierra": lambda _, planted: samples.sierra(samples.twelve(), planted),
    "wfdb": lambda _, planted: samples.wfdb_zip(samples.twelve(), planted=planted),
    "edf": lambda folder, planted: samples.edf(folder, samples.twelve(), planted=planted),
    "scp": lambda _, planted: samples.scp(samples.twelve(), planted=planted),
}


def signal(values: list[float], *resolution: float) -> Signal:
    return Signal(("II",), np.array(values, np.float32)[:, None], 360.0, resolution or None)


def stored(kept: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(kept))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_kept_of_any_format_reads_the_same_and_keeps_the_same(tmp_path: Path, name: str) -> None:
    first = only_page(put(tmp_path / "x", FORMATS[name](tmp_path, "X")))
    second = only_page(put(tmp_path / "kept", first.original))
    assert isinstance(first.content, Signal)
    kept = read_kept(first.original)
    np.testing.assert_array_equal(kept.samples_mv, first.content.samples_mv)
    assert kept.leads == first.content.leads == STANDARD_LEADS
    assert kept.sampling_rate_hz == first.content.sampling_rate_hz == samples.RATE_HZ
    assert second.original == first.original
    assert first.media_type == "application/dicom"


@pytest.mark.parametrize("name", FORMATS)
def test_a_patient_hidden_in_every_corner_of_any_format_is_not_kept(tmp_path: Path, name: str) -> None:
    data = FORMATS[name](tmp_path, PLANTED)
    plain = data.replace(b"\0", b"")
    assert plain.count(PLANTED.encode()) >= 3
    reading = only_page(put(tmp_path / f"{PLANTED}.x", data))
    assert PLANTED.encode() not in reading.original
    assert reading.original == only_page(put(tmp_path / "x", FORMATS[name](tmp_path, "MARTIN"))).original
    assert {element.keyword for element in stored(reading.original)} == {
        "SOPClassUID",
        "SOPInstanceUID",
        "Modality",
        "WaveformSequence",
    }


@pytest.mark.parametrize("resolution", [0.02, 1.25, 4.88, 171.99])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_the_counts_of_the_source_are_kept(resolution: float, offset: float) -> None:
    counts = np.array([-3000, -1, 0, 1, 2999])
    millivolts = ((counts + offset) * resolution / 1000).tolist()
    kept = write(signal(millivolts, resolution))
    found = np.frombuffer(stored(kept).WaveformSequence[0].WaveformData, "<i2")
    np.testing.assert_array_equal(np.diff(found), np.diff(counts))
    np.testing.assert_allclose(read_kept(kept).samples_mv[:, 0], np.float32(millivolts), rtol=1e-6, atol=1e-9)


def test_many_bits_are_kept_in_thirty_two() -> None:
    millivolts = [0.0, 20.0, -20.0]
    kept = write(signal(millivolts, 0.02))
    assert stored(kept).WaveformSequence[0].WaveformBitsAllocated == 32
    np.testing.assert_allclose(read_kept(kept).samples_mv[:, 0], millivolts)


def test_without_a_resolution_a_nanovolt_is_kept() -> None:
    millivolts = [0.1234567, -1.000001, 5.4321]
    np.testing.assert_allclose(read_kept(write(signal(millivolts))).samples_mv[:, 0], millivolts, atol=5.1e-7)


def test_a_resolution_the_values_do_not_have_loses_nothing() -> None:
    millivolts = [0.0, 0.013, 0.021]
    np.testing.assert_allclose(
        read_kept(write(signal(millivolts, 1000.0))).samples_mv[:, 0], millivolts, atol=5.1e-7
    )


def test_what_was_not_recorded_stays_so() -> None:
    millivolts = [np.nan, 0.5, np.nan, -0.5]
    for kept in (write(signal(millivolts, 5.0)), write(signal(millivolts))):
        np.testing.assert_allclose(read_kept(kept).samples_mv[:, 0], millivolts)


def test_a_lead_without_any_value_is_kept_beside_others() -> None:
    values = np.array([[np.nan, 1.0], [np.nan, 2.0]], np.float32)
    kept = read_kept(write(Signal(("I", "II"), values, 500.0, (5.0, 5.0))))
    np.testing.assert_array_equal(kept.samples_mv, values)


def test_a_rate_below_those_of_a_resting_ecg_makes_an_ambulatory_object() -> None:
    slow = Signal(("II",), np.zeros((10, 1), np.float32), 128.0, (5.0,))
    assert stored(write(slow)).SOPClassUID.name == "Ambulatory ECG Waveform Storage"


def test_half_an_hour_of_two_leads_is_kept_in_two_bytes_a_sample() -> None:
    values = np.zeros((30 * 60 * 360, 2), np.float32)
    kept = write(Signal(("MLII", "V1"), values, 360.0, (5.0, 5.0)))
    assert len(kept) < values.size * 2 + 2000
    assert read_kept(kept).leads == ("MLII", "V1")


def test_a_day_of_three_leads_fits_and_more_is_refused() -> None:
    check_size(24 * 3600 * 200, 3)
    with pytest.raises(DecodeError) as caught:
        check_size(MAX_VALUES // 12 + 1, 12)
    assert caught.value.code is DecodeFailure.TOO_LONG


def test_another_file_is_not_something_kept() -> None:
    with pytest.raises(DecodeError) as caught:
        read_kept(b"a letter")
    assert caught.value.code is DecodeFailure.DAMAGED
