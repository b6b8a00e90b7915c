"""GE MUSE, Philips Sierra and HL7 aECG, held against independent readings of the same files."""

import base64
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sierraecg

from ml.ecg.decoded import DecodeFailure
from ml.ecg.readers.sierra import _expanded
from ml.ecg.readers.xml import MAX_XML_BYTES, root_name
from ml.ecg.signal import STANDARD_LEADS
from tests.ml.ecg.reading import failure_of, put, signal_of
from tests.ml.ecg.samples import EIGHT, STEP_UV, aecg, beats, muse, sierra, twelve

Written = Callable[[], bytes]
DOCUMENTS: dict[str, Written] = {
    "muse": lambda: muse(beats(8)),
    "aecg": lambda: aecg(twelve()),
    "sierra": lambda: sierra(twelve()).decode("utf-16").replace("utf-16", "utf-8", 1).encode(),
}


def test_the_shared_muse_file_reads_as_its_bytes_and_published_checksums_say(shared_data: Path) -> None:
    (path,) = (shared_data / "ecg-formats" / "muse-xml").iterdir()
    signal = signal_of(path)
    assert signal.leads == STANDARD_LEADS
    assert (signal.sampling_rate_hz, signal.duration_s) == (500, 10)
    rhythm = path.read_text().partition("<WaveformType>Rhythm")[2]
    found = re.findall(r"<LeadID>(\w+)<.*?<LeadDataCRC32>(\d+)<.*?<WaveFormData>(.*?)<", rhythm, re.DOTALL)
    assert [lead for lead, _, _ in found] == list(EIGHT)
    for lead, checksum, text in found:
        data = base64.b64decode(text)
        assert zlib.crc32(data) == int(checksum)
        np.testing.assert_allclose(
            signal.lead(lead), np.frombuffer(data, "<i2") * 4.88 / 1000, rtol=1e-6, atol=1e-7
        )


def test_muse_s_frontal_leads_follow_einthoven_and_goldberger(shared_data: Path) -> None:
    (path,) = (shared_data / "ecg-formats" / "muse-xml").iterdir()
    one, two, three, right, left, foot = (signal_of(path).lead(name) for name in STANDARD_LEADS[:6])
    np.testing.assert_allclose(three, two - one, atol=1e-6)
    np.testing.assert_allclose(right, -(one + two) / 2, atol=1e-6)
    np.testing.assert_allclose(left, (one - three) / 2, atol=1e-6)
    np.testing.assert_allclose(foot, (two + three) / 2, atol=1e-6)


def test_muse_with_leads_of_its_own_is_read_as_it_is(tmp_path: Path) -> None:
    leads = ("I", "II", "III", "aVR")
    signal = signal_of(put(tmp_path / "x", muse(beats(4), leads)))
    assert signal.leads == leads
    np.testing.assert_allclose(signal.samples_mv, beats(4) * STEP_UV / 1000, rtol=1e-6)


def test_the_shared_aecg_reads_as_its_digits_say(shared_data: Path) -> None:
    path = shared_data / "ecg-formats" / "aecg-xml" / "fda_subject1_0.xml"
    signal = signal_of(path)
    series = path.read_text().partition("<series>")[2].partition("<derivation>")[0]
    found = re.findall(
        r'"MDC_ECG_LEAD_(\w+)".*?<scale value="([\d.]+)" unit="uV".*?<digits>(.*?)<', series, re.DOTALL
    )
    assert set(signal.leads) == set(STANDARD_LEADS)
    assert (signal.sampling_rate_hz, len(found)) == (500, 12)
    for index, (lead, scale, digits) in enumerate(found):
        assert signal.leads[index].upper() == lead
        expected = np.array(digits.split(), float) * float(scale) / 1000
        np.testing.assert_allclose(signal.samples_mv[:, index], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["129DYPRG.XML", "2020-5-18_15-48-11.xml", "3191723_ZZDEMOPTONLY_1-04_orig.xml"]
)
def test_the_shared_sierra_files_read_as_the_sierraecg_package_reads_them(
    shared_data: Path, name: str
) -> None:
    """The package gives counts; the files say 5 µV each."""
    path = shared_data / "ecg-formats" / "sierra-xml" / name
    signal = signal_of(path)
    other = sierraecg.read_file(str(path))
    assert signal.leads == STANDARD_LEADS == tuple(lead.label for lead in other.leads)
    assert (signal.sampling_rate_hz, signal.duration_s) == (500, 11)
    for lead in other.leads:
        np.testing.assert_allclose(signal.lead(lead.label), lead.samples * 0.005, atol=1e-6)


