"""Archives over the API: named, searched, imported from, by those who may."""

from dataclasses import replace
from pathlib import Path

import pytest

from schema.models.cases import CaseCategory, Difficulty
from schema.policy import Role, Scope
from schema.services.bulk import PACS_JOB
from schema.services.cases import Cases
from schema.services.jobs import run_due
from schema.services.pacs_deliveries import Delivery
from schema.services.recordings import Recordings
from schema.types.base import global_id
from schema.types.pacs import PacsDelivery
from tests.schema.conftest import World
from tests.support.pacs import IDENTIFYING, Orthanc, picture

ARCHIVES = "{ pacsArchives }"
SEARCH = """query Q(
  $archive: String!, $modality: PacsModality! = ECG, $since: Date, $until: Date, $text: String! = ""
) {
  searchPacs(archive: $archive, modality: $modality, since: $since, until: $until, description: $text) {
    series { key date studyDescription description objectCount } hasMore message code } }"""
IMPORT = """mutation M($input: ImportFromPacsInput!) { importFromPacs(input: $input) { __typename
  ... on Job { id kind state } ... on ValidationErrors { fields { path code message } }
  ... on NotAllowed { code } } }"""
DESTINATIONS = "{ pacsDestinations }"
SEND = """mutation M($input: SendToPacsInput!) { sendToPacs(input: $input) { __typename
  ... on PacsDelivery { archive stored status problem problemCode }
  ... on ValidationErrors { fields { path code } } ... on NotAllowed { code } } }"""
JOB = """query Q($id: ID!) { job(id: $id) { state result { __typename ... on RecordingImport {
  fileCount caseCount
  files { number recordingCount caseId message code } } } } }"""


@pytest.fixture
def hospital(world: World, orthanc: Orthanc) -> World:
    world.services.archives = {"Cardiologie": orthanc.dimse, "Urgences": orthanc.dicomweb}
    return world


def test_strangers_students_and_experts_search_and_import_nothing(hospital: World) -> None:
    given = {"series": ["x"], "idempotencyKey": "k"}
    assert hospital.codes(ARCHIVES, None) == ["UNAUTHENTICATED"]
    assert hospital.codes(SEARCH, None, archive="Cardiologie") == ["UNAUTHENTICATED"]
    assert hospital.codes(IMPORT, None, input=given) == ["UNAUTHENTICATED"]
    for role in (Role.STUDENT, Role.EXPERT, Role.ANALYST, Role.CLINICIAN):
        actor = hospital.person(role)
        assert hospital.codes(SEARCH, actor, archive="Cardiologie") == ["FORBIDDEN"]
        assert hospital.ask(IMPORT, actor, input=given)["code"] == "missing_scope"
    assert hospital.ask(ARCHIVES, hospital.person(Role.EXPERT)) == []


def test_a_token_needs_the_scope_of_archives(hospital: World) -> None:
    others = replace(hospital.person(), scopes=frozenset(Scope) - {Scope.PACS}, token_id=1)
    assert hospital.ask(ARCHIVES, others) == []
    assert hospital.codes(SEARCH, others, archive="Cardiologie") == ["FORBIDDEN"]
    given = {"series": ["x"], "idempotencyKey": "k"}
    assert hospital.ask(IMPORT, others, input=given) == {"__typename": "NotAllowed", "code": "missing_scope"}


def test_without_archives_there_is_nothing_to_search(world: World) -> None:
    teacher = world.person()
    assert world.ask(ARCHIVES, teacher) == []
    assert world.ask(SEARCH, teacher, archive="Cardiologie") is None


