"""What an archive is, what it may be asked, and what it answers; without anything that speaks to one."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

PATIENCE_S = 20.0
"""How long an archive may say nothing, unless its settings say otherwise."""
MOST_SERIES = 100
"""Series a search returns, and studies it looks into."""
LONGEST_TEXT = 64
"""Characters of a description (DICOM's LO)."""
_UID = re.compile(r"[0-9.]{1,64}")
_DUPLICATE, _UNSUPPORTED, _NOT_AUTHORISED, _WARNINGS = 0x0111, 0x0122, 0x0124, range(0xB000, 0xC000)


class Modality(StrEnum):
    """What makes the objects worth asking for: ECGs, and what pictures of them are archived as."""

    ECG = "ECG"
    HD = "HD"
    DOC = "DOC"
    OT = "OT"
    XC = "XC"


@dataclass(frozen=True)
class Dimse:
    """An archive that speaks DICOM's own protocol (C-FIND, C-MOVE, C-STORE), and sends to a port of ours.

    Attributes
    ----------
    host, port, ae_title
        Where it answers, and what it is called.
    own_ae_title, own_host, own_port
        What it knows this site as, and where it sends to: the address that is listened on while it does.
    tls
        Whether both connections are encrypted, with our certificate and key.
    ca_file
        Whose certificates are trusted; the system's where none is given.
    patience_s
        How long it may say nothing.
    stores
        Whether it may be sent recordings.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - pydantic reads it, nobody writes it

    kind: Literal["dimse"]
    host: str
    port: int
    ae_title: str
    own_ae_title: str
    own_port: int
    own_host: str = "0.0.0.0"  # noqa: S104 - the archive is on another machine
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    patience_s: float = PATIENCE_S
    stores: bool = False


@dataclass(frozen=True)
class DicomWeb:
    """An archive that speaks DICOMweb (QIDO-RS, WADO-RS, STOW-RS).

    Attributes
    ----------
    url
        What the resources' addresses begin with: ``https://pacs.example.org/dicom-web``.
    authorization_file
        A file of the header `Authorization` as it is sent: ``Bearer …``.
    ca_file, cert_file, key_file
        Whose certificates are trusted, and our own where it asks for one.
    patience_s
        How long it may say nothing.
    stores
        Whether it may be sent recordings.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - the same

    kind: Literal["dicomweb"]
    url: str
    authorization_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    patience_s: float = PATIENCE_S
    stores: bool = False


Archive = Dimse | DicomWeb


@dataclass(frozen=True)
class Criteria:
    """What is searched for.

    Attributes
    ----------
    description
        Part of the study's description; archives differ in whether capitals matter.
    """

    modality: Modality = Modality.ECG
    since: date | None = None
    until: date | None = None
    description: str = ""


@dataclass(frozen=True)
class Series:
    """Objects that were made together, by what is not about the patient.

    Attributes
    ----------
    study, uid
        Identify it, and thereby the patient to whoever may look into the archive: for no person's eyes.
    date
        The study's, ISO 8601; empty where the archive does not tell.
    objects
        How many there are; None where the archive does not tell.
    """

    study: str
    uid: str
    date: str = ""
    study_description: str = ""
    description: str = ""
    objects: int | None = None


@dataclass(frozen=True)
class Found:
    """The series found, the latest first.

    Attributes
    ----------
    more
        Whether the archive has more than were looked at.
    """

    series: tuple[Series, ...]
    more: bool


class PacsFault(StrEnum):
    """Why an archive did not do what was asked."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    GARBLED = "garbled"
    PORT_TAKEN = "port_taken"
    NO_DESTINATION = "no_destination"
    NOT_SENT = "not_sent"
    OTHER_OBJECT = "other_object"
    NOT_OFFERED = "not_offered"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"


class PacsError(Exception):
    """The archive, or one object of it, could not be had; `fault` says why."""

    def __init__(self, fault: PacsFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class Fetched:
    """One object, or why there is none.

    Attributes
    ----------
    uid
        Identifies it.
    left
        How many are still to come.
    """

    uid: str
    data: bytes = b""
    fault: PacsFault | None = None
    left: int = 0


@dataclass(frozen=True)
class Labels:
    """What a recording goes by in an archive: made up by us, and leading to no person.

    Attributes
    ----------
    patient
        In place of a name and of an identifier: the same for every recording of a case.
    study, series, uid
        Identify the object, and what it is kept with.
    number
        Its number in the series.
    """

    patient: str
    study: str
    series: str
    uid: str
    number: int


@dataclass(frozen=True)
class Reply:
    """What an archive said to an object it was sent.

    Attributes
    ----------
    stored
        Whether it has it now.
    status
        The status it gave: DICOM's in hexadecimal, or ``HTTP`` and a number.
    """

    stored: bool
    status: str


def replied(status: int) -> Reply:
    """Return what a status of DICOM means (PS3.4 B.2.3, PS3.7 C, PS3.18 I.2.2).

    A duplicate is ours, since our identifiers are of one content each: the archive has it.
    """
    if status == _UNSUPPORTED:
        raise PacsError(PacsFault.NOT_OFFERED)
    if status == _NOT_AUTHORISED:
        raise PacsError(PacsFault.REFUSED)
    return Reply(status in {0x0000, _DUPLICATE} or status in _WARNINGS, f"{status:04X}")


def is_uid(text: str) -> bool:
    """Return whether a text has the form of a UID: nothing else goes into an address or a question."""
    return _UID.fullmatch(text) is not None
