"""DICOM waveforms (PS3.3 C.10.9): the rhythm, in millivolts, and nothing about the patient."""

from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    AmbulatoryECGWaveformStorage,
    General32bitECGWaveformStorage,
    GeneralECGWaveformStorage,
    TwelveLeadECGWaveformStorage,
)

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_code, lead_from_text, unique_leads
from ml.ecg.readers import dicom_image
from ml.ecg.readers.channels import Channel, assemble, calibrated, check_size, placed, unit_mv
from ml.ecg.readers.reading import Reading
from ml.ecg.signal import Signal

SOP_CLASSES = frozenset(
    {
        TwelveLeadECGWaveformStorage,
        GeneralECGWaveformStorage,
        General32bitECGWaveformStorage,
        AmbulatoryECGWaveformStorage,
    }
)
_SAMPLE_TYPES = {(8, "SB"): "i1", (8, "UB"): "u1", (16, "SS"): "i2", (16, "US"): "u2"} | {
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
_SIZE = ("NumberOfWaveformSamples", "NumberOfWaveformChannels", "SamplingFrequency")

Counts = npt.NDArray[np.integer[Any]]


def recognises(head: bytes) -> bool:
    """Say whether the file has DICOM's prefix behind its preamble."""
    return head[128:132] == b"DICM"


def read(path: Path) -> Signal | list[Reading]:
    """Read the rhythm of an ECG waveform object, or the pictures of another."""
    with path.open("rb") as file:
        dataset = pydicom.dcmread(file)
    if not dataset:  # pydicom gives up all elements where the last is cut short
        raise DecodeError(DecodeFailure.DAMAGED)
    if dicom_image.has_pictures(dataset):
        return dicom_image.pictures_of(dataset)
    return _rhythm(dataset)


def signal_of(source: IO[bytes]) -> Signal:
    """Read the rhythm of an ECG waveform object, leads recorded one after another included.

    Raises
    ------
    DecodeError
        NO_WAVEFORM when it is another kind of object or holds no ECG; what `check_size` raises.
    """
    return _rhythm(pydicom.dcmread(source))


def _rhythm(dataset: pydicom.FileDataset) -> Signal:
    groups, little_endian = _groups(dataset)
    chosen = [_Group(groups[0], little_endian)]
    for group in groups[1:]:
        if not _is_derived(group) and chosen[0].goes_with(group):
            found = _Group(group, little_endian)
            if not found.names & set[str | None]().union(*(other.names for other in chosen)):
                chosen.append(found)
    return _together(chosen)


def stretch_of(source: IO[bytes], start_s: float, stop_s: float, leads: Collection[str] = ()) -> Signal:
    """Read a stretch of a signal that is kept: of these leads, or of all.

    Raises
    ------
    DecodeError
        NO_WAVEFORM when it is another kind of object or holds no ECG.
    ValueError, OverflowError
        When the stretch or the leads are not there.
    """
    groups, little_endian = _groups(pydicom.dcmread(source))
    group = groups[0]
    rate, counts = float(group.SamplingFrequency), _counts(group, little_endian)
    padding = _padding(group, counts)
    wanted = slice(round(max(start_s, 0) * rate), round(stop_s * rate))
    definitions = list(group.ChannelDefinitionSequence)
    names = unique_leads(map(_lead, definitions))
    places = [place for place, name in enumerate(names) if not leads or name in leads]
    columns = [_channel(definitions[at], counts[:, at], padding).millivolts[wanted] for at in places]
    return Signal(tuple(names[at] for at in places), np.stack(columns, axis=1), rate)


def _groups(dataset: pydicom.FileDataset) -> tuple[list[Dataset], bool]:
    """Return the groups of an ECG waveform object, the rhythm first, and whether it is little-endian."""
    sop_class = UID(str(dataset.get("SOPClassUID", "")))
    if sop_class not in SOP_CLASSES or not dataset.get("WaveformSequence"):
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    groups = sorted(dataset.WaveformSequence, key=_preference, reverse=True)
    return groups, dataset.original_encoding[1] is not False


class _Group:
    """A multiplex group: leads recorded at once, from a time on."""

    def __init__(self, group: Dataset, little_endian: bool) -> None:  # noqa: FBT001 - the encoding's own flag
        self.rate_hz = float(group.SamplingFrequency)
        self.start_s = _number(group, "MultiplexGroupTimeOffset", 0.0) / 1000
        counts = _counts(group, little_endian)
        padding = _padding(group, counts)
        definitions = group.ChannelDefinitionSequence
        if len(definitions) != counts.shape[1]:
            raise ValueError("a channel is not defined")
        self.channels = [_channel(item, counts[:, index], padding) for index, item in enumerate(definitions)]
        self.names = {channel.lead for channel in self.channels}

    def goes_with(self, group: Dataset) -> bool:
        """Say whether a group may be put beside this one: of one rate, both of leads that have names."""
        named = all(map(_lead, group.get("ChannelDefinitionSequence") or []))
        return None not in self.names and named and _number(group, "SamplingFrequency", 0) == self.rate_hz


def _together(groups: list[_Group]) -> Signal:
    """Put groups on one time: a cart that records three leads at once writes four of them, one by one."""
    rate = groups[0].rate_hz
    if len(groups) == 1:
        return assemble(groups[0].channels, rate)
    first = min(group.start_s for group in groups)
    starts = [round((group.start_s - first) * rate) for group in groups]
    length = max(at + len(group.channels[0].millivolts) for at, group in zip(starts, groups, strict=True))
    check_size(length, sum(len(group.channels) for group in groups))
    return assemble(
        [
            placed(channel, at, length)
            for at, group in zip(starts, groups, strict=True)
            for channel in group.channels
        ],
        rate,
    )


def _preference(group: Dataset) -> tuple[bool, bool, float]:
    """Order groups: a median beat last, a rhythm first, then the one holding most lead-seconds."""
    label = str(group.get("MultiplexGroupLabel", "")).upper()
    samples, channels, rate = (float(group.get(keyword) or 1) for keyword in _SIZE)
    return not _is_derived(group), "RHYTHM" in label, samples * channels / rate


def _is_derived(group: Dataset) -> bool:
    label = str(group.get("MultiplexGroupLabel", "")).upper()
    return "MEDIAN" in label or group.get("WaveformOriginality") == "DERIVED"


def _channel(item: Dataset, counts: Counts, padding: int | None) -> Channel:
    """Return counts × sensitivity × correction + baseline (PS3.3 C.10.9.1.4)."""
    unit = unit_mv(str(item.ChannelSensitivityUnitsSequence[0].CodeValue))
    gain = float(item.ChannelSensitivity) * _number(item, "ChannelSensitivityCorrectionFactor", 1.0)
    return calibrated(
        _lead(item),
        _sign_extended(counts, int(item.get("WaveformBitsStored") or 0)),
        gain_mv=gain * unit,
        offset_mv=_number(item, "ChannelBaseline", 0.0) * unit,
        missing=None if padding is None else counts == padding,
    )


def _number(item: Dataset, keyword: str, default: float) -> float:
    value = item.get(keyword)
    return default if value is None else float(value)


def _lead(item: Dataset) -> str | None:
    sources = item.get("ChannelSourceSequence") or [Dataset()]
    texts = [str(sources[0].get("CodeMeaning", "")), str(item.get("ChannelLabel", ""))]
    code = lead_from_code(str(sources[0].get("CodeValue", "")))
    return code or next(filter(None, map(lead_from_text, texts)), None)


def _counts(group: Dataset, little_endian: bool) -> Counts:  # noqa: FBT001 - the encoding's own flag
    """Return the stored integers, shape (n_samples, n_channels)."""
    samples, channels = int(group.NumberOfWaveformSamples), int(group.NumberOfWaveformChannels)
    check_size(samples, channels)
    kind = _SAMPLE_TYPES.get((int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation)))
    if kind is None:
        raise ValueError("no samples")
    stored = np.dtype(kind).newbyteorder("<" if little_endian else ">")
    return np.frombuffer(group.WaveformData, stored, samples * channels).reshape(samples, channels)


def _sign_extended(counts: Counts, bits: int) -> Counts:
    """Read signed samples of fewer bits than their storage when the writer left the high bits at zero."""
    zero_filled = np.issubdtype(counts.dtype, np.signedinteger) and 0 < bits < counts.itemsize * 8
    if zero_filled and counts.min() >= 0 and 2 ** (bits - 1) <= counts.max() < 2**bits:
        return np.where(counts >= 2 ** (bits - 1), counts - 2**bits, counts)
    return counts


def _padding(group: Dataset, counts: Counts) -> int | None:
    value = group.get("WaveformPaddingValue")
    if not isinstance(value, bytes) or len(value) < counts.itemsize:
        return None
    return int(np.frombuffer(value, counts.dtype, 1)[0])
