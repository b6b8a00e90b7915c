"""DICOM waveforms (PS3.3 C.10.9): the rhythm, in millivolts, and nothing about the patient."""

import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    AmbulatoryECGWaveformStorage,
    ExplicitVRLittleEndian,
    General32bitECGWaveformStorage,
    GeneralECGWaveformStorage,
    TwelveLeadECGWaveformStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from ml.ecg.decoded import MAX_LEADS, DecodeError, DecodeFailure
from ml.ecg.leads import CODE_NUMBERS, lead_from_code, lead_from_text
from ml.ecg.readers.reading import Reading
from ml.ecg.signal import Signal

MEDIA_TYPE = "application/dicom"
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
_MILLIVOLTS = {"UV": ("uV", 1e-3), "MV": ("mV", 1.0), "V": ("V", 1e3)}
_SIZE = ("NumberOfWaveformSamples", "NumberOfWaveformChannels", "SamplingFrequency")
_IMPLAUSIBLE_MV = 1e6

Counts = npt.NDArray[np.integer[Any]]


def recognises(head: bytes) -> bool:
    """Say whether the file has DICOM's prefix behind its preamble."""
    return head[128:132] == b"DICM"


def read(path: Path) -> Reading:
    """Read the rhythm of an ECG waveform object and write it again with its waveform elements only.

    Raises
    ------
    DecodeError
        NO_WAVEFORM when it is another kind of object or holds no ECG, TOO_LARGE beyond `MAX_LEADS` channels,
        DAMAGED when the waveform cannot be read to calibrated millivolts.
    """
    dataset = pydicom.dcmread(path)
    sop_class, group = _rhythm(dataset)
    try:
        counts = _counts(group, dataset.original_encoding[1] is not False)
        channels = _channels(group)
        signal = _signal(group, counts, channels)
        original = _rewritten(sop_class, group, counts, channels)
    except (AttributeError, IndexError, TypeError, ValueError, OverflowError):
        raise DecodeError(DecodeFailure.DAMAGED) from None
    return Reading(MEDIA_TYPE, original, signal)


def read_signal(file: BinaryIO, start_s: float, stop_s: float, leads: Collection[str] = ()) -> Signal:
    """Read a stretch of a waveform that `read` has rewritten: of these leads, or of all.

    Raises
    ------
    DecodeError
        As `read` does, and DAMAGED where the stretch or the leads are not there.
    """
    dataset = pydicom.dcmread(file)
    _, group = _rhythm(dataset)
    try:
        rate = float(group.SamplingFrequency)
        counts = _counts(group, dataset.original_encoding[1] is not False)
        stretch = counts[round(max(start_s, 0) * rate) : round(stop_s * rate)]
        every = list(enumerate(_channels(group)))
        chosen = [(at, channel) for at, channel in every if not leads or channel.lead in leads]
        columns = [channel.millivolts(stretch[:, at], _padding(group, counts)) for at, channel in chosen]
        names = tuple(channel.lead for _, channel in chosen)
        return Signal(names, np.stack(columns, axis=1).astype(np.float32), rate)
    except (AttributeError, IndexError, TypeError, ValueError, OverflowError):
        raise DecodeError(DecodeFailure.DAMAGED) from None


def _rhythm(dataset: FileDataset) -> tuple[UID, Dataset]:
    """Return what kind of object it is, and its group of samples that shows the rhythm."""
    sop_class = UID(str(dataset.get("SOPClassUID", "")))
    if sop_class not in SOP_CLASSES or not dataset.get("WaveformSequence"):
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    return sop_class, max(dataset.WaveformSequence, key=_preference)


def _preference(group: Dataset) -> tuple[bool, bool, float]:
    """Order groups: a median beat last, a rhythm first, then the one holding most lead-seconds."""
    label = str(group.get("MultiplexGroupLabel", "")).upper()
    derived = "MEDIAN" in label or group.get("WaveformOriginality") == "DERIVED"
    samples, channels, rate = (float(group.get(keyword) or 1) for keyword in _SIZE)
    return not derived, "RHYTHM" in label, samples * channels / rate


class _Channel:
    """One channel's lead and calibration; raises ValueError when it has no unit of voltage."""

    def __init__(self, item: Dataset, lead: str) -> None:
        self.lead = lead
        self.sensitivity = float(item.ChannelSensitivity)
        unit = str(item.ChannelSensitivityUnitsSequence[0].CodeValue).strip().replace("µ", "u").upper()
        if unit not in _MILLIVOLTS:
            raise ValueError("not a voltage")
        self.unit, self.unit_mv = _MILLIVOLTS[unit]
        self.correction = _number(item, "ChannelSensitivityCorrectionFactor", 1.0)
        self.baseline = _number(item, "ChannelBaseline", 0.0)
        self.bits_stored = int(item.get("WaveformBitsStored") or 0)
        if not np.isfinite([self.sensitivity, self.correction, self.baseline]).all():
            raise ValueError("not a calibration")

    def millivolts(self, counts: Counts, padding: int | None) -> npt.NDArray[np.float64]:
        """Return counts × sensitivity × correction + baseline (PS3.3 C.10.9.1.4), NaN where padded."""
        gain = self.sensitivity * self.correction
        values = (_sign_extended(counts, self.bits_stored) * gain + self.baseline) * self.unit_mv
        return values if padding is None else np.where(counts == padding, np.nan, values)


