"""Archives of DICOM's own protocol that misbehave, and strangers at our port."""

import gc
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, SecondaryCaptureImageStorage
from pynetdicom import AE, evt

from ml.pacs import questions
from ml.pacs.archives import Criteria, Dimse, PacsError, PacsFault, Reply
from ml.pacs.dimse import FIND, MOVE, DimsePeer
from ml.pacs.questions import objects, search
from tests.support.pacs import picture
from tests.support.processes import free_port

Answers = Iterator[tuple[Any, Any]]
SECONDS = 5.0
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"  # pynetdicom forgets the socket of a call that fails
)


@pytest.fixture(autouse=True)
def _what_was_forgotten_is_found_here() -> Iterator[None]:
    """Have what pynetdicom forgets collected here, where that is no fault, and not within another test."""
    logger = logging.getLogger("pynetdicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # pytest keeps records, and they keep what failed
    yield
    logger.setLevel(level)
    gc.collect()


def stranger(port: int, patience_s: float = SECONDS) -> Dimse:
    return Dimse(
        "dimse",
        "127.0.0.1",
        port,
        "PACS",
        "CHEVET",
        free_port(),
        own_host="127.0.0.1",
        patience_s=patience_s,
    )


@contextmanager
def archive(
    find: Callable[[evt.Event], Answers] | None = None,
    move: Callable[[evt.Event], Iterator[Any]] | None = None,
    tls: ssl.SSLContext | None = None,
    required: str = "PACS",
    store: Callable[[evt.Event], int] | None = None,
) -> Iterator[int]:
    """Run an archive that answers as one likes."""
    entity = AE(ae_title="PACS")
    entity.require_called_aet = required == "PACS"
    entity.require_calling_aet = ["CHEVET" if required == "PACS" else required]
    entity.add_supported_context(FIND)
    entity.add_supported_context(MOVE)
    entity.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    handlers: list[Any] = [(evt.EVT_C_FIND, find)] if find else []
    handlers += [(evt.EVT_C_MOVE, move)] if move else []
    if store:
        entity.add_supported_context(SecondaryCaptureImageStorage, ImplicitVRLittleEndian)
        handlers.append((evt.EVT_C_STORE, store))
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def saying(octets: bytes) -> Iterator[int]:
    """Answer a call with these octets and hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            call, _address = listener.accept()
            with call:
                call.recv(65536)
                call.sendall(octets)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def answered(**attributes: Any) -> tuple[int, Dataset]:
    made = Dataset()
    for key, value in attributes.items():
        setattr(made, key, value)
    return 0xFF00, made


def fault_of(work: Callable[[], Any]) -> PacsFault:
    with pytest.raises(PacsError) as caught:
        work()
    fault = caught.value.fault
    del caught
    gc.collect()
    return fault


def searched(port: int, patience_s: float = SECONDS) -> Any:
    with DimsePeer(stranger(port, patience_s)) as peer:
        return search(peer, Criteria())


def test_an_archive_that_knows_us_not_refuses() -> None:
    with archive(required="ANOTHER") as port:
        assert fault_of(lambda: searched(port)) is PacsFault.REFUSED


def test_where_nobody_listens_the_archive_is_out_of_reach() -> None:
    port = free_port()
    assert fault_of(lambda: searched(port)) is PacsFault.UNREACHABLE
    lost = replace(stranger(port), host="nowhere.invalid")
    assert fault_of(lambda: DimsePeer(lost).find("STUDY", {}, (), 1)) is PacsFault.UNREACHABLE


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x02\x00\x00\x00\x00\x02ab"])
def test_who_speaks_no_dicom_is_no_archive(octets: bytes) -> None:
    with saying(octets) as port:
        assert fault_of(lambda: searched(port)) in {PacsFault.UNREACHABLE, PacsFault.TIMED_OUT}


def test_an_archive_that_stops_talking_in_the_middle_is_late() -> None:
    released = threading.Event()

    def find(_event: evt.Event) -> Answers:
        yield answered(StudyInstanceUID="1.2.3")
        released.wait(SECONDS)

    with archive(find) as port:
        assert fault_of(lambda: searched(port, patience_s=0.4)) is PacsFault.TIMED_OUT
        released.set()


def test_an_archive_that_fails_or_lies_is_told_so() -> None:
    def fails(_event: evt.Event) -> Answers:
        yield 0xA700, None

    def lies(_event: evt.Event) -> Answers:
        yield answered(StudyDate="20260302")

    with archive(fails) as port:
        assert fault_of(lambda: searched(port)) is PacsFault.FAILED
    with archive(lies) as port:
        assert fault_of(lambda: searched(port)) is PacsFault.GARBLED


def test_of_a_million_results_no_more_are_taken_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_SERIES", 5)
    sent = count()

    def find(event: evt.Event) -> Answers:
        if event.identifier.QueryRetrieveLevel == "SERIES":
            yield answered(SeriesInstanceUID="1.2", Modality="ECG")
            return
        while next(sent) < 1_000_000 and event.assoc.is_established:
            yield answered(StudyInstanceUID="1.2.3", StudyDate="20260302")

    with archive(find) as port:
        found = searched(port)
    assert (len(found.series), found.more) == (5, True)
    assert next(sent) < 100_000


def test_what_an_archive_says_besides_what_was_asked_goes_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for mode in ("reading", "writing"):
        monkeypatch.setattr(pydicom.config.settings, f"{mode}_validation_mode", pydicom.config.IGNORE)
    asked = list[Dataset]()

    def find(event: evt.Event) -> Answers:
        asked.append(event.identifier)
        yield answered(
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID="1.2.3.4",
            Modality="ECG",
            StudyDate="2 mars",
            SeriesDescription="ECG\x07\n" + "long" * 100,
            NumberOfSeriesRelatedInstances="-3",
            PatientName="MARTINEAU^ODILE",
            PatientID="4471902",
        )

    with archive(find) as port:
        [series] = searched(port).series
    assert (series.date, series.objects, len(series.description)) == ("", None, 64)
    assert series.description.isprintable()
    assert "MARTINEAU" not in repr(series)
    assert not [each for question in asked for each in question.dir("Patient")]


def listing(*made: FileDataset) -> Callable[[evt.Event], Answers]:
    def find(_event: evt.Event) -> Answers:
        for each in made:
            yield answered(SOPInstanceUID=each.SOPInstanceUID, SOPClassUID=each.SOPClassUID)

    return find


def test_an_archive_that_moves_fewer_than_it_lists_is_told_object_by_object() -> None:
    here, gone, broken = picture(), picture(), picture()
    destinations = list[int]()

    def move(event: evt.Event) -> Iterator[Any]:
        wanted = event.identifier.SOPInstanceUID
        yield "127.0.0.1", destinations[0]
        yield 0 if wanted == gone.SOPInstanceUID else 1
        if wanted == here.SOPInstanceUID:
            yield 0xFF00, here
        if wanted == broken.SOPInstanceUID:
            yield 0xC001, Dataset()

    with archive(listing(here, gone, broken), move) as port, DimsePeer(stranger(port)) as peer:
        destinations.append(peer._archive.own_port)  # noqa: SLF001 - where the archive's settings send to
        with peer.receiving():
            listed = [each.uid for each in objects(peer, "1.2", "1.2.3", 10)]
            assert listed == [here.SOPInstanceUID, gone.SOPInstanceUID, broken.SOPInstanceUID]
            assert peer.fetch("1.2", "1.2.3", listed[0])[128:132] == b"DICM"
            assert fault_of(lambda: peer.fetch("1.2", "1.2.3", listed[1])) is PacsFault.NOT_SENT
            assert fault_of(lambda: peer.fetch("1.2", "1.2.3", listed[2])) is PacsFault.FAILED


def test_an_archive_that_knows_no_such_destination_says_so() -> None:
    def move(_event: evt.Event) -> Iterator[Any]:
        yield None, None

    with archive(move=move) as port, DimsePeer(stranger(port)) as peer, peer.receiving():
        assert fault_of(lambda: peer.fetch("1.2", "1.3", "1.4")) is PacsFault.NO_DESTINATION


def test_objects_of_other_classes_are_not_fetched() -> None:
    scan = picture()
    scan.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    with archive(listing(scan)) as port, DimsePeer(stranger(port)) as peer:
        assert [each.fault for each in objects(peer, "1.2", "1.3", 5)] == [PacsFault.OTHER_OBJECT]


@pytest.mark.parametrize(
    "status, reply",
    [
        (0x0000, Reply(stored=True, status="0000")),
        (0xB007, Reply(stored=True, status="B007")),
        (0x0111, Reply(stored=True, status="0111")),
        (0xA700, Reply(stored=False, status="A700")),
        (0xC123, Reply(stored=False, status="C123")),
    ],
)
def test_an_archive_is_sent_an_object_as_it_takes_them_and_what_it_says_is_told(
    status: int, reply: Reply
) -> None:
    made, got = picture(), list[Dataset]()

    def store(event: evt.Event) -> int:
        got.append(event.dataset)
        return status

    with archive(store=store) as port, DimsePeer(stranger(port)) as peer:
        assert peer.store(made) == reply
    [theirs] = got
    assert (theirs.SOPInstanceUID, theirs.PixelData) == (made.SOPInstanceUID, made.PixelData)


def test_an_archive_that_takes_no_such_object_lets_nobody_in_or_says_nothing_is_a_fault() -> None:
    released = threading.Event()

    def silent(_event: evt.Event) -> int:
        released.wait(SECONDS)
        return 0

    def stored(port: int, patience_s: float = SECONDS) -> Reply:
        with DimsePeer(stranger(port, patience_s)) as peer:
            return peer.store(picture())

    with archive() as port:
        assert fault_of(lambda: stored(port)) is PacsFault.NOT_OFFERED
    with archive(store=lambda _event: 0x0122) as port:
        assert fault_of(lambda: stored(port)) is PacsFault.NOT_OFFERED
    with archive(store=lambda _event: 0x0124) as port:
        assert fault_of(lambda: stored(port)) is PacsFault.REFUSED
    with archive(required="OTHER", store=lambda _event: 0) as port:
        assert fault_of(lambda: stored(port)) is PacsFault.REFUSED
    with archive(store=silent) as port:
        assert fault_of(lambda: stored(port, patience_s=0.4)) is PacsFault.TIMED_OUT
        released.set()
    assert fault_of(lambda: stored(free_port())) is PacsFault.UNREACHABLE


def test_strangers_at_our_port_are_turned_away_and_what_nobody_asked_for_is_refused() -> None:
    ours = stranger(free_port())
    with DimsePeer(ours) as peer, peer.receiving():
        for name, let_in in (("INTRUDER", False), ("PACS", True)):
            entity = AE(ae_title=name)
            entity.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
            talk = entity.associate("127.0.0.1", ours.own_port, ae_title="CHEVET")
            assert talk.is_established is let_in
            if let_in:
                assert talk.send_c_store(picture()).Status == 0xC000
                talk.release()
        assert peer._received is None  # noqa: SLF001 - nothing came through


def test_with_tls_both_ways_are_encrypted_and_both_sides_known(certificate: tuple[str, str]) -> None:
    here, (cert, key) = picture(), certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cert)
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.create_default_context(cafile=cert)
    calling.load_cert_chain(cert, key)
    destinations = list[int]()

    def move(_event: evt.Event) -> Iterator[Any]:
        yield "127.0.0.1", destinations[0], {"tls_args": (calling, "127.0.0.1")}
        yield 1
        yield 0xFF00, here

    with archive(listing(here), move, tls=context) as port:
        known = replace(stranger(port), tls=True, ca_file=cert, cert_file=cert, key_file=key)
        destinations.append(known.own_port)
        with DimsePeer(known) as peer, peer.receiving():
            assert peer.fetch("1.2", "1.2.3", here.SOPInstanceUID)[128:132] == b"DICM"
        for other in (replace(known, ca_file=None), replace(known, cert_file=None)):
            with DimsePeer(other) as peer:
                assert fault_of(lambda: peer.find("STUDY", {}, (), 1)) is PacsFault.UNREACHABLE
