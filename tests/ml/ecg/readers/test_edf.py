from pathlib import Path

import numpy as np
import pyedflib
import pytest
import wfdb

from ml.ecg.decoded import DecodeFailure
from ml.ecg.signal import STANDARD_LEADS
from tests.ml.ecg.reading import failure_of, put, signal_of
from tests.ml.ecg.samples import STEP_UV, edf, twelve


def test_a_published_record_written_by_pyedflib_reads_as_pyedflib_reads_it(
    shared_data: Path, tmp_path: Path
) -> None:
    published = wfdb.rdrecord(str(shared_data / "12-lead" / "ludb" / "data" / "1"))
    counts = np.rint(published.p_signal * 1000 / STEP_UV).astype(np.int16)
    path = put(tmp_path / "x.edf", edf(tmp_path, counts))
    signal = signal_of(path)
    assert (signal.leads, signal.sampling_rate_hz) == (STANDARD_LEADS, 500)
    with pyedflib.EdfReader(str(path)) as other:
        for index, lead in enumerate(signal.leads):
            np.testing.assert_allclose(signal.lead(lead), other.readSignal(index) / 1000, atol=1e-6)
    np.testing.assert_allclose(signal.samples_mv, published.p_signal, atol=STEP_UV / 2000 + 1e-6)


def test_a_physical_range_that_is_not_about_zero_is_applied(tmp_path: Path) -> None:
    """Counts 0 to 1000 are -1 to 1 mV: half of them is nothing."""
    header: dict[str, str | float | None] = {
        "dimension": "mV",
        "physical_min": -1,
        "physical_max": 1,
        "digital_min": 0,
        "digital_max": 1000,
    }
    with pyedflib.EdfWriter(str(tmp_path / "x"), 1) as writer:
        writer.setSignalHeader(
            0, {"label": "EKG II", "sample_frequency": 250, "transducer": "", "prefilter": "", **header}
        )
        writer.writeSamples([np.repeat([0, 500, 1000, 750, 250], 50).astype(np.int32)], digital=True)
    signal = signal_of(tmp_path / "x")
    assert signal.leads == ("II",)
    np.testing.assert_allclose(signal.samples_mv[::50, 0], [-1, 0, 1, 0.5, -0.5], atol=1e-6)


def test_without_an_ecg_there_is_no_waveform(tmp_path: Path) -> None:
    data = edf(tmp_path, twelve(), ["II"]).replace(b"ECG II          ", b"EOG left        ")
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.NO_WAVEFORM


def test_of_several_rates_the_one_of_most_leads_is_read(tmp_path: Path) -> None:
    header: dict[str, str | float | None] = {
        "dimension": "uV",
        "physical_min": -32768,
        "physical_max": 32767,
        "transducer": "",
        "prefilter": "",
    }
    header |= {"digital_min": -32768, "digital_max": 32767}
    with pyedflib.EdfWriter(str(tmp_path / "x"), 3) as writer:
        for index, (label, rate) in enumerate((("ECG V1", 1000), ("ECG II", 200), ("ECG V5", 200))):
            writer.setSignalHeader(index, {"label": label, "sample_frequency": rate, **header})
        writer.writeSamples([np.full(rate, rate, np.int32) for rate in (1000, 200, 200)], digital=True)
    signal = signal_of(tmp_path / "x")
    assert (signal.leads, signal.sampling_rate_hz) == (("II", "V5"), 200)


@pytest.mark.parametrize(
    "at,field,failure",
    [
        (236, b"400000000", DecodeFailure.DAMAGED),
        (244, b"0       ", DecodeFailure.DAMAGED),
        (252, b"9999", DecodeFailure.DAMAGED),
        (192, b"EDF+D", DecodeFailure.UNSUPPORTED_VARIANT),
        (192, b"EDF+X", None),
    ],
)
def test_a_header_that_lies_is_one_error(
    tmp_path: Path, at: int, field: bytes, failure: DecodeFailure | None
) -> None:
    data = bytearray(edf(tmp_path, twelve()))
    data[at : at + len(field)] = field
    path = put(tmp_path / "x", bytes(data))
    if failure is None:
        assert signal_of(path).leads == STANDARD_LEADS
    else:
        assert failure_of(path) is failure


def test_a_recording_cut_short_is_damaged(tmp_path: Path) -> None:
    data = edf(tmp_path, twelve())
    assert failure_of(put(tmp_path / "x", data[:-100])) is DecodeFailure.DAMAGED
