"""Recordings as DICOM objects: the same voltages and pixels to whoever reads them, and nobody's."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.uid import (
    AmbulatoryECGWaveformStorage,
    GeneralECGWaveformStorage,
    SecondaryCaptureImageStorage,
    TwelveLeadECGWaveformStorage,
)

from ml.ecg.decoder import decode_file
from ml.ecg.leads import STANDARD_LEADS
from ml.ecg.readers import kept
from ml.ecg.readers.dicom import signal_of
from ml.ecg.signal import Signal
from ml.pacs.archives import Labels
from ml.pacs.objects import object_of

LABELS = Labels("CHEVET-0123456789AB", "2.25.11", "2.25.12", "2.25.13", 3)
FILES = (
    "dicom/pydicom_waveform_ecg.dcm",
    "muse-xml/guangxi_teaching_sinus_rhythm.xml",
    "aecg-xml/fda_subject1_0.xml",
    "sierra-xml/129DYPRG.XML",
)


def made_of(folder: Path, original: bytes, media_type: str = kept.MEDIA_TYPE) -> FileDataset:
    """Return a recording as whoever fetches it reads it."""
    path, output = folder / "kept", io.BytesIO()
    path.write_bytes(original)
    object_of(path, media_type, LABELS).save_as(output, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(output.getvalue()))


def signal(leads: tuple[str, ...] = STANDARD_LEADS, rate_hz: float = 500.0, samples: int = 5000) -> Signal:
    """Return a signal of values that no step of a machine's could tell apart, with a lead that came off."""
    drawn = np.random.default_rng(7).normal(0, 1, (samples, len(leads))).astype(np.float32)
    drawn[100:200, 0] = np.nan
    return Signal(leads, drawn, rate_hz)


def faults(made: FileDataset, folder: Path) -> str:
    """Return what an independent validator of the standard finds."""
    dciodvfy = shutil.which("dciodvfy")
    assert dciodvfy, "dciodvfy is missing; `make test` installs the package dicom3tools"
    made.save_as(folder / "made.dcm", enforce_file_format=True)
    said = subprocess.run([dciodvfy, str(folder / "made.dcm")], check=False, capture_output=True, text=True)
    return "\n".join(line for line in said.stderr.splitlines() if line.startswith("Error"))


@pytest.mark.parametrize("file", FILES)
def test_a_hospitals_ecg_is_valid_and_has_the_same_millivolts(
    file: str, shared_data: Path, tmp_path: Path
) -> None:
    [decoded] = decode_file(shared_data / "ecg-formats" / file)
    before = signal_of(io.BytesIO(decoded.original))
    made = made_of(tmp_path, decoded.original)
    assert made.SOPClassUID == TwelveLeadECGWaveformStorage
    assert faults(made, tmp_path) == ""
    theirs = made.waveform_array(0) / 1000  # pydicom's reading, in µV
    np.testing.assert_allclose(theirs, before.samples_mv, atol=1e-4)
    assert [channel.ChannelSourceSequence[0].CodeMeaning for channel in _channels(made)] == [
        f"Lead {lead}" for lead in before.leads
    ]


def test_voltages_too_fine_for_16_bits_are_off_by_half_a_step_at_most(tmp_path: Path) -> None:
    before = signal()
    original = kept.write(before)
    assert pydicom.dcmread(io.BytesIO(original)).WaveformSequence[0].WaveformBitsAllocated == 32
    made = made_of(tmp_path, original)
    assert (made.SOPClassUID, faults(made, tmp_path)) == (TwelveLeadECGWaveformStorage, "")
    output = io.BytesIO()
    made.save_as(output)
    ours, theirs = signal_of(io.BytesIO(output.getvalue())), made.waveform_array(0) / 1000
    step_mv = np.nanmax(np.abs(before.samples_mv), axis=0) / 32766
    assert step_mv.max() < 2e-4
    measured = ~np.isnan(before.samples_mv)
    for after in (ours.samples_mv, theirs):
        assert (
            np.abs(after - before.samples_mv)[measured]
            <= np.broadcast_to(step_mv * 0.51, measured.shape)[measured]
        ).all()
    assert (np.isnan(ours.samples_mv) == ~measured).all()


@pytest.mark.parametrize(
    "given, sop_class",
    [
        (signal((*STANDARD_LEADS, "V7")), TwelveLeadECGWaveformStorage),
        (signal(samples=16385), GeneralECGWaveformStorage),
        (signal((*STANDARD_LEADS, "V7", "V8")), GeneralECGWaveformStorage),
        (signal(("I", "II", "3")), GeneralECGWaveformStorage),
        (signal(("MLII", "V1"), 128.0), AmbulatoryECGWaveformStorage),
    ],
)
def test_the_class_is_the_narrowest_that_fits(given: Signal, sop_class: str, tmp_path: Path) -> None:
    made = made_of(tmp_path, kept.write(given, derived=True))
    assert (made.SOPClassUID, faults(made, tmp_path)) == (sop_class, "")
    assert made.WaveformSequence[0].WaveformOriginality == "DERIVED"


@pytest.mark.parametrize(
    "mode, media_type", [("RGB", "image/png"), ("L", "image/png"), ("RGB", "image/jpeg")]
)
def test_a_picture_has_the_same_pixels(mode: str, media_type: str, tmp_path: Path) -> None:
    drawn = np.random.default_rng(7).integers(0, 255, (33, 51, 3), np.uint8)
    picture, output = Image.fromarray(drawn).convert(mode), io.BytesIO()
    picture.save(output, media_type.removeprefix("image/").upper())
    made = made_of(tmp_path, output.getvalue(), media_type)
    assert (made.SOPClassUID, faults(made, tmp_path)) == (SecondaryCaptureImageStorage, "")
    np.testing.assert_array_equal(made.pixel_array, np.asarray(Image.open(output)))
    assert (made.get("LossyImageCompression") == "01") is (media_type == "image/jpeg")


def test_an_object_says_that_it_is_nobodys_and_is_the_same_each_time(tmp_path: Path) -> None:
    made = made_of(tmp_path, kept.write(signal()))
    assert (str(made.PatientName), made.PatientID) == ("CHEVET^0123456789AB", "CHEVET-0123456789AB")
    assert (made.PatientBirthDate, made.PatientSex, made.StudyDate) == ("", "", "")
    assert (made.PatientIdentityRemoved, made.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
    assert made.DeidentificationMethod.startswith("Chevet")
    uids = (made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID, made.InstanceNumber)
    assert uids == ("2.25.11", "2.25.12", "2.25.13", 3)
    assert made == made_of(tmp_path, kept.write(signal()))


def _channels(made: FileDataset) -> list[pydicom.Dataset]:
    return list(made.WaveformSequence[0].ChannelDefinitionSequence)
