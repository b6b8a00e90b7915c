"""A real Orthanc of each test process's own, with ECGs of patients that everybody must be kept from."""

import datetime as dt
import io
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType

import httpx
import numpy as np
import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
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
    with started(orthanc_to_be) as made:
        yield made


@pytest.fixture(scope="module")
def tls_orthanc(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[str, str]
) -> Iterator[tuple[Dimse, DicomWeb]]:
    """Return the archives of an Orthanc that speaks TLS alone, DICOM to those it knows.

    A proxy ends HTTPS before it, as in most hospitals: Debian's own dies of an HTTPS request.
    """
    cert, key = certificate
    made = Orthanc(free_port(), free_port(), free_port(), tmp_path_factory.mktemp("tls"))
    (made.folder / "authorization").write_text(f"{SECRET}\n", encoding="ascii")
    settings = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": cert,
        "DicomTlsPrivateKey": key,
        "DicomTlsTrustedCertificates": cert,
        "DicomModalities": {
            "chevet": {"AET": "CHEVET", "Host": "127.0.0.1", "Port": made.own_port, "UseDicomTls": True}
        },
    }
    with started(made, settings), unwrapping(made.http, certificate) as port:
        yield (
            replace(made.dimse, tls=True, ca_file=cert, cert_file=cert, key_file=key),
            replace(made.dicomweb, url=f"https://127.0.0.1:{port}/dicom-web", ca_file=cert),
        )


@contextmanager
def unwrapping(port: int, certificate: tuple[str, str]) -> Iterator[int]:
    """Run a proxy that speaks TLS and passes on what is said to a port; return its own."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    class Call(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as outside,
                socket.create_connection(("127.0.0.1", port)) as inside,
            ):
                back = threading.Thread(target=_pass_on, args=(inside, outside))
                back.start()
                _pass_on(outside, inside)
                inside.shutdown(socket.SHUT_RDWR)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Call) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(1 << 16):
            target.sendall(said)


@contextmanager
def started(made: Orthanc, more: Mapping[str, object] = MappingProxyType({})) -> Iterator[Orthanc]:
    """Run an Orthanc, with more settings than the usual ones."""
    if not PLUGIN.exists():
        pytest.fail("Orthanc is missing; `make test` installs the packages orthanc and orthanc-dicomweb")
    folder = made.folder
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
        **more,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with running(["Orthanc", str(folder / "orthanc.json")], log=folder / "log", ready=made.answers):
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the files of a certificate for this machine, its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(files[0]), str(files[1])


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