def test_what_is_found_is_imported_and_followed_to_its_end(hospital: World, orthanc: Orthanc) -> None:
    teacher, colleague = hospital.person(), hospital.person()
    orthanc.store(picture(StudyDescription="Scope de garde", StudyDate="20260401"))
    assert hospital.ask(ARCHIVES, teacher) == ["Cardiologie", "Urgences"]
    asked = {"archive": "Urgences", "modality": "OT", "since": "2026-04-01", "until": "2026-04-01"}
    found = hospital.ask(SEARCH, teacher, **asked, text="garde")
    [series] = found.pop("series")
    key = series.pop("key")
    assert found == {"hasMore": False, "message": None, "code": None}
    assert series == {
        "date": "2026-04-01",
        "studyDescription": "Scope de garde",
        "description": "12 dérivations",
        "objectCount": 1,
    }
    assert not [each for each in IDENTIFYING if each in str(series) + key]
    given = {"series": [key], "idempotencyKey": "k", "name": "Garde"}
    refused = hospital.ask(IMPORT, colleague, input=given)
    assert [(each["path"], each["code"]) for each in refused["fields"]] == [(["series"], "pacs_choice")]
    job = hospital.ask(IMPORT, teacher, input=given)
    assert (job["kind"], job["state"]) == ("import_from_pacs", "QUEUED")
    run_due(hospital.database, {PACS_JOB: hospital.services.pacs.work}, hospital.clock, 5)
    result = hospital.ask(JOB, teacher, id=job["id"])["result"]
    [file] = result.pop("files")
    assert result == {"__typename": "RecordingImport", "fileCount": 1, "caseCount": 1}
    assert (file["number"], file["recordingCount"], file["code"]) == (1, 1, None)
    assert hospital.ask("query Q($id: ID!) { case(id: $id) { name } }", teacher, id=file["caseId"]) == {
        "name": "Garde 1"
    }
    assert hospital.ask(JOB, colleague, id=job["id"]) is None


def test_an_archive_that_does_not_answer_is_told_in_words(hospital: World, orthanc: Orthanc) -> None:
    hospital.services.archives = {"Urgences": replace(orthanc.dicomweb, url="http://127.0.0.1:1")}
    found = hospital.ask(SEARCH, hospital.person(), archive="Urgences")
    assert (found["series"], found["hasMore"], found["code"]) == ([], False, "pacs_unreachable")
    assert found["message"].startswith("The archive cannot be reached.")


@pytest.mark.parametrize("day", ["20260302", "2026-02-30", "2026-W10-1", "", "hier"])
def test_what_is_no_day_is_refused(hospital: World, day: str) -> None:
    assert hospital.run(SEARCH, hospital.person(), {"archive": "Urgences", "since": day}).errors


def test_strangers_students_and_experts_send_nothing_and_a_held_page_is_no_recording(hospital: World) -> None:
    given = {"recordingId": global_id("Recording", 1), "archive": "Urgences"}
    assert hospital.codes(DESTINATIONS, None) == ["UNAUTHENTICATED"]
    assert hospital.codes(SEND, None, input=given) == ["UNAUTHENTICATED"]
    for role in (Role.STUDENT, Role.EXPERT, Role.ANALYST, Role.CLINICIAN):
        assert hospital.ask(SEND, hospital.person(role), input=given)["code"] == "missing_scope"
    assert hospital.ask(DESTINATIONS, hospital.person(Role.EXPERT)) == []
    missing = {"__typename": "NotFound"}
    for kind in ("Recording", "HeldPage", "Case"):
        held = {**given, "recordingId": global_id(kind, 1)}
        assert hospital.ask(SEND, hospital.person(), input=held) == missing


def test_what_an_archive_says_to_a_recording_is_told_in_words(
    hospital: World, orthanc: Orthanc, shared_data: Path
) -> None:
    teacher = hospital.person()
    hospital.services.archives = {"Urgences": orthanc.dicomweb, "Seule": replace(orthanc.dimse, stores=False)}
    assert hospital.ask(DESTINATIONS, teacher) == ["Urgences"]
    with (shared_data / "ecg-formats" / "dicom" / "pydicom_waveform_ecg.dcm").open("rb") as file:
        pages = hospital.services.intake.take(teacher.account_id, file)
    with hospital.database.write() as session:
        cases = Cases(session, teacher, hospital.clock, hospital.services.ontology)
        case = cases.create("Cas", CaseCategory.OTHER, Difficulty.BEGINNER, "")
        Recordings(session, cases, hospital.clock).add(case.id or 0, pages)
    given = {"recordingId": global_id("Recording", 1), "archive": "Urgences"}
    assert hospital.ask(SEND, hospital.person(), input=given) == {"__typename": "NotFound"}
    assert hospital.ask(SEND, teacher, input={**given, "archive": "Seule"})["fields"] == [
        {"path": ["archive"], "code": "pacs_takes_none"}
    ]
    assert hospital.ask(SEND, teacher, input=given) == {
        "__typename": "PacsDelivery",
        "archive": "Urgences",
        "stored": True,
        "status": "0000",
        "problem": None,
        "problemCode": None,
    }
    delivery = PacsDelivery.of(Delivery("Urgences", status="A700"), hospital.context(teacher))
    assert (delivery.stored, delivery.status, delivery.problem_code) == (False, "A700", "pacs_not_stored")
    assert delivery.problem == "The archive did not keep the recording, and gave the status A700."
