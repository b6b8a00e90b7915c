"""An archive asked by DICOMweb (PS3.18): found by QIDO-RS, fetched by WADO-RS, handed over by STOW-RS."""

import io
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from email.message import Message
from itertools import islice
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileDataset

from ml.ecg.decoded import MAX_FILE_BYTES
from ml.pacs.archives import DicomWeb, PacsError, PacsFault, Reply, replied
from ml.pacs.questions import Answer

MOST_ANSWER_BYTES = 8_000_000
"""Of a list that an archive answers with, whatever it was asked for."""
RESOURCES = {"STUDY": "studies", "SERIES": "series", "IMAGE": "instances"}
PARENTS = (("StudyInstanceUID", "studies"), ("SeriesInstanceUID", "series"))
REFUSALS = {401, 403, 407}
UNSUPPORTED_MEDIA_TYPE = 415
LIST = "application/dicom+json"
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
        _type, body, whole = self._got(address, LIST, MOST_ANSWER_BYTES, words)
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

    def store(self, made: FileDataset) -> Reply:
        """Post one object, and look for it in what the archive says it has and has not taken."""
        file, boundary = io.BytesIO(), secrets.token_hex(16)
        made.save_as(file, enforce_file_format=True)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        headers = {
            "Accept": LIST,
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        }
        body = b"".join((head, file.getbuffer(), f"\r\n--{boundary}--\r\n".encode()))
        request = self._client.build_request("POST", f"{self._base}/studies", headers=headers, content=body)
        answer, said, _whole = self._answered(request, MOST_ANSWER_BYTES)
        return _reply(answer.status_code, said, str(made.SOPInstanceUID))

    def _got(self, address: str, accept: str, most: int, asked: str = "") -> tuple[str, bytearray, bool]:
        """Return what is answered: its type, at most about so many bytes, and whether that is all."""
        request = self._client.build_request("GET", address + asked, headers={"Accept": accept})
        answer, body, whole = self._answered(request, most)
        if answer.status_code not in {200, 204, 206}:
            raise PacsError(PacsFault.FAILED)
        return answer.headers.get("content-type", ""), body, whole

    def _answered(self, request: httpx.Request, most: int) -> tuple[httpx.Response, bytearray, bool]:
        """Return an answer that lets us in, at most about so many bytes of it, and whether that is all."""
        body = bytearray()
        try:
            answer = self._client.send(request, stream=True)
            with closing(answer):
                if answer.status_code in REFUSALS:
                    raise PacsError(PacsFault.REFUSED)
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > most:
                        return answer, body, False
                return answer, body, True
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


def _reply(status: int, body: bytearray, uid: str) -> Reply:
    """Read what became of an object (PS3.18 I.2): what the archive names counts, not the status."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = {}
    for item in _values(said, "FailedSOPSequence"):
        if _text(item, "ReferencedSOPInstanceUID") == uid:
            reason = _text(item, "FailureReason")
            return (
                replied(int(reason))
                if reason.isdecimal() and len(reason) < 6
                else Reply(stored=False, status=f"HTTP {status}")
            )
    if status in {200, 202}:
        if any(
            _text(item, "ReferencedSOPInstanceUID") == uid for item in _values(said, "ReferencedSOPSequence")
        ):
            return replied(0)
        raise PacsError(PacsFault.GARBLED)
    if status == UNSUPPORTED_MEDIA_TYPE:
        raise PacsError(PacsFault.NOT_OFFERED)
    if 400 <= status < 500:
        return Reply(stored=False, status=f"HTTP {status}")
    raise PacsError(PacsFault.FAILED)


def _text(item: object, key: str) -> str:
    """Return the first value of an attribute as text; of any other shape it is none."""
    first = next(iter(_values(item, key)), None)
    return str(first) if isinstance(first, str | int) else ""


def _values(item: object, key: str) -> list[Any]:
    """Return the values of an attribute (PS3.18 F.2)."""
    element = item.get(f"{tag_for_keyword(key):08X}") if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


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
