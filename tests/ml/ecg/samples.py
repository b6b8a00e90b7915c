"""Writes an ECG in every format of signals, and a text that must not be kept wherever there is room for one.

The encoders are the tests' own, after the formats' definitions, and share nothing with the readers.
"""

import base64
import binascii
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyedflib

from ml.ecg.signal import STANDARD_LEADS

EIGHT = ("I", "II", *STANDARD_LEADS[6:])
RATE_HZ = 500
STEP_UV = 5
SCP_CODES = dict(zip(EIGHT, range(1, 9), strict=True)) | {"III": 61, "aVR": 62, "aVL": 63, "aVF": 64}

Counts = npt.NDArray[np.signedinteger]


def beats(leads: int = 12, samples: int = 1000) -> Counts:
    """Return counts of something like an ECG, different in each lead, shape (n_samples, n_leads)."""
    seconds = np.arange(samples) / RATE_HZ
    phase = seconds % 0.8
    beat = 200 * np.exp(-(((phase - 0.3) / 0.012) ** 2)) + 50 * np.exp(-(((phase - 0.55) / 0.05) ** 2))
    wander = 15 * np.sin(2 * np.pi * 0.3 * seconds)
    sizes = np.linspace(-0.7, 1.5, leads)
    return np.rint(np.outer(beat, sizes) + wander[:, None] * sizes[::-1]).astype(np.int16)


