import struct
from pathlib import Path

import numpy as np
import pytest
import wfdb
from ecgdatakit.parsing.parser import FileParser

from ml.ecg.decoded import DecodeFailure
from ml.ecg.readers.scp import _default_table
from ml.ecg.signal import STANDARD_LEADS
from tests.ml.ecg.reading import failure_of, put, signal_of
from tests.ml.ecg.samples import EIGHT, STEP_UV, Counts, beats, scp, sealed, twelve


def ludb(shared_data: Path, record: str, samples: int = 5000) -> Counts:
    """Return a record of LUDB in whole steps of 5 µV, of which SCP-ECG can hold any."""
    published = wfdb.rdrecord(str(shared_data / "12-lead" / "ludb" / "data" / record))
    counts: Counts = np.rint(published.p_signal[:samples] * 1000 / STEP_UV).astype(np.int16)
    return counts


@pytest.mark.parametrize("coding", ["words", "default", "two tables"])
@pytest.mark.parametrize("difference", [0, 1, 2])
def test_every_coding_of_a_published_record_reads_as_it_was_written(
    shared_data: Path, tmp_path: Path, coding: str, difference: int
) -> None:
    counts = ludb(shared_data, "1", 1000)
    signal = signal_of(put(tmp_path / "x", scp(counts, coding=coding, difference=difference)))
    assert (signal.leads, signal.sampling_rate_hz) == (STANDARD_LEADS, 500)
    np.testing.assert_allclose(signal.samples_mv, counts * 0.005, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("beats_at", [(), (300, 900, 1500)])
def test_a_record_reads_as_ecgdatakit_reads_it(
    shared_data: Path, tmp_path: Path, beats_at: tuple[int, ...]
) -> None:
    counts = ludb(shared_data, "77")
    path = put(tmp_path / "x.scp", scp(counts, beats_at=beats_at))
    signal = signal_of(path)
    np.testing.assert_allclose(signal.samples_mv, counts * 0.005, rtol=1e-6, atol=1e-9)
    leads = {lead.label: lead.to_physical() for lead in FileParser().parse(path).leads}
    assert list(leads) == list(signal.leads)
    for name, lead in leads.items():
        per_mv = {"mV": 1, "uV": 1000}[lead.units]
        np.testing.assert_allclose(signal.lead(name), lead.samples / per_mv, atol=1e-6)


def test_eight_leads_of_a_twelve_lead_machine_become_twelve(tmp_path: Path) -> None:
    counts = beats(8)
    signal = signal_of(put(tmp_path / "x", scp(counts, EIGHT)))
    assert signal.leads == STANDARD_LEADS
    np.testing.assert_allclose(signal.lead("aVF"), (counts[:, 1] - counts[:, 0] / 2) * 0.005, atol=1e-6)
    np.testing.assert_allclose(signal.lead("V1"), counts[:, 2] * 0.005, rtol=1e-6)


def test_the_default_table_is_the_standards() -> None:
    """Annex C: 0; 100 and 101; 1100 and 1101; …; 1111111100 and 1111111101; two escapes of ten bits."""
    codes = _default_table().codes
    for text, value in {"0": 0, "100": 1, "101": -1, "1100": 2, "111111100": 7, "1111111101": -8}.items():
        code = codes[int(text.ljust(16, "0"), 2)]
        assert code is not None
        assert (code.prefix, code.total, code.value) == (len(text), len(text), value)
    escapes = [codes[0b1111111110000000], codes[0b1111111111000000]]
    assert [(code.prefix, code.total) for code in escapes if code] == [(10, 18), (10, 26)]


def changed(number: int, at: int, layout: str, value: int) -> bytes:
    """Return a record with one number of a section changed, and checksums that fit."""
    data = bytearray(scp(twelve()))
    (start,) = struct.unpack_from("<I", data, 22 + 10 * number + 6)
    struct.pack_into(layout, data, start - 1 + 16 + at, value)
    return sealed(bytes(data))


@pytest.mark.parametrize(
    "lie,failure",
    [
        ((3, 0, "<B", 255), DecodeFailure.TOO_LARGE),
        ((3, 0, "<B", 0), DecodeFailure.DAMAGED),
        ((3, 6, "<I", 4_000_000_000), DecodeFailure.TOO_LONG),
        ((3, 6, "<I", 0), DecodeFailure.DAMAGED),
        ((3, 1, "<B", 5), DecodeFailure.DAMAGED),
        ((6, 0, "<H", 0), DecodeFailure.DAMAGED),
        ((6, 2, "<H", 0), DecodeFailure.DAMAGED),
        ((6, 4, "<B", 3), DecodeFailure.DAMAGED),
        ((6, 5, "<B", 1), DecodeFailure.UNSUPPORTED_VARIANT),
        ((6, 6, "<H", 65535), DecodeFailure.DAMAGED),
        ((2, 0, "<H", 60000), DecodeFailure.DAMAGED),
    ],
)
def test_a_section_that_lies_is_one_error(
    tmp_path: Path, lie: tuple[int, int, str, int], failure: DecodeFailure
) -> None:
    assert failure_of(put(tmp_path / "x", changed(*lie))) is failure


def test_a_changed_sample_is_told_by_the_checksum(tmp_path: Path) -> None:
    data = bytearray(scp(twelve()))
    data[-400] ^= 1
    assert failure_of(put(tmp_path / "x", bytes(data))) is DecodeFailure.DAMAGED


def test_a_changed_patient_matters_to_nobody(tmp_path: Path) -> None:
    """Who blanks section 1 by hand leaves its checksum, and the record's, wrong."""
    data = scp(twelve(), planted="DUPONT").replace(b"DUPONT", b"______")
    assert signal_of(put(tmp_path / "x", data)).leads == STANDARD_LEADS


def test_leads_of_different_times_lie_where_they_were_recorded(tmp_path: Path) -> None:
    data = changed(3, 2, "<I", 3)
    signal = signal_of(put(tmp_path / "x", data))
    assert np.isnan(signal.lead("I")[:2]).all()
    assert not np.isnan(signal.lead("II")).any()
    assert signal.samples_mv.shape == (1000, 12)


def test_more_coded_samples_than_can_be_decoded_in_time_are_too_long(tmp_path: Path) -> None:
    """Twelve leads of half a million samples; as words they would be read."""
    assert failure_of(put(tmp_path / "x", changed(3, 6, "<I", 5_000_000))) is DecodeFailure.TOO_LONG
