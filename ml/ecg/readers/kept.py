"""The one form signals are kept in: a DICOM waveform object (PS3.3 C.10.9), written from a `Signal` alone."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    AmbulatoryECGWaveformStorage,
    ExplicitVRLittleEndian,
    General32bitECGWaveformStorage,
    GeneralECGWaveformStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from ml.ecg.leads import CODE_NUMBERS
from ml.ecg.signal import Signal

MEDIA_TYPE = "application/dicom"
_FINE_UV = 1e-3
"""The step where the source tells none: finer than any machine's."""

MISSING = {16: -(2**15), 32: -(2**31)}
"""What stands where nothing was recorded, by the bits of a sample."""


def write(signal: Signal, *, derived: bool = False) -> bytes:
    """Write a signal with nothing but its voltages, the same bytes for the same signal.

    Parameters
    ----------
    signal : Signal
        What to write.
    derived : bool
        Whether it was not measured but computed, from a picture of paper: the object says so.

    Notes
    -----
    Counts are those of the source where its resolution is known, in 16 bits where they fit, else in 32;
    without a resolution the step is a nanovolt. The object's identifier is a digest of the samples.
    """
    steps = signal.resolution_uv or (_FINE_UV,) * len(signal.leads)
    columns = [_column(signal.samples_mv[:, index], step) for index, step in enumerate(steps)]
    bits = 16 if all(column.reach < 2**15 - 1 for column in columns) else 32
    counts = np.empty(signal.samples_mv.shape, f"<i{bits // 8}")
    for index, column in enumerate(columns):
        counts[:, index] = np.where(column.counts == MISSING[32], MISSING[bits], column.counts)
    return _object(
        _sop_class(signal, bits), _group(signal, counts, columns, "DERIVED" if derived else "ORIGINAL")
    )


@dataclass(frozen=True, eq=False)
class _Column:
    """A lead in whole steps of `step_uv` above `baseline_uv`, none of them further than `reach` from it."""

    step_uv: float
    baseline_uv: float
    counts: npt.NDArray[np.int32]
    reach: float


def _column(millivolts: npt.NDArray[np.float32], step_uv: float) -> _Column:
    """Choose a step that loses nothing: the source's where values lie on it, else one so fine that it may."""
    absent = np.isnan(millivolts)
    if absent.all():
        return _Column(step_uv, 0.0, np.full(len(millivolts), MISSING[32], np.int32), 0.0)
    first_uv = float(millivolts[np.argmin(absent)]) * 1e3
    column = _in_steps(millivolts, absent, step_uv, _baseline_uv(first_uv, step_uv))
    if column:
        return column
    peak_uv = float(np.nanmax(np.abs(millivolts))) * 1e3
    fine = _in_steps(millivolts, absent, max(_FINE_UV, peak_uv / (2**31 - 2)), 0.0, beside=0.5)
    if fine is None:
        raise ValueError("values that no step can tell apart")
    return fine


def _in_steps(
    millivolts: npt.NDArray[np.float32],
    absent: npt.NDArray[np.bool_],
    step_uv: float,
    baseline_uv: float,
    beside: float = 0.01,
) -> _Column | None:
    """Return values in steps; None where one is more than `beside` off a whole one, or too far away."""
    exact = millivolts.astype(np.float64)
    exact *= 1e3 / step_uv
    exact -= baseline_uv / step_uv
    exact[absent] = 0
    whole = np.rint(exact)
    exact -= whole
    reach = max(float(whole.max()), -float(whole.min()))
    rounding = reach * float(np.finfo(np.float32).eps)
    if reach > 2**31 - 2 or max(float(exact.max()), -float(exact.min())) > beside + rounding:
        return None
    counts = whole.astype(np.int32)
    counts[absent] = MISSING[32]
    return _Column(step_uv, baseline_uv, counts, reach)


def _baseline_uv(value_uv: float, step_uv: float) -> float:
    """Return by how much values lie beside the multiples of the step, to a hundredth of it."""
    steps = value_uv / step_uv
    return round(steps - round(steps), 2) * step_uv


def _sop_class(signal: Signal, bits: int) -> UID:
    if bits == 32:
        return General32bitECGWaveformStorage
    usual = 200 <= signal.sampling_rate_hz <= 1000
    return GeneralECGWaveformStorage if usual else AmbulatoryECGWaveformStorage


def _object(sop_class: UID, group: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid(
        entropy_srcs=[hashlib.sha256(group.WaveformData).hexdigest()]
    )
    dataset = FileDataset(io.BytesIO(), {}, preamble=b"\0" * 128, file_meta=meta)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality = "ECG"
    dataset.WaveformSequence = [group]
    output = io.BytesIO()
    dataset.save_as(output, enforce_file_format=True)
    return output.getvalue()


def _group(
    signal: Signal, counts: npt.NDArray[np.signedinteger], columns: list[_Column], originality: str
) -> Dataset:
    item = Dataset()
    bits = counts.itemsize * 8
    item.WaveformOriginality = originality
    item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = counts.shape
    item.SamplingFrequency = format_number_as_ds(signal.sampling_rate_hz)
    item.MultiplexGroupLabel = "RHYTHM"
    item.ChannelDefinitionSequence = [
        _definition(lead, column, bits) for lead, column in zip(signal.leads, columns, strict=True)
    ]
    item.WaveformBitsAllocated = bits
    item.WaveformSampleInterpretation = "SS" if bits == 16 else "SL"
    if np.isnan(signal.samples_mv).any():
        item.add_new("WaveformPaddingValue", "OW", MISSING[bits].to_bytes(bits // 8, "little", signed=True))
    item.add_new("WaveformData", "OW", counts.tobytes())
    return item


def _definition(lead: str, column: _Column, bits: int) -> Dataset:
    item = Dataset()
    code = f"5.6.3-9-{CODE_NUMBERS.get(lead, 0)}"
    item.ChannelSourceSequence = [_code(code, "SCPECG", f"Lead {lead}")]
    item.ChannelSensitivity = format_number_as_ds(column.step_uv)
    item.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "uV")]
    item.ChannelSensitivityCorrectionFactor = "1"
    item.ChannelBaseline = format_number_as_ds(column.baseline_uv)
    item.WaveformBitsStored = bits
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
