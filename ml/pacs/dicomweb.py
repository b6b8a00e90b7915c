"""An archive asked by DICOMweb (PS3.18): found by QIDO-RS, fetched by WADO-RS."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from email.message import Message
from itertools import islice
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
from pydicom.datadict import tag_for_keyword

from ml.ecg.decoded import MAX_FILE_BYTES
from ml.pacs.archives import DicomWeb, PacsError, PacsFault
from ml.pacs.questions import Answer

MOST_ANSWER_BYTES = 8_000_000
"""Of a list that an archive answers with, whatever it was asked for."""
RESOURCES = {"STUDY": "studies", "SERIES": "series", "IMAGE": "instances"}
PARENTS = (("StudyInstanceUID", "studies"), ("SeriesInstanceUID", "series"))
REFUSALS = {401, 403, 407}
OBJECT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class DicomWebPeer:
    """An archive's side of the talk: redirects are not followed, proxies of the environment not used.

    Parameters
    ----------
    archive : DicomWeb
        Where it is.
    """

    def __init__(self, archive: DicomWeb) -> None:
        context = ssl.create_default_context(cafile=archive.ca_file)
        if archive.cert_file:
            context.load_cert_chain(archive.cert_file, archive.key_file)
        headers = {}
        if archive.authorization_file:
            headers["Authorization"] = Path(archive.authorization_file).read_text("ascii").strip()
        self._base = archive.url.rstrip("/")
        self._client = httpx.Client(
            verify=context, headers=headers, timeout=archive.patience_s, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def find(self, level: str, wanted: Answer, keys: tuple[str, ...], most: int) -> list[Answer]:
        """Return what matches, of a longer list no more than was asked for."""
        match = dict(wanted)
        parents = [f"{resource}/{match.pop(key)}" for key, resource in PARENTS if key in match]
        address = "/".join([self._base, *parents, RESOURCES[level]])
        asked = [*match.items(), *(("includefield", key) for key in keys), ("limit", str(most))]
        # Orthanc takes an asterisk that is escaped for one that is meant
        words = "?" + urlencode(asked, safe="*", quote_via=quote)
        _type, body, whole = self._got(address, "application/dicom+json", MOST_ANSWER_BYTES, words)
        return [{key: _text(item, key) for key in keys} for item in islice(_items(body, whole=whole), most)]

    def receiving(self) -> AbstractContextManager[None]:
        """Do nothing: what is fetched comes as the answer."""
        return nullcontext()

    def fetch(self, study: str, series: str, uid: str) -> bytes:
        """Return one object."""
        address = f"{self._base}/studies/{study}/series/{series}/instances/{uid}"
        content_type, body, whole = self._got(address, OBJECT, MAX_FILE_BYTES + 10_000)
        if not whole:
            raise PacsError(PacsFault.TOO_LARGE)
        return _only_part(content_type, body)

    def _got(self, address: str, accept: str, most: int, asked: str = "") -> tuple[str, bytearray, bool]:
        """Return what is answered: its type, at most about so many bytes, and whether that is all."""
        body = bytearray()
        try:
            with self._client.stream("GET", address + asked, headers={"Accept": accept}) as answer:
                if answer.status_code in REFUSALS:
                    raise PacsError(PacsFault.REFUSED)
                if answer.status_code not in {200, 204, 206}:
                    raise PacsError(PacsFault.FAILED)
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > most:
                        return answer.headers.get("content-type", ""), body, False
                return answer.headers.get("content-type", ""), body, True
        except httpx.TimeoutException:
            raise PacsError(PacsFault.TIMED_OUT) from None
        except httpx.ConnectError:
            raise PacsError(PacsFault.UNREACHABLE) from None
        except httpx.HTTPError:
            raise PacsError(PacsFault.GARBLED) from None


def _items(body: bytearray, *, whole: bool) -> Iterator[Mapping[str, Any]]:
    """Read a list item by item: of one that was cut short, those that are whole."""
    text, decoder = body.decode("utf-8", "replace").strip(), json.JSONDecoder()
    if not text and whole:  # 204: nothing matches
        return
    if not text.startswith("["):
        raise PacsError(PacsFault.GARBLED)
    at = 1
    while True:
        while text[at : at + 1] in {" ", "\t", "\r", "\n", ","}:
            at += 1
        if text[at : at + 1] == "]":
            return
        try:
            item, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            if whole:
                raise PacsError(PacsFault.GARBLED) from None
            return
        if not isinstance(item, dict):
            raise PacsError(PacsFault.GARBLED)
        yield item


def _text(item: Mapping[str, Any], key: str) -> str:
    """Return the first value of an attribute as text (PS3.18 F.2); of any other shape it is none."""
    element = item.get(f"{tag_for_keyword(key):08X}")
    values = element.get("Value") if isinstance(element, dict) else None
    first = values[0] if isinstance(values, list) and values else None
    return str(first) if isinstance(first, str | int) else ""


def _only_part(content_type: str, body: bytearray) -> bytes:
    """Return the body of a multipart answer's first part (RFC 2046)."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/related" or not boundary:
        raise PacsError(PacsFault.GARBLED)
    line = b"--" + boundary.encode("latin-1", "replace")
    head = body.find(line)
    start = body.find(b"\r\n\r\n", head) if head >= 0 else -1
    end = body.find(b"\r\n" + line, start) if start >= 0 else -1
    if end < 0:
        raise PacsError(PacsFault.NOT_SENT if head >= 0 and start < 0 else PacsFault.GARBLED)
    return bytes(body[start + 4 : end])
