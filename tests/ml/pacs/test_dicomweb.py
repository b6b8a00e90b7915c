"""Archives of DICOMweb that misbehave."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ml.ecg.decoded import MAX_FILE_BYTES
from ml.pacs import dicomweb
from ml.pacs.archives import MOST_SERIES, Criteria, DicomWeb, PacsError, PacsFault, Reply
from ml.pacs.dicomweb import DicomWebPeer
from ml.pacs.questions import search
from tests.support.pacs import Orthanc, picture
from tests.support.processes import free_port

LIST, PARTS = "application/dicom+json", 'multipart/related; type="application/dicom"; boundary="=limit="'
STUDY = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "X^Y"}]},
}


@contextmanager
def saying(status: int, kind: str, body: bytes, **headers: str) -> Iterator[tuple[DicomWeb, list[str]]]:
    """Run an archive that always says the same, with what it was asked for."""
    asked = list[str]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield DicomWeb("dicomweb", f"http://127.0.0.1:{server.server_port}/root/", patience_s=5), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fault_of(archive: DicomWeb, work: Callable[[DicomWebPeer], Any]) -> PacsFault:
    with DicomWebPeer(archive) as peer, pytest.raises(PacsError) as caught:
        work(peer)
    return caught.value.fault


def searched(peer: DicomWebPeer) -> Any:
    return search(peer, Criteria(description="a b*&limit=9"))


def fetched(peer: DicomWebPeer) -> bytes:
    return peer.fetch("1.2", "1.3", "1.4")


def test_a_wrong_password_is_refused(orthanc: Orthanc) -> None:
    assert fault_of(replace(orthanc.dicomweb, authorization_file=None), searched) is PacsFault.REFUSED


def test_where_nobody_listens_the_archive_is_out_of_reach() -> None:
    nobody = DicomWeb("dicomweb", f"http://127.0.0.1:{free_port()}")
    assert fault_of(nobody, searched) is PacsFault.UNREACHABLE


@pytest.mark.parametrize(
    "status, kind, body, fault",
    [
        (500, "text/html", b"<h1>Oops</h1>", PacsFault.FAILED),
        (404, LIST, b"[]", PacsFault.FAILED),
        (200, "text/html", b"<h1>Sign in</h1>", PacsFault.GARBLED),
        (200, LIST, b"[{", PacsFault.GARBLED),
        (200, LIST, b"[1]", PacsFault.GARBLED),
        (200, LIST, b"[" * 100_000, PacsFault.GARBLED),
        (200, LIST, b'[{"0020000D": {"Value": ["../instances"]}}]', PacsFault.GARBLED),
        (200, LIST, b'[{"0020000D": {"Value": [{}]}}]', PacsFault.GARBLED),
        (200, LIST, b'[{"0020000D": 3}]', PacsFault.GARBLED),
    ],
)
def test_what_is_no_list_of_studies_is_a_fault(status: int, kind: str, body: bytes, fault: PacsFault) -> None:
    with saying(status, kind, body) as (archive, _asked):
        assert fault_of(archive, searched) is fault


def test_a_redirect_is_not_followed() -> None:
    with (
        saying(200, LIST, b"[]") as (other, asked),
        saying(302, LIST, b"", Location=other.url) as (archive, _asked),
    ):
        assert fault_of(archive, searched) is PacsFault.FAILED
        assert asked == []


def test_nothing_found_may_be_said_without_a_list() -> None:
    with saying(204, LIST, b"") as (archive, asked), DicomWebPeer(archive) as peer:
        assert searched(peer).series == ()
    assert asked[0].startswith("/root/studies?ModalitiesInStudy=ECG&StudyDescription=*a%20b*%26limit%3D9*&")


def test_of_a_list_without_an_end_no_more_is_read_than_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb, "MOST_ANSWER_BYTES", 100_000)
    series = {**STUDY, "0020000E": {"vr": "UI", "Value": ["1.2"]}, "00080060": {"vr": "CS", "Value": ["ECG"]}}
    body = b"[" + json.dumps(series).encode() * 1 + (b"," + json.dumps(series).encode()) * 20_000
    with saying(200, LIST, body) as (archive, _asked), DicomWebPeer(archive) as peer:
        found = searched(peer)
    assert (len(found.series), found.more, "X^Y" in repr(found)) == (MOST_SERIES, True, False)


def test_an_object_is_the_first_part_of_the_answer() -> None:
    body = b"--=limit=\r\nContent-Type: application/dicom\r\n\r\nOBJECT\r\n\r\nmore\r\n--=limit=--\r\n"
    with saying(200, PARTS, body) as (archive, asked), DicomWebPeer(archive) as peer:
        assert fetched(peer) == b"OBJECT\r\n\r\nmore"
    assert asked == ["/root/studies/1.2/series/1.3/instances/1.4"]


@pytest.mark.parametrize(
    "kind, body, fault",
    [
        (PARTS, b"--=limit=--\r\n", PacsFault.NOT_SENT),
        (PARTS, b"nothing of the kind", PacsFault.GARBLED),
        (PARTS, b"--=limit=\r\n\r\ncut short", PacsFault.GARBLED),
        ("application/dicom", b"DICM", PacsFault.GARBLED),
        ("multipart/related", b"--=limit=\r\n\r\nx\r\n--=limit=--", PacsFault.GARBLED),
    ],
)
def test_an_answer_without_an_object_is_a_fault(kind: str, body: bytes, fault: PacsFault) -> None:
    with saying(200, kind, body) as (archive, _asked):
        assert fault_of(archive, fetched) is fault


def test_an_object_that_is_too_large_is_not_read_to_its_end() -> None:
    with saying(200, PARTS, bytes(MAX_FILE_BYTES + 100_000)) as (archive, _asked):
        assert fault_of(archive, fetched) is PacsFault.TOO_LARGE


MINE = picture()


def sequence(tag: str, uid: str = str(MINE.SOPInstanceUID), **more: Any) -> bytes:
    """Return what an archive says of an object."""
    return json.dumps(
        {tag: {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}, **more}]}}
    ).encode()


def because(reason: Any) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [reason]}}


TAKEN, FAILED = "00081199", "00081198"


@pytest.mark.parametrize(
    "status, body, reply",
    [
        (200, sequence(TAKEN), Reply(stored=True, status="0000")),
        (202, sequence(TAKEN), Reply(stored=True, status="0000")),
        (409, sequence(FAILED, **because(0x0111)), Reply(stored=True, status="0111")),
        (409, sequence(FAILED, **because(0xA700)), Reply(stored=False, status="A700")),
        (202, sequence(FAILED, **because(0xC000)), Reply(stored=False, status="C000")),
        (200, sequence(FAILED, **because("full")), Reply(stored=False, status="HTTP 200")),
        (409, b"", Reply(stored=False, status="HTTP 409")),
        (413, b"<h1>Request Entity Too Large</h1>", Reply(stored=False, status="HTTP 413")),
    ],
)
def test_what_an_archive_says_of_an_object_is_told(status: int, body: bytes, reply: Reply) -> None:
    with saying(status, LIST, body) as (archive, asked), DicomWebPeer(archive) as peer:
        assert peer.store(MINE) == reply
    assert asked == ["/root/studies"]


@pytest.mark.parametrize(
    "status, body, fault",
    [
        (200, b"", PacsFault.GARBLED),
        (200, b"[]", PacsFault.GARBLED),
        (200, b"[" * 100_000, PacsFault.GARBLED),
        (200, sequence(TAKEN, "1.2.3"), PacsFault.GARBLED),
        (200, json.dumps({TAKEN: {"Value": [3]}}).encode(), PacsFault.GARBLED),
        (302, b"", PacsFault.FAILED),
        (503, sequence(TAKEN), PacsFault.FAILED),
        (401, b"", PacsFault.REFUSED),
        (409, sequence(FAILED, **because(0x0124)), PacsFault.REFUSED),
        (409, sequence(FAILED, **because(0x0122)), PacsFault.NOT_OFFERED),
        (415, b"", PacsFault.NOT_OFFERED),
    ],
)
def test_an_archive_that_says_nothing_of_the_object_has_not_taken_it(
    status: int, body: bytes, fault: PacsFault
) -> None:
    with saying(status, LIST, body) as (archive, _asked):
        assert fault_of(archive, lambda peer: peer.store(MINE)) is fault
