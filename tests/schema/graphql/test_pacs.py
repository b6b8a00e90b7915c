"""Archives over the API: named, searched, imported from, by those who may."""

from dataclasses import replace

import pytest

from schema.policy import Role, Scope
from schema.services.bulk import PACS_JOB
from schema.services.jobs import run_due
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
