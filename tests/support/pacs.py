"""A real Orthanc of each test process's own, with ECGs of patients that everybody must be kept from."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from ml.pacs.archives import DicomWeb, Dimse
from tests.support.processes import free_port, running

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NAME, BIRTH, PATIENT = "MARTINEAU^ODILE", "19370214", "IPP-4471902"
IDENTIFYING = (NAME, "MARTINEAU", BIRTH, PATIENT)
SECRET = "Basic Y2hldmV0OnRyZXMtc2VjcmV0"
"""What the archive lets DICOMweb in with: chevet, tres-secret."""


@dataclass(frozen=True)
class Orthanc:
    """A running archive, as its two protocols reach it.

    Parameters
    ----------
    own_port
        Where it sends what it is asked to move.
    """

    http: int
    dicom: int
    own_port: int
    folder: Path

    @property
    def dimse(self) -> Dimse:
        """Return it as an archive of DICOM's own protocol."""
        return Dimse(
            "dimse",
            "127.0.0.1",
            self.dicom,
            "ORTHANC",
            "CHEVET",
            self.own_port,
            own_host="127.0.0.1",
            stores=True,
        )

    @property
    def dicomweb(self) -> DicomWeb:
        """Return it as an archive of DICOMweb."""
        secret = self.folder / "authorization"
        return DicomWeb("dicomweb", f"{self.address}/dicom-web", authorization_file=str(secret), stores=True)

    @property
    def settings(self) -> str:
        """Return what a site's file of archives says of it: « Cardiologie » and « Urgences »."""
        return "\n".join(
            f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in said.items() if value)
            for name, said in (("Cardiologie", asdict(self.dimse)), ("Urgences", asdict(self.dicomweb)))
        )

    @property
    def address(self) -> str:
        """Return its web address."""
        return f"http://127.0.0.1:{self.http}"

    def store(self, *objects: Dataset) -> None:
        """Send objects by STOW-RS."""
        parts = b"".join(
            b"--part\r\nContent-Type: application/dicom\r\n\r\n" + written(each) + b"\r\n" for each in objects
        )
        kind = 'multipart/related; type="application/dicom"; boundary=part'
        answer = httpx.post(
            f"{self.address}/dicom-web/studies",
            content=parts + b"--part--",
            headers={"Content-Type": kind, "Accept": "application/dicom+json", "Authorization": SECRET},
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text

    def answers(self) -> bool:
        """Return whether it is up."""
        try:
            headers = {"Authorization": SECRET}
            return httpx.get(f"{self.address}/system", headers=headers, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="session")
def orthanc_to_be(tmp_path_factory: pytest.TempPathFactory) -> Orthanc:
    """Return where Orthanc will be once a test needs it: a site's settings name it before that."""
    made = Orthanc(free_port(), free_port(), free_port(), tmp_path_factory.mktemp("orthanc"))
    (made.folder / "authorization").write_text(f"{SECRET}\n", encoding="ascii")
    return made


@pytest.fixture(scope="session")
def orthanc(orthanc_to_be: Orthanc) -> Iterator[Orthanc]:
    """Return an Orthanc with its DICOMweb, which keeps everything in a folder of its own."""
    if not PLUGIN.exists():
        pytest.fail("Orthanc is missing; `make test` installs the packages orthanc and orthanc-dicomweb")
    made, folder = orthanc_to_be, orthanc_to_be.folder
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(PLUGIN)],
        "DicomAet": "ORTHANC",
        "DicomPort": made.dicom,
        "HttpPort": made.http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"chevet": "tres-secret"},
        "DicomAlwaysAllowFind": False,
        "DicomAlwaysAllowMove": False,
        "DicomModalities": {
            "chevet": {"AET": "CHEVET", "Host": "127.0.0.1", "Port": made.own_port, "AllowFind": True}
        },
        "StorageCompression": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with running(["Orthanc", str(folder / "orthanc.json")], log=folder / "log", ready=made.answers):
        yield made


def waveform(shared_data: Path, **attributes: str) -> FileDataset:
    """Return a real 12-lead ECG as the patient's, of a study and series of its own."""
    made = pydicom.dcmread(shared_data / "ecg-formats" / "dicom" / "pydicom_waveform_ecg.dcm")
    return _of_the_patient(made, {"Modality": "ECG", **attributes})


def picture(side: int = 24, **attributes: str) -> FileDataset:
    """Return a secondary capture as the patient's, of a study and series of its own."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID = SecondaryCaptureImageStorage
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows = made.Columns = side
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelData = np.arange(side * side, dtype=np.uint8).tobytes()
    return _of_the_patient(made, {"Modality": "OT", **attributes})


def another_of(first: FileDataset, made: FileDataset) -> FileDataset:
    """Put an object beside another one in its series."""
    made.StudyInstanceUID, made.SeriesInstanceUID = first.StudyInstanceUID, first.SeriesInstanceUID
    return made


def written(made: Dataset) -> bytes:
    """Return an object as a file."""
    output = io.BytesIO()
    made.save_as(output, enforce_file_format=True)
    return output.getvalue()


def _of_the_patient(made: FileDataset, attributes: dict[str, str]) -> FileDataset:
    made.PatientName, made.PatientBirthDate, made.PatientID = NAME, BIRTH, PATIENT
    made.StudyDate, made.StudyDescription, made.SeriesDescription = (
        "20260302",
        "ECG de repos",
        "12 dérivations",
    )
    made.SpecificCharacterSet = "ISO_IR 192"
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made