def _channels(group: Dataset) -> list[_Channel]:
    """Return the channels in order; one with no known name, or one already taken, goes by its number."""
    channels: dict[str, _Channel] = {}
    for number, item in enumerate(group.ChannelDefinitionSequence, 1):
        named = _lead(item)
        lead = named if named and named not in channels else str(number)
        channels[lead] = _Channel(item, lead)
    return list(channels.values())


def _number(item: Dataset, keyword: str, default: float) -> float:
    value = item.get(keyword)
    return default if value is None else float(value)


def _lead(item: Dataset) -> str | None:
    sources = item.get("ChannelSourceSequence") or [Dataset()]
    texts = [str(sources[0].get("CodeMeaning", "")), str(item.get("ChannelLabel", ""))]
    code = lead_from_code(str(sources[0].get("CodeValue", "")))
    return code or next(filter(None, map(lead_from_text, texts)), None)


def _counts(group: Dataset, little_endian: bool) -> Counts:  # noqa: FBT001 - the encoding's own flag
    """Return the stored integers, shape (n_samples, n_channels), in native order."""
    samples, channels = int(group.NumberOfWaveformSamples), int(group.NumberOfWaveformChannels)
    if channels > MAX_LEADS:
        raise DecodeError(DecodeFailure.TOO_LARGE)
    kind = _SAMPLE_TYPES.get((int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation)))
    if kind is None or samples < 2 or channels < 1:
        raise ValueError("no samples")
    stored = np.dtype(kind).newbyteorder("<" if little_endian else ">")
    counts = np.frombuffer(group.WaveformData, stored, samples * channels)
    return counts.astype(kind).reshape(samples, channels)


def _sign_extended(counts: Counts, bits: int) -> npt.NDArray[np.float64]:
    """Read signed samples of fewer bits than their storage when the writer left the high bits at zero."""
    values = counts.astype(np.float64)
    zero_filled = np.issubdtype(counts.dtype, np.signedinteger) and 0 < bits < counts.itemsize * 8
    if zero_filled and values.min() >= 0 and 2 ** (bits - 1) <= values.max() < 2**bits:
        values[values >= 2 ** (bits - 1)] -= 2**bits
    return values


def _padding(group: Dataset, counts: Counts) -> int | None:
    value = group.get("WaveformPaddingValue")
    if not isinstance(value, bytes) or len(value) < counts.itemsize:
        return None
    return int(np.frombuffer(value, counts.dtype, 1)[0])


def _signal(group: Dataset, counts: Counts, channels: Sequence[_Channel]) -> Signal:
    if len(channels) != counts.shape[1]:
        raise ValueError("a channel is not defined")
    padding = _padding(group, counts)
    columns = [channel.millivolts(counts[:, index], padding) for index, channel in enumerate(channels)]
    millivolts = np.stack(columns, axis=1)
    recorded = millivolts[~np.isnan(millivolts)]
    if not recorded.size or np.abs(recorded).max() > _IMPLAUSIBLE_MV:
        raise ValueError("not the voltage of a heart")
    return Signal(
        tuple(channel.lead for channel in channels),
        millivolts.astype(np.float32),
        float(group.SamplingFrequency),
    )


def _rewritten(sop_class: UID, group: Dataset, counts: Counts, channels: Sequence[_Channel]) -> bytes:
    """Write a fresh object with the elements `read` needs; its identifier is a digest of its samples."""
    data = counts.astype(counts.dtype.newbyteorder("<")).tobytes()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[data.hex()])
    dataset = FileDataset(io.BytesIO(), {}, preamble=b"\0" * 128, file_meta=meta)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality = "ECG"
    dataset.WaveformSequence = [_group(group, data, counts, channels)]
    output = io.BytesIO()
    dataset.save_as(output, enforce_file_format=True)
    return output.getvalue()


def _group(group: Dataset, data: bytes, counts: Counts, channels: Sequence[_Channel]) -> Dataset:
    item = Dataset()
    item.WaveformOriginality = "ORIGINAL"
    item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = counts.shape
    item.SamplingFrequency = format_number_as_ds(float(group.SamplingFrequency))
    item.MultiplexGroupLabel = "RHYTHM"
    item.ChannelDefinitionSequence = [_definition(channel) for channel in channels]
    item.WaveformBitsAllocated = counts.itemsize * 8
    item.WaveformSampleInterpretation = str(group.WaveformSampleInterpretation)
    storage = "OB" if counts.itemsize == 1 else "OW"
    padding = _padding(group, counts)
    if padding is not None:
        value = np.array([padding], counts.dtype).tobytes()
        item.add_new("WaveformPaddingValue", storage, value + b"\0" * (len(value) % 2))
    item.add_new("WaveformData", storage, data + b"\0" * (len(data) % 2))
    return item


def _definition(channel: _Channel) -> Dataset:
    item = Dataset()
    number = CODE_NUMBERS.get(channel.lead)
    code = f"5.6.3-9-{number}" if number else "5.6.3-9-0"
    item.ChannelSourceSequence = [_code(code, "SCPECG", f"Lead {channel.lead}")]
    item.ChannelSensitivity = format_number_as_ds(channel.sensitivity)
    item.ChannelSensitivityUnitsSequence = [_code(channel.unit, "UCUM", channel.unit)]
    item.ChannelSensitivityCorrectionFactor = format_number_as_ds(channel.correction)
    item.ChannelBaseline = format_number_as_ds(channel.baseline)
    item.WaveformBitsStored = channel.bits_stored
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
