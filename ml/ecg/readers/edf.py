"""EDF and EDF+ (European Data Format), read by `edfio`: the ECG among what was recorded."""

import re
import warnings
from collections import defaultdict
from pathlib import Path

import edfio

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_text
from ml.ecg.readers.channels import Channel, assemble, calibrated, check_size, unit_mv
from ml.ecg.signal import Signal

_IS_ECG = re.compile(r"(ECG|EKG)\b", re.IGNORECASE)
_VERSION = b"0       "


def recognises(head: bytes) -> bool:
    """Say whether the file has EDF's version and a number of header bytes that fits one of signals."""
    length = head[184:192].strip()
    return head.startswith(_VERSION) and length.isdigit() and int(length) % 256 == 0


def read(path: Path) -> Signal:
    """Read the ECG leads; of several sampling rates, the one that most of them have.

    Raises
    ------
    DecodeError
        NO_WAVEFORM without an ECG, UNSUPPORTED_VARIANT for a recording with pauses (EDF+D), which would be
        closed up without a trace.
    """
    with warnings.catch_warnings(action="error"):
        recording = edfio.read_edf(path, header_encoding="latin-1")
    if recording.reserved.startswith("EDF+D"):
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    leads: dict[float, list[edfio.EdfSignal]] = defaultdict(list)
    for signal in recording.signals:
        if _IS_ECG.match(signal.label) or lead_from_text(signal.label):
            leads[signal.sampling_frequency].append(signal)
    if not leads:
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    rate = max(leads, key=lambda found: (len(leads[found]), found))
    check_size(len(leads[rate][0].digital), len(leads[rate]))
    return assemble([_channel(signal) for signal in leads[rate]], rate)


def _channel(signal: edfio.EdfSignal) -> Channel:
    low, high = signal.digital_range
    bottom, top = signal.physical_range
    unit = unit_mv(signal.physical_dimension)
    gain = (top - bottom) / (high - low) * unit
    return calibrated(
        lead_from_text(signal.label), signal.digital, gain_mv=gain, offset_mv=bottom * unit - low * gain
    )
