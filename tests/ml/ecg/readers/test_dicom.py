import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.readers import read_stretch
from ml.ecg.signal import STANDARD_LEADS, Signal
from tests.ml.ecg.reading import failure_of, only_page, signal_of
from tests.ml.ecg.waveforms import SHIPPED, channel, group, ramp, write


def test_the_shipped_ecg_reads_as_pydicom_reads_it() -> None:
    signal = signal_of(SHIPPED)
    microvolts = pydicom.dcmread(SHIPPED).waveform_array(0)
    assert signal.leads == STANDARD_LEADS
    assert (signal.sampling_rate_hz, signal.duration_s) == (1000, 10)
    np.testing.assert_allclose(signal.samples_mv, microvolts / 1000, atol=1e-6)


def test_the_shipped_ecg_reads_as_its_bytes_say() -> None:
    """12 channels of little-endian 16-bit counts of 1.25 µV: the 5,000th sample of V1, by hand."""
    data = pydicom.dcmread(SHIPPED).WaveformSequence[0].WaveformData
    (count,) = struct.unpack_from("<h", data, (5000 * 12 + 6) * 2)
    assert signal_of(SHIPPED).lead("V1")[5000] == pytest.approx(count * 1.25 / 1000)


def test_einthoven_and_goldberger_hold_between_the_leads_as_read() -> None:
    """II = I + III and aVR = -(I + II) / 2, to the rounding of the recorder (a few counts of 1.25 µV)."""
    signal = signal_of(SHIPPED)
    one, two, three, right = (signal.lead(name) for name in ("I", "II", "III", "aVR"))
    np.testing.assert_allclose(two, one + three, atol=0.006)
    np.testing.assert_allclose(right, -(one + two) / 2, atol=0.006)


def test_the_shared_ecg_is_twelve_leads_of_ten_seconds(shared_data: Path) -> None:
    signal = signal_of(shared_data / "ecg-formats" / "dicom" / "pydicom_waveform_ecg.dcm")
    assert signal.samples_mv.shape == (10_000, 12)


@pytest.mark.parametrize(
    "elements,count,expected_mv",
    [
        ({}, 200, 0.2),
        ({"ChannelSensitivity": "2.5"}, 200, 0.5),
        ({"ChannelSensitivity": "2.5", "ChannelSensitivityCorrectionFactor": "2"}, 200, 1.0),
        ({"ChannelSensitivity": "2.5", "ChannelBaseline": "-100"}, 200, 0.4),
        ({"ChannelSensitivity": "0.005", "unit": "mV"}, -200, -1.0),
        ({"ChannelSensitivity": "0.000005", "unit": "V"}, -200, -1.0),
    ],
)
def test_counts_become_millivolts(
    tmp_path: Path, elements: dict[str, Any], count: int, expected_mv: float
) -> None:
    path = write(tmp_path / "x", [group(np.full((500, 1), count, "<i2"), [channel(**elements)])])
    assert signal_of(path).samples_mv[0, 0] == pytest.approx(expected_mv)


@pytest.mark.parametrize("dtype", ["|i1", "<i2", "<u2", "<i4"])
def test_every_sample_width_is_read(tmp_path: Path, dtype: str) -> None:
    counts = ramp(100, dtype=dtype)
    signal = signal_of(write(tmp_path / "x", [group(counts, [channel()])]))
    np.testing.assert_allclose(signal.samples_mv[:, 0], np.arange(100) / 1000, atol=1e-7)


@pytest.mark.parametrize("stored", [[-2048, -1, 0, 2047], [2048, 4095, 0, 2047]])
def test_twelve_bits_in_sixteen_keep_their_sign_however_they_were_padded(
    tmp_path: Path, stored: list[int]
) -> None:
    """Two's complement in 12 bits: 0x800 is -2048 and 0xFFF is -1, whether the high nibble is F or 0."""
    counts = np.array(stored, "<i2")[:, None]
    path = write(tmp_path / "x", [group(counts, [channel(WaveformBitsStored=12)])])
    np.testing.assert_allclose(signal_of(path).samples_mv[:, 0], [-2.048, -0.001, 0, 2.047], atol=1e-6)