def twelve(samples: int = 1000) -> Counts:
    """Return counts of twelve leads, of which the frontal ones fit each other."""
    counts = beats(12, samples).astype(np.int32)
    one, two = counts[:, 0], counts[:, 1]
    counts[:, 2:6] = np.stack(
        [two - one, -(one + two) // 2, (2 * one - two) // 2, (2 * two - one) // 2], axis=1
    )
    return counts.astype(np.int16)


def muse(counts: Counts, leads: Sequence[str] = EIGHT, planted: str = "X", rate: int = RATE_HZ) -> bytes:
    """Return GE MUSE's XML, a median beat before the rhythm."""

    def lead(name: str, values: Counts) -> str:
        data = values.astype("<i2").tobytes()
        return f"""<LeadData><LeadByteCountTotal>{len(data)}</LeadByteCountTotal>
            <LeadSampleCountTotal>{len(values)}</LeadSampleCountTotal>
            <LeadAmplitudeUnitsPerBit>{STEP_UV}</LeadAmplitudeUnitsPerBit>
            <LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>{name}</LeadID>
            <LeadSampleSize>2</LeadSampleSize><LeadDataCRC32>{zlib.crc32(data)}</LeadDataCRC32>
            <WaveFormData>{base64.encodebytes(data).decode()}</WaveFormData></LeadData>"""

    def waveform(kind: str, part: Counts) -> str:
        stored = "".join(lead(name, part[:, index]) for index, name in enumerate(leads))
        return f"""<Waveform><WaveformType>{kind}</WaveformType><SampleBase>{rate}</SampleBase>
            <SampleExponent>0</SampleExponent>{stored}</Waveform>"""

    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
        <!DOCTYPE RestingECG SYSTEM "{planted}.dtd"><!-- {planted} --><RestingECG>
        <PatientDemographics><PatientID>{planted}</PatientID><PatientLastName>{planted}</PatientLastName>
        <DateofBirth>{planted}</DateofBirth></PatientDemographics>
        <TestDemographics><SiteName>{planted}</SiteName><OverreaderLastName>{planted}</OverreaderLastName>
        <TestReason note="{planted}">{planted}</TestReason></TestDemographics>
        <Diagnosis><DiagnosisStatement><StmtText>{planted}</StmtText></DiagnosisStatement></Diagnosis>
        {waveform("Median", counts[:100])}{waveform("Rhythm", counts)}</RestingECG>""".encode("latin-1")


def aecg(counts: Counts, leads: Sequence[str] = STANDARD_LEADS, planted: str = "X") -> bytes:
    """Return HL7's annotated ECG, a derived beat behind the rhythm."""

    def sequences(part: Counts) -> str:
        stored = "".join(
            f"""<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}" displayName="{planted}"/>
            <value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/><scale value="{STEP_UV}" unit="uV"/>
            <digits>{" ".join(map(str, part[:, index]))}</digits></value></sequence></component>"""
            for index, name in enumerate(leads)
        )
        return f"""<component><sequenceSet><component><sequence><code code="TIME_ABSOLUTE"/>
            <value xsi:type="GLIST_TS"><head value="{planted}"/>
            <increment value="{1 / RATE_HZ}" unit="s"/></value></sequence></component>
            {stored}</sequenceSet></component>"""

    return f"""<!-- {planted} --><AnnotatedECG xmlns="urn:hl7-org:v3"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="{planted}" extension="{planted}"/>
        <componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>
        <subjectDemographicPerson><name>{planted}</name><birthTime value="{planted}"/>
        </subjectDemographicPerson></trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
        <component><series><id root="{planted}"/><code code="RHYTHM"/><author><seriesAuthor>
        <manufacturerOrganization><name>{planted}</name></manufacturerOrganization></seriesAuthor></author>
        {sequences(counts)}
        <subjectOf><annotationSet><component><annotation><value>{planted}</value></annotation></component>
        </annotationSet></subjectOf>
        <derivation><derivedSeries><code code="REPRESENTATIVE_BEAT"/>{sequences(counts[:100])}</derivedSeries>
        </derivation></series></component></AnnotatedECG>""".encode()


def sierra(counts: Counts, planted: str = "X", *, compressed: bool = True, version: str = "1.04") -> bytes:
    """Return Philips' XML of twelve leads, in UTF-16 as their carts write it."""
    if compressed:
        data, how = b"".join(_xli(column) for column in _residuals(counts).T), 'compression="XLI"'
    else:
        data, how = counts.T.astype("<i2").tobytes(), 'compression="Uncompressed"'
    return f"""<?xml version="1.0" encoding="utf-16"?><!-- {planted} -->
        <restingecgdata xmlns="http://www3.medical.philips.com">
        <documentinfo><documentname>{planted}</documentname><documenttype>PhilipsECG</documenttype>
        <documentversion>{version}</documentversion></documentinfo>
        <userdefines><userdefine><label>{planted}</label><value>{planted}</value></userdefine></userdefines>
        <dataacquisition><machine machineid="{planted}">{planted}</machine><signalcharacteristics>
        <samplingrate>{RATE_HZ}</samplingrate><resolution>{STEP_UV}</resolution>
        <acquisitiontype>10-WIRE</acquisitiontype><signaloffset>0</signaloffset>
        <numberchannelsallocated>12</numberchannelsallocated></signalcharacteristics></dataacquisition>
        <patient><generalpatientdata><patientid>{planted}</patientid><name><lastname>{planted}</lastname></name>
        <age><dateofbirth>{planted}</dateofbirth></age></generalpatientdata></patient>
        <interpretations><interpretation><statement><leftstatement>{planted}</leftstatement></statement>
        </interpretation></interpretations>
        <waveforms><parsedwaveforms dataencoding="Base64" {how} numberofleads="12"
        leadlabels="{" ".join(STANDARD_LEADS)}" durationperchannel="{len(counts) * 1000 // RATE_HZ}">
        {base64.encodebytes(data).decode()}</parsedwaveforms></waveforms></restingecgdata>""".encode("utf-16")


def _residuals(counts: Counts) -> Counts:
    """Replace the frontal leads by what is left of them when I and II are known."""
    left = counts.astype(np.int32)
    one, two, three, right, up, foot = left[:, :6].T.copy()
    left[:, 2] = two - one - three
    left[:, 3] = -right - (one + two) // 2
    left[:, 4] = (one - three) // 2 - up
    left[:, 5] = (two + three) // 2 - foot
    return left


def _xli(values: Counts) -> bytes:
    """Compress a lead: what each sample is beside the line through two, its bytes apart, then LZW."""
    predicted = 2 * values[1:-1] - values[:-2] - values[2:]
    stored = np.concatenate([values[:2], predicted[1:] + 64, [64]]).astype(">i2")
    apart = stored.view(np.uint8).reshape(-1, 2)
    packed = _lzw(apart[:, 0].tobytes() + apart[:, 1].tobytes())
    return struct.pack("<IHh", len(packed), 0, int(predicted[0])) + packed


def _lzw(data: bytes) -> bytes:
    """Compress to codes of ten bits, the last of which is 1023."""
    codes, known, prefix = [], {bytes([value]): value for value in range(256)}, b""
    for byte in data:
        longer = prefix + bytes([byte])
        if longer in known:
            prefix = longer
            continue
        codes.append(known[prefix])
        if len(known) < 1023:
            known[longer] = len(known)
        prefix = bytes([byte])
    return _bits(f"{code:010b}" for code in [*codes, known[prefix], 1023])


def _bits(parts: Iterable[str]) -> bytes:
    text = "".join(parts)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def wfdb_files(counts: Counts, leads: Sequence[str] = STANDARD_LEADS, planted: str = "X") -> dict[str, bytes]:
    """Return the header and the signal file of a record in format 16, and files that are none of its own."""
    header = [f"r1 {len(leads)} {RATE_HZ} {len(counts)} 12:00:00 01/01/1950"]
    for index, lead in enumerate(leads):
        total = int(counts[:, index].sum()) % 65536
        first = counts[0, index]
        header.append(f"r1.dat 16 {1000 // STEP_UV}(0)/mV 16 0 {first} {total} 0 {lead}")
    header += [f"# {planted}", f"#Dx: {planted}"]
    return {
        "r1.hea": "\n".join(header).encode("latin-1"),
        "r1.dat": counts.astype("<i2").tobytes(),
        "r1.atr": planted.encode("latin-1"),
        f"{planted}/letter.txt": planted.encode("latin-1"),
    }


def zipped(files: dict[str, bytes], comment: str = "") -> bytes:
    """Return a zip of files."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.comment = comment.encode()
    return output.getvalue()


def wfdb_zip(counts: Counts, leads: Sequence[str] = STANDARD_LEADS, planted: str = "X") -> bytes:
    """Return a WFDB record as a zip."""
    return zipped(wfdb_files(counts, leads, planted), planted)


def edf(folder: Path, counts: Counts, leads: Sequence[str] = STANDARD_LEADS, planted: str = "X") -> bytes:
    """Return EDF+ as pyedflib writes it, with annotations and a channel that is no ECG."""
    path = folder / "written.edf"
    with pyedflib.EdfWriter(str(path), len(leads) + 1) as writer:
        writer.setPatientName(planted)
        writer.setPatientCode(planted)
        writer.setTechnician(planted)
        writer.setEquipment(planted)
        common: dict[str, str | float | None] = {
            "dimension": "uV",
            "physical_max": 32767 * STEP_UV,
            "physical_min": -32768 * STEP_UV,
        }
        common |= {
            "digital_max": 32767,
            "digital_min": -32768,
            "sample_frequency": RATE_HZ,
            "transducer": planted[:80],
        }
        for index, lead in enumerate(leads):
            writer.setSignalHeader(index, {"label": f"ECG {lead}", "prefilter": planted[:80], **common})
        writer.setSignalHeader(len(leads), {"label": "EEG Fp1", "prefilter": "", **common})
        columns = [np.ascontiguousarray(counts[:, index], np.int32) for index in range(len(leads))]
        writer.writeSamples([*columns, columns[0]], digital=True)
        writer.writeAnnotation(0.5, 0.1, planted)
    return path.read_bytes()


def scp(
    counts: Counts,
    leads: Sequence[str] = STANDARD_LEADS,
    planted: str = "X",
    *,
    difference: int = 2,
    coding: str = "default",
    beats_at: Sequence[int] = (),
) -> bytes:
    """Return SCP-ECG (EN 1064).

    Parameters
    ----------
    difference : int
        0 for samples, 1 and 2 for first and second differences.
    coding : str
        ``words`` of 16 bits, the ``default`` Huffman table, or ``two tables`` that are switched between.
    beats_at : sequence of int
        Samples, counted from 1, about which a reference beat of 200 ms has been subtracted.
    """
    code = {"words": _words, "default": _default_codes, "two tables": _switched_codes}[coding]
    rest, sections = counts.astype(np.int64), {}
    head = struct.pack("<HHBB", STEP_UV * 1000, 1_000_000 // RATE_HZ, difference, 0)
    if beats_at:
        length, fiducial = RATE_HZ // 5, 40
        beat = rest[beats_at[0] - fiducial : beats_at[0] - fiducial + length]
        zones = [(0, at - fiducial + 1, at, at - fiducial + length) for at in beats_at]
        reference = beat.copy()
        for _, start, _, end in zones:
            rest[start - 1 : end] -= reference
        sections[4] = struct.pack("<HHH", 200, fiducial, len(zones)) + b"".join(
            struct.pack("<HIII", *zone) for zone in zones
        )
        sections[4] += b"".join(struct.pack("<II", start, end) for _, start, _, end in zones)
        sections[5] = head + _leads(reference, difference, code)
    sections[6] = head + _leads(rest, difference, code)
    sections[3] = struct.pack("<BB", len(leads), 4 | bool(beats_at) | len(leads) << 3 & 0xF8)
    for lead in leads:
        sections[3] += struct.pack("<IIB", 1, len(counts), SCP_CODES.get(lead, 0))
    if coding != "words":
        sections[2] = struct.pack("<H", 19999) if coding == "default" else _TWO_TABLES
    text = planted.encode("latin-1") + b"\0"
    sections[1] = b"".join(struct.pack("<BH", tag, len(text)) + text for tag in (0, 1, 2, 14, 20, 21, 30))
    sections[1] += struct.pack("<BH", 255, 0)
    sections[8] = struct.pack("<BHBBBBBBBH", 1, 1950, 1, 1, 12, 0, 0, 1, 1, len(text)) + text
    return _scp_record(sections)


def _scp_record(sections: dict[int, bytes]) -> bytes:
    numbers = range(12)
    bodies = {number: sections[number] + b"\0" * (len(sections[number]) % 2) for number in sections}
    at, pointers, stored = 6 + 16 + 120, b"", b""
    for number in numbers[1:]:
        if number not in bodies:
            pointers += struct.pack("<HII", number, 0, 0)
            continue
        section = _section(number, bodies[number])
        pointers += struct.pack("<HII", number, len(section), at + 1)
        stored += section
        at += len(section)
    first = _section(0, struct.pack("<HII", 0, 136, 7) + pointers, b"SCPECG")
    record = struct.pack("<I", 6 + len(first) + len(stored)) + first + stored
    return struct.pack("<H", binascii.crc_hqx(record, 0xFFFF)) + record


def sealed(record: bytes) -> bytes:
    """Return a changed SCP-ECG record with checksums that fit again, as far as its sections can be found."""
    data = bytearray(record)
    for entry in range(12):
        if len(data) < 142:
            break
        _, length, start = struct.unpack_from("<HII", data, 22 + 10 * entry)
        if 0 < start < len(data) - 16:
            checksum = binascii.crc_hqx(bytes(data[start + 1 : start - 1 + length]), 0xFFFF)
            struct.pack_into("<H", data, start - 1, checksum)
    return bytes(data)


def _section(number: int, body: bytes, reserved: bytes = b"\0" * 6) -> bytes:
    section = struct.pack("<HIBB", number, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(section, 0xFFFF)) + section


def _leads(counts: Counts, difference: int, code: Callable[[list[int]], bytes]) -> bytes:
    stored = []
    for column in counts.T:
        differences = np.concatenate([column[:difference], np.diff(column, difference)])
        data = code(differences.tolist())
        stored.append(data + b"\0" * (len(data) % 2))
    return struct.pack(f"<{len(stored)}H", *map(len, stored)) + b"".join(stored)


def _words(values: list[int]) -> bytes:
    return np.array(values).astype("<i2").tobytes()


_SMALL = {0: "0"} | {
    sign * size: "1" * size + "0" + ("0" if sign > 0 else "1") for size in range(1, 9) for sign in (1, -1)
}
"""Annex C of the standard: 0, then 100, 101, 1100, 1101 … for 1, -1, 2, -2 … up to 8 and -8."""


def _default_codes(values: list[int]) -> bytes:
    return _bits(
        _SMALL.get(value)
        or (
            "1111111110" + f"{value % 256:08b}" if -128 <= value < 128 else "1" * 10 + f"{value % 65536:016b}"
        )
        for value in values
    )


_TWO_TABLES = (
    struct.pack("<H", 2)
    + struct.pack("<H", 3)
    + b"".join(struct.pack("<BBBhI", *row) for row in ((1, 1, 1, 0, 0), (2, 2, 1, 7, 1), (2, 2, 0, 2, 3)))
    + struct.pack("<H", 2)
    + b"".join(struct.pack("<BBBhI", *row) for row in ((1, 17, 1, 0, 0), (1, 1, 0, 1, 1)))
)
"""Table 1: 0 is zero, 10 is seven, 11 goes to table 2; there 0 is before sixteen bits, 1 goes back."""


def _switched_codes(values: list[int]) -> bytes:
    return _bits(
        {0: "0", 7: "10"}.get(value) or "11" + "0" + f"{value % 65536:016b}" + "1" for value in values
    )
