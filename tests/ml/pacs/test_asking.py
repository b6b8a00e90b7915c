"""A real archive asked by both protocols, in a process of its own that ends whatever the archive does."""

import io
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from ml.ecg.decoder import decode_file
from ml.ecg.decoding import environment
from ml.ecg.readers.dicom import signal_of
from ml.pacs import asking
from ml.pacs.archives import (
    Archive,
    Criteria,
    Dimse,
    Found,
    Labels,
    Modality,
    PacsError,
    PacsFault,
    Reply,
    Series,
)
from ml.pacs.asking import fetch, search, store
from tests.support.pacs import IDENTIFYING, Orthanc, another_of, picture, waveform

DAY = date(2026, 3, 2)


@pytest.fixture(params=["dimse", "dicomweb"])
def archive(request: pytest.FixtureRequest, orthanc: Orthanc) -> Archive:
    found: Archive = getattr(orthanc, request.param)
    return found


@pytest.fixture(scope="module")
def stored(orthanc: Orthanc, shared_data: Path) -> Series:
    """Return the series of an ECG and a picture, beside another day's and another modality's."""
    first = waveform(shared_data, StudyDescription="Épreuve d'effort")
    orthanc.store(
        first,
        another_of(first, picture(Modality="ECG", StudyDescription="Épreuve d'effort")),
        waveform(shared_data, StudyDate="20251224", StudyDescription="Épreuve d'effort"),
        picture(StudyDescription="Épreuve d'effort"),
    )
    return Series(
        str(first.StudyInstanceUID),
        str(first.SeriesInstanceUID),
        "2026-03-02",
        "Épreuve d'effort",
        "12 dérivations",
        2,
    )


