"""Recordings as the objects an archive takes (PS3.3 A.8, A.34): from what is kept, with made-up labels alone.

What is kept has no patient, date or device in it, and nothing is added that would have: dates that the
standard asks for are one that never was.
"""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    AmbulatoryECGWaveformStorage,
    ExplicitVRLittleEndian,
    GeneralECGWaveformStorage,
    SecondaryCaptureImageStorage,
    TwelveLeadECGWaveformStorage,
)
from pydicom.valuerep import format_number_as_ds

from ml.ecg.leads import STANDARD_LEADS, lead_from_code
from ml.ecg.readers import image, kept
from ml.pacs.archives import Labels

MAKER = "Chevet"
DESCRIPTION = "ECG d'enseignement (Chevet)"
NO_DATE, NO_TIME = "19000101", "000000"
_METHOD = "Chevet: made anew from samples or pixels alone"
_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")
_CLEAN_PIXELS = ("113101", "DCM", "Clean Pixel Data Option")
_MOST_12_LEAD_CHANNELS, _MOST_12_LEAD_SAMPLES, _MOST_GENERAL_CHANNELS = 13, 16384, 24
_RATES_HZ = (200.0, 1000.0)
_FORMATS = {image.PNG: "PNG", image.JPEG: "JPEG"}


def object_of(path: Path, media_type: str, labels: Labels) -> FileDataset:
    """Return a recording as an object.

    Parameters
    ----------
    path : Path
        Where it lies as it is kept: `Decoded.original`.
    media_type : str
        Of that.
    labels : Labels
        What it goes by.
    """
    if media_type == kept.MEDIA_TYPE:
        group = _completed(pydicom.dcmread(path).WaveformSequence[0])
        made = _labelled(_sop_class(group), "ECG", labels, _PROFILE)
        made.AcquisitionDateTime = NO_DATE + NO_TIME
        made.AcquisitionContextSequence = []
        made.WaveformSequence = [_in_16_bits(group)]
        return made
    made = _labelled(SecondaryCaptureImageStorage, "OT", labels, _PROFILE, _CLEAN_PIXELS)
    _picture(made, path, media_type)
    return made


def _labelled(sop_class: UID, modality: str, labels: Labels, *profiles: tuple[str, str, str]) -> FileDataset:
    """Return an object with all that archives file it by."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = UID(labels.uid)
    made = FileDataset("", {}, preamble=b"\0" * 128, file_meta=meta)
    made.SOPClassUID, made.SOPInstanceUID = sop_class, UID(labels.uid)
    made.PatientName, made.PatientID = labels.patient.replace("-", "^"), labels.patient
    made.PatientBirthDate = made.PatientSex = None
    made.PatientIdentityRemoved, made.DeidentificationMethod = "YES", _METHOD
    made.DeidentificationMethodCodeSequence = [_code(*profile) for profile in profiles]
    made.LongitudinalTemporalInformationModified = "REMOVED"
    made.StudyInstanceUID, made.SeriesInstanceUID = UID(labels.study), UID(labels.series)
    made.StudyDate = made.StudyTime = made.AccessionNumber = made.ReferringPhysicianName = None
    made.StudyID, made.StudyDescription, made.SeriesNumber = "1", DESCRIPTION, 1
    made.Modality, made.InstanceNumber = modality, labels.number
    made.ContentDate, made.ContentTime = NO_DATE, NO_TIME
    made.Manufacturer = MAKER
    return made


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _sop_class(group: Dataset) -> UID:
    """Choose the narrowest class that a signal fits (PS3.3 A.34.3 to A.34.5)."""
    codes = [channel.ChannelSourceSequence[0].CodeValue for channel in group.ChannelDefinitionSequence]
    leads, usual = set(map(lead_from_code, codes)), _RATES_HZ[0] <= group.SamplingFrequency <= _RATES_HZ[1]
    if (
        usual
        and leads >= set(STANDARD_LEADS)
        and len(codes) <= _MOST_12_LEAD_CHANNELS
        and group.NumberOfWaveformSamples <= _MOST_12_LEAD_SAMPLES
    ):
        return TwelveLeadECGWaveformStorage
    if usual and len(codes) <= _MOST_GENERAL_CHANNELS:
        return GeneralECGWaveformStorage
    return AmbulatoryECGWaveformStorage


def _completed(group: Dataset) -> Dataset:
    """Add what the standard asks of channels and what is kept goes without."""
    for channel in group.ChannelDefinitionSequence:
        channel.ChannelSourceSequence[0].CodingSchemeVersion = "1.3"
        channel.ChannelSampleSkew = 0
    return group


def _in_16_bits(group: Dataset) -> Dataset:
    """Return samples as archives know them: finer ones in steps of a 32,766th of the lead's largest."""
    if group.WaveformBitsAllocated == 16:
        return group
    fine = np.frombuffer(group.WaveformData, "<i4").reshape(-1, group.NumberOfWaveformChannels)
    coarse = np.empty(fine.shape, "<i2")
    for index, channel in enumerate(group.ChannelDefinitionSequence):
        absent = fine[:, index] == kept.MISSING[32]
        counts = np.where(absent, 0, fine[:, index])
        step = max(float(np.abs(counts).max()) / (2**15 - 2), 1.0)
        coarse[:, index] = np.where(absent, kept.MISSING[16], np.rint(counts / step))
        channel.ChannelSensitivity = format_number_as_ds(float(channel.ChannelSensitivity) * step)
        channel.WaveformBitsStored = 16
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    if "WaveformPaddingValue" in group:
        group.WaveformPaddingValue = kept.MISSING[16].to_bytes(2, "little", signed=True)
    group.WaveformData = coarse.tobytes()
    return group


def _picture(made: FileDataset, path: Path, media_type: str) -> None:
    """Fill in a secondary capture (PS3.3 C.7.6.3, C.8.6)."""
    picture = image.load(path, _FORMATS[media_type])
    made.ConversionType = "WSD"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.PatientOrientation = made.Laterality = None
    made.BurnedInAnnotation = "NO"  # a page with text that names somebody becomes no recording
    made.SamplesPerPixel = len(picture.getbands())
    made.PhotometricInterpretation = "RGB" if made.SamplesPerPixel == 3 else "MONOCHROME2"
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    made.Rows, made.Columns = picture.height, picture.width
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    pixels = picture.tobytes()
    if media_type == image.JPEG:
        made.LossyImageCompression = "01"
        made.LossyImageCompressionRatio = format_number_as_ds(round(len(pixels) / path.stat().st_size, 2))
        made.LossyImageCompressionMethod = "ISO_10918_1"
    made.add_new("PixelData", "OB", pixels + b"\0" * (len(pixels) % 2))
