"""Recordings sent to an archive: by their owner alone, as nobody's, the same object each time."""

import io
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from sqlmodel import col, select

from ml.ecg.readers.dicom import signal_of
from ml.pacs.archives import PacsFault
from ml.pacs.asking import fetch
from schema.errors import NotFoundError, ValidationFailedError
from schema.models.accounts import AuditEvent
from schema.models.cases import CaseCategory, Difficulty, Recording
from schema.policy import Actor, Role, Scope
from schema.services.cases import Cases
from schema.services.pacs_deliveries import Delivery, PacsDeliveries
from schema.services.recordings import Recordings
from tests.schema.conftest import World
from tests.support.pacs import IDENTIFYING, Orthanc, waveform, written
from tests.support.processes import free_port

DIMSE, WEB, SEALED, NOBODY, SILENT = "Cardiologie", "Enseignement", "Scellée", "Personne", "Muette"


class Lectern:
    """A teacher whose case has a patient's ECG, and archives to send it to."""

    def __init__(self, world: World, orthanc: Orthanc, shared_data: Path, silent_port: int) -> None:
        self.world, self.teacher = world, world.person()
        silent = replace(orthanc.dicomweb, url=f"http://127.0.0.1:{silent_port}", patience_s=0.5)
        world.services.archives = {
            DIMSE: orthanc.dimse,
            WEB: orthanc.dicomweb,
            SEALED: replace(orthanc.dicomweb, stores=False),
            NOBODY: replace(orthanc.dimse, port=free_port()),
            SILENT: silent,
        }
        self.deliveries: PacsDeliveries = world.services.pacs_deliveries
        self.recording = self.added(written(waveform(shared_data)))

    def added(self, file: bytes) -> Recording:
        """Return the recording of a file in a new case of the teacher's."""
        services = self.world.services
        pages = services.intake.take(self.teacher.account_id, io.BytesIO(file))
        with self.world.database.write() as session:
            cases = Cases(session, self.teacher, self.world.clock, services.ontology)
            case = cases.create("Mme Martineau", CaseCategory.OTHER, Difficulty.BEGINNER, "Douleur.")
            Recordings(session, cases, self.world.clock).add(case.id or 0, pages, "ECG de Mme Martineau")
            return session.exec(select(Recording).order_by(col(Recording.id).desc())).first()  # type: ignore[return-value]

    def send(self, archive: str, actor: Actor | None = None, recording: int | None = None) -> Delivery:
        key = self.recording.id if recording is None else recording
        return self.deliveries.send(actor or self.teacher, key or 0, archive)

    def told(self) -> list[tuple[str, object]]:
        with self.world.database.read() as session:
            events = session.exec(select(AuditEvent).where(col(AuditEvent.action).startswith("pacs")))
            return [(each.action, each.detail) for each in events]


@pytest.fixture
def lectern(world: World, orthanc: Orthanc, shared_data: Path) -> Iterator[Lectern]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Lectern(world, orthanc, shared_data, listener.getsockname()[1])


def test_a_colleagues_recording_answers_like_a_missing_one_and_nothing_is_sent(lectern: Lectern) -> None:
    colleague = lectern.world.person()
    for actor, recording in ((colleague, lectern.recording.id), (lectern.teacher, 999)):
        for archive in (WEB, SEALED, "Ailleurs"):
            with pytest.raises(NotFoundError):
                lectern.send(archive, actor, recording)
    assert lectern.told() == []


def test_only_archives_that_take_recordings_are_offered_and_to_those_alone_who_may(lectern: Lectern) -> None:
    names = lectern.deliveries.names
    assert names(lectern.teacher) == [DIMSE, WEB, NOBODY, SILENT]
    assert names(lectern.world.person(Role.EXPERT)) == []
    assert names(replace(lectern.teacher, scopes=frozenset({Scope.CASES_WRITE}), token_id=1)) == []
    for archive in (SEALED, "Ailleurs"):
        with pytest.raises(ValidationFailedError) as caught:
            lectern.send(archive)
        assert [(each.path, each.code) for each in caught.value.problems] == [
            (("archive",), "pacs_takes_none")
        ]
    assert lectern.told() == []


def test_a_recording_is_sent_as_nobodys_and_again_as_the_same_object(
    lectern: Lectern, orthanc: Orthanc
) -> None:
    for archive in (WEB, DIMSE):
        assert lectern.send(archive) == Delivery(archive, stored=True, status="0000")
    labels = lectern.deliveries._labels(lectern.recording)  # noqa: SLF001 - nobody is told them
    assert all(uid.startswith("2.25.") for uid in (labels.study, labels.series, labels.uid))
    [back] = fetch(orthanc.dicomweb, labels.study, labels.series, 10)
    assert back.uid == labels.uid
    made = pydicom.dcmread(io.BytesIO(back.data))
    assert made.PatientID == labels.patient
    assert not [each for each in (*IDENTIFYING, "Martineau", "20260302") if each in str(made)]
    kept = signal_of(io.BytesIO(lectern.world.services.blobs.get(lectern.recording.original_key)))
    np.testing.assert_array_equal(signal_of(io.BytesIO(back.data)).samples_mv, kept.samples_mv)
    assert lectern.told() == [
        event
        for archive in (WEB, DIMSE)
        for event in (
            ("pacs.sending", {"archive": archive}),
            ("pacs.sent", {"archive": archive, "fault": "", "status": "0000"}),
        )
    ]


def test_labels_are_of_the_case_by_the_sites_key_and_of_one_content_each(lectern: Lectern) -> None:
    labels, row = lectern.deliveries._labels, lectern.recording  # noqa: SLF001 - nobody is told them
    first = labels(row)
    other = row.model_copy(update={"id": 77, "position": 1})
    assert labels(other) == replace(first, uid=labels(other).uid, number=2)
    edited = row.model_copy(update={"original_key": "e" * 64})
    assert labels(edited) == replace(first, uid=labels(edited).uid)
    assert len({first.uid, labels(other).uid, labels(edited).uid}) == 3
    elsewhere = labels(row.model_copy(update={"case_id": 78}))
    assert {elsewhere.patient, elsewhere.study} & {first.patient, first.study} == set()
    pacs = replace(lectern.world.services.passwords, key=b"another site's")
    lectern.deliveries._passwords = pacs  # noqa: SLF001 - the same case on another site
    assert labels(row).patient != first.patient


def test_an_archive_that_cannot_be_reached_or_says_nothing_is_told_and_on_the_trail(lectern: Lectern) -> None:
    assert lectern.send(NOBODY) == Delivery(NOBODY, fault=PacsFault.UNREACHABLE)
    assert lectern.send(SILENT) == Delivery(SILENT, fault=PacsFault.TIMED_OUT)
    assert [detail for action, detail in lectern.told() if action == "pacs.sent"] == [
        {"archive": NOBODY, "fault": "pacs_unreachable", "status": ""},
        {"archive": SILENT, "fault": "pacs_timed_out", "status": ""},
    ]


def test_a_recording_whose_file_is_gone_is_missing(lectern: Lectern) -> None:
    lectern.world.services.blobs.delete(lectern.recording.original_key)
    with pytest.raises(NotFoundError):
        lectern.send(WEB)