@contextmanager
def silent() -> Iterator[int]:
    """Return a port where somebody takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def samples(made: Dataset) -> bytes:
    """Return what of an object is no text: archives may write it anew in another transfer syntax."""
    return bytes(made.PixelData if "PixelData" in made else made.WaveformSequence[0].WaveformData)


def test_a_search_by_day_modality_and_description_tells_nothing_of_the_patient(
    archive: Archive, stored: Series
) -> None:
    part = "Épreuve d" if isinstance(archive, Dimse) else "preuve"  # Orthanc's QIDO knows no accents
    found = search(archive, Criteria(Modality.ECG, DAY, DAY, part))
    assert found == Found((stored,), more=False)
    assert not [each for each in IDENTIFYING if each in repr(found)]


def test_the_objects_of_a_series_come_as_they_were_stored(
    archive: Archive, orthanc: Orthanc, shared_data: Path
) -> None:
    first = waveform(shared_data)
    both = {
        str(each.SOPInstanceUID): each for each in (first, another_of(first, picture(200, Modality="ECG")))
    }
    orthanc.store(*both.values())
    got = list(fetch(archive, first.StudyInstanceUID, first.SeriesInstanceUID, 10))
    assert {each.uid for each in got} == both.keys()
    for each in got:
        assert each.fault is None
        assert samples(pydicom.dcmread(io.BytesIO(each.data))) == samples(both[each.uid])
    assert [each.left for each in got] == [1, 0]


def test_more_objects_than_one_wants_are_one_fault(orthanc: Orthanc, stored: Series) -> None:
    first, other = fetch(orthanc.dicomweb, stored.study, stored.uid, 1)
    assert (first.fault, bool(first.data)) == (None, True)
    assert (other.fault, other.data) == (PacsFault.TOO_MANY, b"")


def test_what_an_archive_is_sent_comes_back_the_same(
    archive: Archive, shared_data: Path, tmp_path: Path
) -> None:
    ecg, paper = tmp_path / "ecg", tmp_path / "paper"
    [decoded] = decode_file(shared_data / "ecg-formats" / "dicom" / "pydicom_waveform_ecg.dcm")
    ecg.write_bytes(decoded.original)
    Image.new("RGB", (31, 20), "red").save(paper, "PNG")
    study, series, *uids = (str(generate_uid(None)) for _ in range(4))
    first, second = (Labels("CHEVET-0123456789AB", study, series, uid, 1) for uid in uids)
    for _again in range(2):
        assert store(archive, ecg, "application/dicom", first) == Reply(stored=True, status="0000")
    assert store(archive, paper, "image/png", second).stored
    back = {each.uid: io.BytesIO(each.data) for each in fetch(archive, study, series, 10)}
    assert back.keys() == set(uids)
    before, after = signal_of(io.BytesIO(decoded.original)), signal_of(back[first.uid])
    assert after.leads == before.leads
    np.testing.assert_array_equal(after.samples_mv, before.samples_mv)
    assert (pydicom.dcmread(back[second.uid]).pixel_array == (255, 0, 0)).all()


def test_a_recording_that_cannot_be_made_an_object_is_a_fault(orthanc: Orthanc, tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"no object")
    with pytest.raises(PacsError) as caught:
        store(
            orthanc.dicomweb, path, "application/dicom", Labels("CHEVET-0", "2.25.1", "2.25.2", "2.25.3", 1)
        )
    assert caught.value.fault is PacsFault.FAILED


def test_a_series_that_is_gone_has_no_objects(orthanc: Orthanc) -> None:
    assert list(fetch(orthanc.dimse, "1.2.3", "1.2.3.4", 10)) == []


def test_an_archive_that_says_nothing_is_waited_for_as_long_as_its_settings_say(orthanc: Orthanc) -> None:
    with silent() as port, pytest.raises(PacsError) as caught:
        search(replace(orthanc.dimse, port=port, patience_s=0.5), Criteria())
    assert caught.value.fault is PacsFault.TIMED_OUT


def test_a_process_that_says_nothing_is_ended(orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SEARCH_S", 0.3)
    with silent() as port, pytest.raises(PacsError) as caught:
        search(replace(orthanc.dicomweb, url=f"http://127.0.0.1:{port}", patience_s=500), Criteria())
    assert caught.value.fault is PacsFault.TIMED_OUT


def test_where_our_port_is_in_use_nothing_is_fetched(orthanc: Orthanc, stored: Series) -> None:
    with (
        socket.create_server(("127.0.0.1", orthanc.own_port)),
        pytest.raises(PacsError) as caught,
    ):
        list(fetch(orthanc.dimse, stored.study, stored.uid, 10))
    assert caught.value.fault is PacsFault.PORT_TAKEN


def test_a_process_that_dies_over_an_object_leaves_none_untold(
    orthanc: Orthanc, stored: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = list[subprocess.Popen[bytes]]()

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            begun.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    objects = fetch(orthanc.dicomweb, stored.study, stored.uid, 10)
    got = [next(objects)]
    begun[0].kill()
    got += objects
    assert len(got) == 2
    assert all(each.data or each.fault is PacsFault.FAILED for each in got)


def test_the_process_ends_with_whoever_asked() -> None:
    ours, theirs = socket.socketpair()
    with silent() as port, ours, theirs:
        question = f'{{"archive": {{"kind": "dicomweb", "url": "http://127.0.0.1:{port}"}}, "search": '
        question += '{"modality": "ECG", "since": null, "until": null, "description": ""}}\n'
        process = subprocess.Popen(
            [sys.executable, "-m", "ml.pacs", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment(),
            stderr=subprocess.PIPE,
        )
        theirs.close()
        ours.sendall(question.encode())
        assert ours.recv(100) == b'{"ready": true}\n'
        ours.close()
        _said, complaint = process.communicate(timeout=30)
    assert (process.returncode, complaint) == (1, b""), "it goes without a word, whatever it was at"


def test_an_authorization_that_is_gone_meanwhile_is_a_fault_of_the_site(orthanc: Orthanc) -> None:
    with pytest.raises(PacsError) as caught:
        search(replace(orthanc.dicomweb, authorization_file="/nowhere"), Criteria())
    assert caught.value.fault is PacsFault.FAILED