@pytest.mark.parametrize("name", ["invalid-doc-type.xml", "invalid-doc-version.xml"])
def test_sierra_of_an_unknown_kind_or_version_is_refused(shared_data: Path, name: str) -> None:
    assert failure_of(shared_data / "ecg-formats" / "sierra-xml" / name) is DecodeFailure.UNSUPPORTED_VARIANT


@pytest.mark.parametrize("compressed", [True, False])
def test_sierra_is_read_with_and_without_compression(tmp_path: Path, compressed: bool) -> None:  # noqa: FBT001
    signal = signal_of(put(tmp_path / "x", sierra(twelve(), compressed=compressed)))
    np.testing.assert_allclose(signal.samples_mv, twelve() * STEP_UV / 1000, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "name,text,replacement,failure",
    [
        ("muse", "<SampleBase>500", "<SampleBase>0", DecodeFailure.DAMAGED),
        ("muse", "<SampleExponent>0", "<SampleExponent>99999", DecodeFailure.DAMAGED),
        ("muse", "SampleCountTotal>1000", "SampleCountTotal>4000000000", DecodeFailure.TOO_LONG),
        ("muse", "SampleCountTotal>1000", "SampleCountTotal>1001", DecodeFailure.DAMAGED),
        ("muse", "SampleCountTotal>1000", "SampleCountTotal>-1000", DecodeFailure.DAMAGED),
        ("muse", "UnitsPerBit>5", "UnitsPerBit>1e400", DecodeFailure.DAMAGED),
        ("muse", "MICROVOLTS", "MMHG", DecodeFailure.DAMAGED),
        ("muse", "SampleSize>2", "SampleSize>4", DecodeFailure.UNSUPPORTED_VARIANT),
        ("muse", "Rhythm", "Other", DecodeFailure.NO_WAVEFORM),
        ("aecg", 'increment value="0.002"', 'increment value="0"', DecodeFailure.DAMAGED),
        ("aecg", 'increment value="0.002"', 'increment value="-1"', DecodeFailure.DAMAGED),
        ("aecg", 'scale value="5"', 'scale value="1e400"', DecodeFailure.DAMAGED),
        ("aecg", 'unit="uV"', 'unit="mm[Hg]"', DecodeFailure.DAMAGED),
        ("aecg", "<scale", "<size", DecodeFailure.UNSUPPORTED_VARIANT),
        ("aecg", "MDC_ECG_LEAD_", "MDC_PRESS_", DecodeFailure.NO_WAVEFORM),
        ("aecg", "<digits>", "<digits>DUPONT ", DecodeFailure.DAMAGED),
        ("sierra", "samplingrate>500", "samplingrate>0", DecodeFailure.DAMAGED),
        ("sierra", 'durationperchannel="2000"', 'durationperchannel="1e30"', DecodeFailure.TOO_LONG),
        ("sierra", 'durationperchannel="2000"', 'durationperchannel="nan"', DecodeFailure.DAMAGED),
        ("sierra", "resolution>5", "resolution>0", DecodeFailure.DAMAGED),
        ("sierra", "PhilipsECG", "MortaraECG", DecodeFailure.UNSUPPORTED_VARIANT),
        ("sierra", 'compression="XLI"', 'compression="ZIP"', DecodeFailure.UNSUPPORTED_VARIANT),
        ("sierra", 'leadlabels="I II ', 'leadlabels="I I ', DecodeFailure.DAMAGED),
        ("sierra", "parsedwaveforms", "otherwaveforms", DecodeFailure.NO_WAVEFORM),
    ],
)
def test_a_document_that_lies_is_one_error(
    tmp_path: Path, name: str, text: str, replacement: str, failure: DecodeFailure
) -> None:
    data = DOCUMENTS[name]()
    assert text.encode() in data
    assert failure_of(put(tmp_path / "x", data.replace(text.encode(), replacement.encode()))) is failure


