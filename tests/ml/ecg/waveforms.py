"""Builds DICOM waveform objects sample by sample, with a patient in every corner."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, GeneralECGWaveformStorage

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files" / "waveform_ecg.dcm"


def channel(meaning: str = "Lead II", **elements: Any) -> Dataset:
    """Return a channel of 1 µV a count unless told otherwise."""
    item, source, unit = Dataset(), Dataset(), Dataset()
    source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = "0", "99TEST", meaning
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = elements.pop("unit", "uV"), "UCUM", "x"
    item.ChannelSourceSequence = [source]
    item.ChannelSensitivityUnitsSequence = [unit]
    item.ChannelSensitivity = 1
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def group(counts: npt.NDArray[Any], channels: list[Dataset], **elements: Any) -> Dataset:
    """Return a multiplex group of counts, shape (n_samples, n_channels)."""
    item = Dataset()
    item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = counts.shape
    item.SamplingFrequency = 500
    item.WaveformBitsAllocated = counts.itemsize * 8
    item.WaveformSampleInterpretation = {"i1": "SB", "i2": "SS", "u2": "US", "i4": "SL"}[counts.dtype.str[1:]]
    item.ChannelDefinitionSequence = channels
    item.add_new("WaveformData", "OB" if counts.itemsize == 1 else "OW", counts.tobytes())
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def write(path: Path, groups: list[Dataset], **elements: Any) -> Path:
    """Write groups as an ECG object."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = elements.pop("transfer_syntax", ExplicitVRLittleEndian)
    dataset.SOPClassUID = GeneralECGWaveformStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.WaveformSequence = groups
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    output = io.BytesIO()
    little = dataset.file_meta.TransferSyntaxUID.is_little_endian
    pydicom.dcmwrite(output, dataset, enforce_file_format=True, little_endian=None if little else False)
    path.write_bytes(output.getvalue())
    return path


def ramp(samples: int = 500, channels: int = 1, dtype: str = "<i2") -> npt.NDArray[Any]:
    """Return counts 0, 1, 2 …, distinct in every cell."""
    return np.arange(samples * channels).reshape(samples, channels).astype(dtype)
