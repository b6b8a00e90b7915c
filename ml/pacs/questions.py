"""Searching an archive and listing a series, whatever protocol it speaks."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from pydicom.dataset import FileDataset

from ml.pacs.archives import (
    LONGEST_TEXT,
    MOST_SERIES,
    Criteria,
    Fetched,
    Found,
    PacsError,
    PacsFault,
    Reply,
    Series,
    is_uid,
)

WAVEFORMS = frozenset(f"1.2.840.10008.5.1.4.1.1.9.{number}" for number in ("1.1", "1.2", "1.3", "1.4"))
"""12-lead, general, ambulatory and general 32-bit ECG."""
PICTURES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("7", "7.1", "7.2", "7.3", "7.4", "77.1.4", "104.1")
)
"""Secondary captures, photographs, and PDF."""
SOP_CLASSES = WAVEFORMS | PICTURES
"""Nothing else is fetched."""
STUDY_KEYS = ("StudyInstanceUID", "StudyDate", "StudyDescription")
SERIES_KEYS = ("SeriesInstanceUID", "Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances")
OBJECT_KEYS = ("SOPInstanceUID", "SOPClassUID")

Answer = Mapping[str, str]


class Peer(Protocol):
    """An archive that is being spoken to."""

    def find(self, level: str, wanted: Answer, keys: tuple[str, ...], most: int) -> list[Answer]:
        """Return what matches, at most so many, as texts by DICOM keyword: of `keys` and no others."""
        ...

    def receiving(self) -> AbstractContextManager[None]:
        """Be ready, for the length of a block, for what the archive sends."""
        ...

    def fetch(self, study: str, series: str, uid: str) -> bytes:
        """Return one object as a file of DICOM; raises PacsError."""
        ...

    def store(self, made: FileDataset) -> Reply:
        """Hand an object over; raises PacsError where the archive says nothing of it."""
        ...


def search(peer: Peer, criteria: Criteria) -> Found:
    """Look into the studies that match, for series of the modality."""
    wanted = {"ModalitiesInStudy": criteria.modality.value}
    if criteria.since or criteria.until:
        wanted["StudyDate"] = f"{_compact(criteria.since)}-{_compact(criteria.until)}"
    if criteria.description:
        wanted["StudyDescription"] = f"*{criteria.description}*"
    studies = peer.find("STUDY", wanted, STUDY_KEYS, MOST_SERIES + 1)
    found, more = list[Series](), len(studies) > MOST_SERIES
    for study in studies[:MOST_SERIES]:
        left = MOST_SERIES - len(found)
        within = {"StudyInstanceUID": _uid(study, "StudyInstanceUID"), "Modality": criteria.modality.value}
        several = [
            _series(study, each)
            for each in peer.find("SERIES", within, SERIES_KEYS, left + 1)
            if each.get("Modality") == criteria.modality.value
        ]
        found += several[:left]
        if len(several) > left:
            more = True
            break
    return Found(tuple(sorted(found, key=lambda each: each.date, reverse=True)), more)


def objects(peer: Peer, study: str, series: str, most: int) -> list[Fetched]:
    """List a series: each object with why it is not worth fetching; one more than `most` where there are."""
    wanted = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    listed = list[Fetched]()
    for each in peer.find("IMAGE", wanted, OBJECT_KEYS, most + 1):
        kind = each.get("SOPClassUID", "")
        fault = None if not kind or kind in SOP_CLASSES else PacsFault.OTHER_OBJECT
        listed.append(Fetched(_uid(each, "SOPInstanceUID"), fault=fault))
    if len(listed) > most:
        listed[most] = replace(listed[most], fault=PacsFault.TOO_MANY)
    return listed


def _series(study: Answer, series: Answer) -> Series:
    count = series.get("NumberOfSeriesRelatedInstances", "")
    return Series(
        study=_uid(study, "StudyInstanceUID"),
        uid=_uid(series, "SeriesInstanceUID"),
        date=_date(study.get("StudyDate", "")),
        study_description=_text(study.get("StudyDescription", "")),
        description=_text(series.get("SeriesDescription", "")),
        objects=int(count) if count.isascii() and count.isdecimal() and len(count) < 7 else None,
    )


def _uid(answer: Answer, key: str) -> str:
    uid = answer.get(key, "")
    if not is_uid(uid):
        raise PacsError(PacsFault.GARBLED)
    return uid


def _text(text: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * LONGEST_TEXT])
    return " ".join(shown.split())[:LONGEST_TEXT]


def _date(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a day, of no time zone
    except ValueError:
        return ""


def _compact(day: date | None) -> str:
    return "" if day is None else day.strftime("%Y%m%d")
