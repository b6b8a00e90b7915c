"""GE MUSE's XML (`RestingECG`): the rhythm's leads, and those that follow from them."""

import zlib
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_text
from ml.ecg.readers.channels import StoredLead, assemble, check_size, unit_mv, with_frontal
from ml.ecg.readers.xml import bytes_of, parse, root_name, text_of
from ml.ecg.signal import Signal


def recognises(head: bytes) -> bool:
    """Say whether the document is a resting ECG of MUSE's."""
    return root_name(head) == "RestingECG"


def read(path: Path) -> Signal:
    """Read the rhythm, not the median beat, with the frontal leads MUSE leaves out.

    Raises
    ------
    DecodeError
        NO_WAVEFORM without a rhythm, UNSUPPORTED_VARIANT for samples of other than 16 bits.
    """
    waveforms = parse(path).iter("Waveform")
    rhythm = next((found for found in waveforms if text_of(found, "WaveformType").upper() == "RHYTHM"), None)
    if rhythm is None:
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    leads = [_lead(element) for element in rhythm.findall("LeadData")]
    check_size(max(len(lead.counts) for lead in leads), len(leads))
    rate = float(text_of(rhythm, "SampleBase")) * 10.0 ** int(_optional(rhythm, "SampleExponent", "0"))
    return assemble([lead.channel() for lead in with_frontal(leads)], rate)


def _lead(element: Element) -> StoredLead:
    """Return one lead's samples, held against the checksum that was written with them."""
    if _optional(element, "LeadSampleSize", "2") != "2":
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    data = bytes_of(text_of(element, "WaveFormData"))
    published = _optional(element, "LeadDataCRC32", "")
    if published and int(published) % 2**32 != zlib.crc32(data):
        raise ValueError("the samples are not those that were written")
    samples = int(text_of(element, "LeadSampleCountTotal"))
    check_size(samples, 1)
    unit = unit_mv(_optional(element, "LeadAmplitudeUnits", "MICROVOLTS"))
    return StoredLead(
        lead_from_text(text_of(element, "LeadID")),
        np.frombuffer(data, "<i2", samples),
        float(text_of(element, "LeadAmplitudeUnitsPerBit")) * unit,
    )


def _optional(element: Element, name: str, default: str) -> str:
    found = next(element.iter(name), None)
    return default if found is None or not found.text else found.text.strip()