def test_muse_whose_samples_were_changed_is_damaged(tmp_path: Path) -> None:
    """One letter of Base64 in the last lead; the checksum tells."""
    data = bytearray(muse(beats(8)))
    at = data.rfind(b"AAAA")
    data[at : at + 1] = b"B"
    assert failure_of(put(tmp_path / "x", bytes(data))) is DecodeFailure.DAMAGED


def test_leads_and_elements_without_number_are_not_gathered(tmp_path: Path) -> None:
    lead = """<sequence><code code="MDC_ECG_LEAD_I"/><value><scale value="1" unit="uV"/>
        <digits>1 2</digits></value></sequence>"""
    text = "<AnnotatedECG><series><sequenceSet>{}</sequenceSet></series></AnnotatedECG>"
    assert failure_of(put(tmp_path / "x", text.format(lead * 10_000).encode())) is DecodeFailure.TOO_LARGE
    assert failure_of(put(tmp_path / "y", text.format("<a/>" * 200_000).encode())) is DecodeFailure.UNSAFE


def test_a_tag_without_end_is_not_waited_for(tmp_path: Path) -> None:
    attributes = " ".join(f'a{number}="1"' for number in range(200_000))
    data = f"<RestingECG {attributes}></RestingECG>".encode()
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.UNSAFE


def bomb(prolog: str, name: str) -> bytes:
    """Return a document with a prolog, whose entity is used where a lead's name is."""
    data = DOCUMENTS[name]().decode("latin-1")
    declaration, _, rest = data.partition("?>")
    rest = re.sub(r"<!DOCTYPE[^>]*>", "", rest) if declaration.startswith("<?xml") else data
    return (prolog + re.sub("<!--.*?-->", "", rest).replace("1.04", "&a;").replace("Median", "&a;")).encode()


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "x">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY a SYSTEM "http://192.0.2.1/x">',
        '<!ENTITY % a SYSTEM "http://192.0.2.1/x"> %a;',
        '<!ENTITY a0 "lol"><!ENTITY a1 "&a0;&a0;&a0;"><!ENTITY a "&a1;&a1;&a1;">',
    ],
)
def test_a_document_that_declares_an_entity_is_not_opened(tmp_path: Path, name: str, subset: str) -> None:
    root = root_name(DOCUMENTS[name]())
    data = bomb(f"<!DOCTYPE {root} [{subset}]>", name)
    assert root_name(data) == root
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.UNSAFE


def test_nesting_without_end_is_not_followed(tmp_path: Path) -> None:
    data = b"<RestingECG>" + b"<a>" * 1_000_000
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.UNSAFE


def test_a_very_large_document_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.write(b"<RestingECG>")
        file.truncate(MAX_XML_BYTES + 1)
    assert failure_of(tmp_path / "x") is DecodeFailure.TOO_LARGE


def test_compressed_samples_expand_no_further_than_announced() -> None:
    """Codes that each repeat the longest string yet: ten kilobytes of them would be megabytes."""
    codes = [0, *range(256, 1023), *[1022] * 8000]
    bits = "".join(f"{code:010b}" for code in codes)
    data = int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
    with pytest.raises(ValueError, match="more samples"):
        _expanded(data, 11_000)


@pytest.mark.parametrize(
    "text", [b"", b"<html><body>x", b"a letter", b"<?xml version='1.0'?><svg/>", b"\xff\xfe<\0a\0>\0"]
)
def test_other_documents_are_none_of_these(tmp_path: Path, text: bytes) -> None:
    assert failure_of(put(tmp_path / "x", text or b"<")) is DecodeFailure.UNSUPPORTED_TYPE


def test_more_compressed_samples_than_can_be_expanded_in_time_are_too_long(tmp_path: Path) -> None:
    data = DOCUMENTS["sierra"]().replace(b'durationperchannel="2000"', b'durationperchannel="600000"')
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.TOO_LONG