def test_sixteen_bit_samples_are_not_folded_when_twelve_bits_are_wrongly_declared(tmp_path: Path) -> None:
    counts = np.array([5000, 3000, 0], "<i2")[:, None]
    path = write(tmp_path / "x", [group(counts, [channel(WaveformBitsStored=12)])])
    np.testing.assert_allclose(signal_of(path).samples_mv[:, 0], [5, 3, 0])


def test_padding_is_no_voltage_and_stays_so_when_read_again(tmp_path: Path) -> None:
    counts = np.array([1, -32768, 3], "<i2")[:, None]
    padded = group(counts, [channel()])
    padded.add_new("WaveformPaddingValue", "OW", struct.pack("<h", -32768))
    reading = only_page(write(tmp_path / "x", [padded]))
    (tmp_path / "again").write_bytes(reading.original)
    for signal in (reading.content, signal_of(tmp_path / "again")):
        assert isinstance(signal, Signal)
        np.testing.assert_allclose(signal.samples_mv[:, 0], [0.001, np.nan, 0.003])


@pytest.mark.parametrize("transfer_syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_transfer_syntaxes_are_read(tmp_path: Path, transfer_syntax: str) -> None:
    counts = ramp(100)
    stored = counts.astype(">i2") if transfer_syntax == ExplicitVRBigEndian else counts
    path = write(tmp_path / "x", [group(stored, [channel()])], transfer_syntax=transfer_syntax)
    np.testing.assert_allclose(signal_of(path).samples_mv[:, 0], np.arange(100) / 1000, atol=1e-7)


def test_the_rhythm_is_taken_and_not_the_median_beat(tmp_path: Path) -> None:
    beat = group(ramp(4000, dtype="<i4"), [channel()], MultiplexGroupLabel="MEDIAN BEAT")
    rhythm = group(ramp(1000), [channel()], MultiplexGroupLabel="RHYTHM")
    assert len(signal_of(write(tmp_path / "x", [beat, rhythm])).samples_mv) == 1000


def test_of_unnamed_groups_the_original_and_then_the_longest_is_taken(tmp_path: Path) -> None:
    derived = group(ramp(4000), [channel()], WaveformOriginality="DERIVED")
    short, long = group(ramp(500), [channel()]), group(ramp(700), [channel()])
    assert len(signal_of(write(tmp_path / "x", [derived, short, long])).samples_mv) == 700


def sequential(lead: str, offset_ms: int, value: int, **elements: Any) -> Dataset:
    counts = np.full((100, 1), value, "<i2")
    return group(counts, [channel(lead)], MultiplexGroupTimeOffset=offset_ms, **elements)


def test_leads_recorded_one_after_another_lie_where_they_were_recorded(tmp_path: Path) -> None:
    """Two groups of 0.2 s, 0.2 s apart, and a strip of lead II over both of them."""
    strip = group(np.full((200, 1), 3, "<i2"), [channel("Lead II")], MultiplexGroupLabel="RHYTHM")
    path = write(tmp_path / "x", [sequential("Lead V1", 0, 1), sequential("Lead V2", 200, 2), strip])
    signal = signal_of(path)
    assert signal.leads == ("II", "V1", "V2")
    assert not np.isnan(signal.lead("II")).any()
    np.testing.assert_allclose(signal.lead("V1"), [0.001] * 100 + [np.nan] * 100)
    np.testing.assert_allclose(signal.lead("V2"), [np.nan] * 100 + [0.002] * 100)
    (tmp_path / "kept").write_bytes(only_page(path).original)
    np.testing.assert_array_equal(signal_of(tmp_path / "kept").samples_mv, signal.samples_mv)


@pytest.mark.parametrize(
    "other",
    [
        sequential("Lead II", 200, 2),
        sequential("DUPONT", 200, 2),
        sequential("Lead V2", 200, 2, SamplingFrequency=250),
        sequential("Lead V2", 200, 2, WaveformOriginality="DERIVED"),
    ],
    ids=["the same lead", "no lead", "another rate", "derived"],
)
def test_groups_that_do_not_go_together_are_left_out(tmp_path: Path, other: Dataset) -> None:
    strip = group(np.full((200, 1), 3, "<i2"), [channel("Lead II")], MultiplexGroupLabel="RHYTHM")
    assert signal_of(write(tmp_path / "x", [other, strip])).leads == ("II",)


def test_groups_far_apart_are_too_long(tmp_path: Path) -> None:
    path = write(tmp_path / "x", [sequential("Lead V1", 0, 1), sequential("Lead V2", 4_000_000_000, 2)])
    assert failure_of(path) is DecodeFailure.TOO_LONG


@pytest.mark.parametrize(
    "meaning,lead",
    [
        ("Lead I (Einthoven)", "I"),
        ("LEAD AVR", "aVR"),
        ("avl", "aVL"),
        ("MDC_ECG_LEAD_V3", "V3"),
        ("ECG Lead V4R", "V4R"),
        ("DUPONT JEANNE", "1"),
    ],
)
def test_lead_names_take_one_spelling_and_unknown_ones_a_number(
    tmp_path: Path, meaning: str, lead: str
) -> None:
    assert signal_of(write(tmp_path / "x", [group(ramp(), [channel(meaning)])])).leads == (lead,)


@pytest.mark.parametrize("code,lead", [("5.6.3-9-61", "III"), ("2:64", "aVF"), ("2:3", "V1")])
def test_a_lead_is_known_by_its_code_whatever_its_text(tmp_path: Path, code: str, lead: str) -> None:
    item = channel("Ableitung")
    item.ChannelSourceSequence[0].CodeValue = code
    assert signal_of(write(tmp_path / "x", [group(ramp(), [item])])).leads == (lead,)


def test_a_lead_named_twice_keeps_both_channels(tmp_path: Path) -> None:
    path = write(tmp_path / "x", [group(ramp(10, 3), [channel("V1"), channel("V1"), channel("V2")])])
    signal = signal_of(path)
    assert signal.leads == ("V1", "2", "V2")
    np.testing.assert_allclose(signal.samples_mv[0], [0, 0.001, 0.002])


def test_another_kind_of_object_has_no_waveform(tmp_path: Path) -> None:
    assert failure_of(write(tmp_path / "x", [group(ramp(), [channel()])], SOPClassUID=CTImageStorage)) is (
        DecodeFailure.NO_WAVEFORM
    )
    assert failure_of(write(tmp_path / "y", [])) is DecodeFailure.NO_WAVEFORM


def without(item: Dataset, keyword: str) -> Dataset:
    delattr(item, keyword)
    return item


@pytest.mark.parametrize(
    "broken",
    [
        group(ramp(), [without(channel(), "ChannelSensitivity")]),
        group(ramp(), [without(channel(), "ChannelSensitivityUnitsSequence")]),
        group(ramp(), [channel(unit="mm[Hg]")]),
        group(ramp(), [channel(ChannelSensitivity="1e30")]),
        group(ramp(), [channel(), channel()]),
        group(ramp(), [channel()], NumberOfWaveformSamples=501),
        group(ramp(), [channel()], SamplingFrequency=0),
        group(ramp(), [channel()], WaveformSampleInterpretation="MB"),
        without(group(ramp(), [channel()]), "WaveformData"),
    ],
    ids=["sensitivity", "unit", "pressure", "huge", "channels", "short", "rate", "mu-law", "data"],
)
def test_a_waveform_without_calibrated_voltages_is_damaged(tmp_path: Path, broken: Dataset) -> None:
    assert failure_of(write(tmp_path / "x", [broken])) is DecodeFailure.DAMAGED


def test_too_many_channels_are_too_large(tmp_path: Path) -> None:
    path = write(tmp_path / "x", [group(ramp(10, 33), [channel() for _ in range(33)])])
    assert failure_of(path) is DecodeFailure.TOO_LARGE


def texts_of(dataset: Dataset) -> set[bytes]:
    """Return every text, date, name and identifier a dataset holds, with its private and nested ones."""
    found: set[bytes] = set()
    for element in dataset.iterall():
        if element.VR != "SQ" and element.keyword not in {"SOPClassUID", "WaveformSampleInterpretation"}:
            values: list[Any] = element.value if element.VM > 1 else [element.value]
            for value in values:
                found.add(value if isinstance(value, bytes) else str(value).encode())
    return {text for text in found if len(text) >= 4 and text.strip(b"\0")}


def test_nothing_identifying_of_the_shipped_ecg_is_kept() -> None:
    original = only_page(SHIPPED).original
    dataset = pydicom.dcmread(SHIPPED)
    identity = dataset.copy()
    del identity.WaveformSequence
    lead_codes = {b"SCPECG", b"ECG", b"UCUM"}
    leaked = {text for text in texts_of(identity) - lead_codes if text in original}
    assert b"Anonymous" in texts_of(identity)
    assert leaked == set()


def test_a_patient_hidden_in_every_corner_is_not_kept(tmp_path: Path) -> None:
    secret = "DUPONT"
    definition = channel(secret, ChannelLabel=secret)
    definition.ChannelSourceSequence[0].CodeValue = secret
    counts = ramp()
    item = group(counts, [definition], MultiplexGroupLabel=secret)
    item["WaveformData"].value = counts.tobytes() + secret.encode()
    item.private_block(0x1455, secret, create=True).add_new(1, "LO", secret)
    other = group(ramp(10), [channel()])
    path = write(
        tmp_path / "x", [item, other], PatientName=secret, InstitutionName=secret, PatientComments=secret
    )
    stored = bytearray(path.read_bytes())
    stored[:6] = secret.encode()
    path.write_bytes(stored)
    reading = only_page(path)
    assert path.read_bytes().count(secret.encode()) >= 9
    assert secret.encode() not in reading.original
    assert isinstance(reading.content, Signal)
    assert reading.content.leads == ("1",)


def test_only_elements_on_the_list_are_written() -> None:
    stored = pydicom.dcmread(io.BytesIO(only_page(SHIPPED).original))
    assert {element.keyword for element in stored} == {
        "SOPClassUID",
        "SOPInstanceUID",
        "Modality",
        "WaveformSequence",
    }


def test_what_is_kept_reads_the_same_and_keeps_the_same(tmp_path: Path) -> None:
    first = only_page(SHIPPED)
    (tmp_path / "kept").write_bytes(first.original)
    second = only_page(tmp_path / "kept")
    assert isinstance(first.content, Signal)
    assert isinstance(second.content, Signal)
    assert second.content.leads == first.content.leads
    np.testing.assert_array_equal(second.content.samples_mv, first.content.samples_mv)
    assert second.original == first.original


def rewritten() -> io.BytesIO:
    """Return the shipped ECG as it is kept."""
    return io.BytesIO(only_page(SHIPPED).original)


def test_a_stretch_of_some_leads_is_what_the_whole_has_there() -> None:
    whole = signal_of(SHIPPED)
    stretch = read_stretch(rewritten(), 2.0, 3.5, ["V1", "II"])
    assert (stretch.leads, stretch.sampling_rate_hz, stretch.duration_s) == (("II", "V1"), 1000, 1.5)
    np.testing.assert_array_equal(stretch.lead("V1"), whole.lead("V1")[2000:3500])
    everything = read_stretch(rewritten(), 0, 1e9)
    assert everything.leads == STANDARD_LEADS
    np.testing.assert_array_equal(everything.samples_mv, whole.samples_mv)


@pytest.mark.parametrize("start_s, stop_s, leads", [(60, 70, []), (3, 2, []), (0, 5, ["V9"]), (1e300, 2, [])])
def test_a_stretch_that_is_not_there_is_damaged(start_s: float, stop_s: float, leads: list[str]) -> None:
    with pytest.raises(DecodeError) as caught:
        read_stretch(rewritten(), start_s, stop_s, leads)
    assert caught.value.code is DecodeFailure.DAMAGED
