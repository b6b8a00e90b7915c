"""An archive asked in DICOM's own protocol (PS3.4 B, C): C-FIND, C-MOVE to a port of ours, C-STORE."""

import errno
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)
from pynetdicom import AE, DEFAULT_TRANSFER_SYNTAXES, evt
from pynetdicom.association import Association

from ml.ecg.decoded import MAX_FILE_BYTES
from ml.pacs.archives import Dimse, PacsError, PacsFault, Reply, replied
from ml.pacs.questions import SOP_CLASSES, Answer

FIND, MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
"""Query and retrieve by the Study Root model."""
SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGBaseline8Bit,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
]
"""What the decoder reads."""
NOT_SUPPORTED = {3, 4}
"""Results of a presentation context: the service, and every encoding of it (PS3.8 9.3.3.2)."""
SUCCESS, PENDING, WARNING = 0x0000, (0xFF00, 0xFF01), 0xB000
OUT_OF_RESOURCES, CANNOT_UNDERSTAND, UNKNOWN_DESTINATION = 0xA700, 0xC000, 0xA801


class DimsePeer:
    """An archive's side of the talk; our port is open for as long as the block of `receiving`.

    Parameters
    ----------
    archive : Dimse
        Where it is.
    """

    def __init__(self, archive: Dimse) -> None:
        self._archive = archive
        self._entity = AE(ae_title=archive.own_ae_title)
        self._entity.connection_timeout = archive.patience_s
        self._entity.acse_timeout = archive.patience_s
        self._entity.dimse_timeout = archive.patience_s
        self._entity.network_timeout = archive.patience_s
        self._talk: Association | None = None
        self._awaited = ""
        self._received: bytes | None = None
        self._fault = PacsFault.NOT_SENT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._talk is not None and self._talk.is_established:
            self._talk.release()

    def find(self, level: str, wanted: Answer, keys: tuple[str, ...], most: int) -> list[Answer]:
        """Return what matches; one who has enough hangs up, since an archive may have millions."""
        talk, began, found = self._association(), time.monotonic(), list[Answer]()
        for status, identifier in talk.send_c_find(_question(level, wanted, keys), FIND):
            if status.get("Status") not in PENDING:
                if status.get("Status") != SUCCESS:
                    raise PacsError(self._failure(status, began))
                break
            if identifier is None:
                raise PacsError(PacsFault.GARBLED)
            found.append({key: _text(identifier, key) for key in keys})
            if len(found) == most:
                talk.abort()
                break
            began = time.monotonic()
        return found

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Listen for what the archive sends: from it alone by name, nothing but what was asked for."""
        for kind in sorted(SOP_CLASSES):
            self._entity.add_supported_context(kind, SYNTAXES)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = [self._archive.ae_title]
        where = (self._archive.own_host, self._archive.own_port)
        try:
            server = self._entity.start_server(
                where,
                block=False,
                ssl_context=self._tls(ssl.Purpose.CLIENT_AUTH) if self._archive.tls else None,
                evt_handlers=[(evt.EVT_C_STORE, self._store)],
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PacsError(PacsFault.PORT_TAKEN) from None
            raise PacsError(PacsFault.FAILED) from None
        try:
            yield
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()

    def fetch(self, study: str, series: str, uid: str) -> bytes:
        """Have one object sent, and return it."""
        question = _question(
            "IMAGE", {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": uid}, ()
        )
        self._awaited, self._received, self._fault = uid, None, PacsFault.NOT_SENT
        talk, began = self._association(), time.monotonic()
        for status, _identifier in talk.send_c_move(question, self._archive.own_ae_title, MOVE):
            code = status.get("Status")
            if code == UNKNOWN_DESTINATION:
                raise PacsError(PacsFault.NO_DESTINATION)
            if code not in {SUCCESS, WARNING, *PENDING} and self._received is None:
                raise PacsError(self._failure(status, began))
        if self._received is None:
            raise PacsError(self._fault)
        return self._received

    def store(self, made: FileDataset) -> Reply:
        """Send one object, as whichever plain encoding the archive takes."""
        plain = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        talk, began = self._association((str(made.SOPClassUID),), plain), time.monotonic()
        status = talk.send_c_store(made)
        if "Status" not in status:
            raise PacsError(self._silent(began, PacsFault.GARBLED))
        return replied(int(status.Status))

    def _store(self, event: evt.Event) -> int:
        """Take the object that is awaited; it is not looked into here."""
        request: Any = event.request
        if str(request.AffectedSOPInstanceUID) != self._awaited:
            return CANNOT_UNDERSTAND
        if request.DataSet.getbuffer().nbytes > MAX_FILE_BYTES:
            self._fault = PacsFault.TOO_LARGE
            return OUT_OF_RESOURCES
        self._received = event.encoded_dataset()
        return SUCCESS

    def _association(
        self, services: Sequence[str] = (FIND, MOVE), syntaxes: Sequence[str] = DEFAULT_TRANSFER_SYNTAXES
    ) -> Association:
        """Return a talk that is open, a new one where the last was ended."""
        if self._talk is not None and self._talk.is_established:
            return self._talk
        archive, began = self._archive, time.monotonic()
        try:
            address = socket.getaddrinfo(archive.host, archive.port, type=socket.SOCK_STREAM)[0][4][0]
        except OSError:
            raise PacsError(PacsFault.UNREACHABLE) from None
        self._entity.requested_contexts = []
        for service in services:
            self._entity.add_requested_context(service, list(syntaxes))
        talk = self._entity.associate(
            str(address),
            archive.port,
            ae_title=archive.ae_title,
            tls_args=(self._tls(ssl.Purpose.SERVER_AUTH), archive.host) if archive.tls else None,
        )
        if talk.is_established:
            self._talk = talk
            return talk
        if talk.is_rejected:
            raise PacsError(PacsFault.REFUSED)
        if any(each.result in NOT_SUPPORTED for each in talk.rejected_contexts):
            raise PacsError(PacsFault.NOT_OFFERED)
        raise PacsError(self._silent(began, PacsFault.UNREACHABLE))

    def _failure(self, status: Dataset, began: float) -> PacsFault:
        """Say what a bad status means; one that is empty is a talk that ended."""
        return PacsFault.FAILED if "Status" in status else self._silent(began, PacsFault.GARBLED)

    def _silent(self, began: float, otherwise: PacsFault) -> PacsFault:
        late = time.monotonic() - began > 0.9 * self._archive.patience_s
        return PacsFault.TIMED_OUT if late else otherwise

    def _tls(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        """Return a context that asks either side for a certificate."""
        archive = self._archive
        context = ssl.create_default_context(purpose, cafile=archive.ca_file)
        if archive.cert_file:
            context.load_cert_chain(archive.cert_file, archive.key_file)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


def _question(level: str, wanted: Answer, keys: tuple[str, ...]) -> Dataset:
    question = Dataset()
    question.SpecificCharacterSet = "ISO_IR 192"
    question.QueryRetrieveLevel = level
    for key in keys:
        setattr(question, key, None)
    for key, value in wanted.items():
        setattr(question, key, value)
    return question


def _text(identifier: Dataset, key: str) -> str:
    """Return a value as text; one that cannot be read is none."""
    try:
        value = identifier.get(key)
    except Exception:  # noqa: BLE001 - pydicom reads values only now, and raises whatever it meets
        raise PacsError(PacsFault.GARBLED) from None
    return "" if value is None else str(value)
