import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from sqlalchemy import event

from ml.ecg.readers import read_kept
from ml.ecg.signal import STANDARD_LEADS
from schema.messages import MESSAGES
from schema.policy import Actor, Role, Scope
from tests.ml.ecg.samples import (
    STEP_UV,
    aecg,
    beats,
    muse,
    twelve,
    wfdb_files,
    wfdb_zip,
    zipped,
)
from tests.schema.authors import Author
from tests.schema.conftest import World

REFUSALS = """
    ... on ValidationErrors { fields { path code message } }
    ... on NotFound { message }
    ... on NotAllowed { code message }
    ... on Conflict { code message current }
"""
CASE = """
fragment Whole on Case {
  id name category difficulty description draftText status revision viewerCanEdit
  owner { displayName }
  recordings { id label timing position kind mediaType renderingUrl thumbnailUrl originalUrl
    width height pixelsPerMm samplingRateHz durationSeconds leads }
  annotations { id concept { code label } confidence type coefficient role }
  problems { code message }
}
"""


def mutation(name: str) -> str:
    """Return the document of a mutation that answers with a case."""
    kind = name[0].upper() + name[1:]
    body = f"{name}(input: $input) {{ __typename ... on Case {{ ...Whole }} {REFUSALS} }}"
    return f"mutation($input: {kind}Input!) {{ {body} }} {CASE}"


CASE_BY_ID = f"query($id: ID!) {{ case(id: $id) {{ ...Whole }} }} {CASE}"
LIST = """
query($filter: CaseFilter, $orderBy: CaseOrder,
      $first: Int, $after: String, $last: Int, $before: String) {
  cases(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
MUTATIONS = [
    "createCase",
    "updateCase",
    "validateCase",
    "archiveCase",
    "restoreCase",
    "addRecording",
    "updateRecording",
    "moveRecording",
    "removeRecording",
    "addAnnotations",
    "updateAnnotation",
    "removeAnnotation",
]


def change(world: World, actor: Actor | None, name: str, /, **given: Any) -> Any:
    """Run a mutation and return its answer."""
    return world.ask(mutation(name), actor, input=given)


def picture(width: int = 320, height: int = 200) -> io.BytesIO:
    output = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(output, "PNG")
    output.seek(0)
    return output


class Upload:
    """A file as the web framework hands it over."""

    def __init__(self, data: io.BytesIO, filename: str) -> None:
        self.file = data
        self.filename = filename


def waveform() -> Upload:
    path = get_testdata_file("waveform_ecg.dcm")
    assert isinstance(path, str)
    return Upload(io.BytesIO(Path(path).read_bytes()), "DUPONT Jean 1950.dcm")


def complete(world: World, actor: Actor) -> Any:
    """Write a case that can be validated."""
    case = change(world, actor, "createCase", name="Wenckebach")
    change(world, actor, "addRecording", caseId=case["id"], file=picture())
    codes = [{"conceptId": world.services.ontology.concepts[0].id}]
    return change(world, actor, "addAnnotations", caseId=case["id"], annotations=codes)


INPUTS: dict[str, dict[str, object]] = {
    "createCase": {},
    "updateCase": {"id": "x", "revision": 1},
    "validateCase": {"id": "x", "revision": 1},
    "addRecording": {"caseId": "x", "file": picture()},
    "moveRecording": {"id": "x", "position": 0},
    "addAnnotations": {"caseId": "x", "annotations": []},
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_nobody_changes_a_case_without_signing_in(world: World, name: str) -> None:
    given = INPUTS.get(name, {"id": "x"})
    assert world.codes(mutation(name), None, input=given) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("role", [Role.STUDENT, Role.ANALYST, Role.CLINICIAN])
def test_who_writes_no_cases_changes_none(world: World, name: str, role: Role) -> None:
    answer = change(world, world.person(role), name, **INPUTS.get(name, {"id": "x"}))
    assert (answer["__typename"], answer["code"]) == ("NotAllowed", "missing_scope")


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name != "createCase"])
@pytest.mark.parametrize("identifier", ["x", "", "Q2FzZTo5OTk=", "QWNjb3VudDox"])
def test_a_forged_id_answers_like_a_missing_one(world: World, name: str, identifier: str) -> None:
    given = INPUTS.get(name, {"id": "x"})
    forged = {key: identifier if key in {"id", "caseId"} else value for key, value in given.items()}
    assert change(world, world.person(), name, **forged)["__typename"] == "NotFound"


def test_students_are_refused_the_library(world: World) -> None:
    student = world.person(Role.STUDENT)
    assert world.codes(LIST, student) == ["FORBIDDEN"]
    assert world.codes(CASE_BY_ID, student, id="Q2FzZTox") == ["FORBIDDEN"]


def test_a_token_reads_with_the_scope_to_read_and_does_not_write(world: World) -> None:
    teacher = world.person()
    token = Actor(teacher.account_id, teacher.role, scopes=frozenset({Scope.CASES_READ}), token_id=1)
    case = change(world, teacher, "createCase", name="Mobitz")
    assert world.ask(CASE_BY_ID, token, id=case["id"])["name"] == "Mobitz"
    assert change(world, token, "createCase")["__typename"] == "NotAllowed"


def test_a_foreign_draft_is_null_like_a_missing_one(world: World) -> None:
    case = change(world, world.person(), "createCase")
    other = world.person()
    assert world.ask(CASE_BY_ID, other, id=case["id"]) is None
    assert world.ask(CASE_BY_ID, other, id="Q2FzZTo5OTk=") is None
    assert change(world, other, "archiveCase", id=case["id"])["__typename"] == "NotFound"


def test_a_new_case_is_a_beginners_draft_of_no_category_and_says_what_it_lacks(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    assert {key: case[key] for key in ("name", "category", "difficulty", "status", "revision")} == {
        "name": "New case",
        "category": "OTHER",
        "difficulty": "BEGINNER",
        "status": "DRAFT",
        "revision": 1,
    }
    assert case["owner"]["displayName"] == teacher.display_name
    assert [problem["code"] for problem in case["problems"]] == ["needs_recording", "needs_annotation"]


def test_a_case_goes_from_draft_to_validated_to_archived_and_back(world: World) -> None:
    teacher = world.person()
    case = complete(world, teacher)
    assert case["problems"] == []
    validated = change(world, teacher, "validateCase", id=case["id"], revision=3)
    assert validated["status"] == "VALIDATED"
    assert change(world, teacher, "archiveCase", id=case["id"])["status"] == "ARCHIVED"
    assert change(world, teacher, "restoreCase", id=case["id"])["status"] == "DRAFT"


def test_a_colleague_reads_a_validated_case_and_is_told_it_is_not_theirs(world: World) -> None:
    teacher, colleague = world.person(), world.person(Role.EXPERT)
    case = complete(world, teacher)
    change(world, teacher, "validateCase", id=case["id"], revision=3)
    seen = world.ask(CASE_BY_ID, colleague, id=case["id"])
    assert (seen["name"], seen["viewerCanEdit"]) == ("Wenckebach", False)
    answer = change(world, colleague, "updateCase", id=case["id"], revision=4, name="Mine now")
    assert (answer["__typename"], answer["code"]) == ("NotAllowed", "not_allowed")


def test_a_change_on_an_old_revision_answers_which_one_won(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    change(world, teacher, "updateCase", id=case["id"], revision=1, name="First")
    answer = change(world, teacher, "updateCase", id=case["id"], revision=1, name="Second")
    assert (answer["__typename"], answer["current"]) == ("Conflict", 2)


def test_only_what_is_given_changes(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase", name="Kept", description="Kept too")
    changed = change(
        world, teacher, "updateCase", id=case["id"], revision=1, category="INFARCTION", draftText="STEMI"
    )
    assert (changed["name"], changed["description"]) == ("Kept", "Kept too")
    assert (changed["category"], changed["draftText"], changed["revision"]) == ("INFARCTION", "STEMI", 2)


def test_faults_come_back_beside_their_fields_in_words(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    answer = change(
        world, teacher, "updateCase", id=case["id"], revision=1, name=" ", description="x" * 5_001
    )
    assert answer == {
        "__typename": "ValidationErrors",
        "fields": [
            {"path": ["name"], "code": "required", "message": MESSAGES["required"]},
            {"path": ["description"], "code": "too_long", "message": "At most 5000 characters."},
        ],
    }


def test_a_deleted_case_answers_with_its_id(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    delete = f"""mutation($input: DeleteCaseInput!) {{ deleteCase(input: $input) {{
      __typename ... on DeletedCase {{ caseId }} {REFUSALS} }} }}"""
    assert world.ask(delete, teacher, input={"id": case["id"]}) == {
        "__typename": "DeletedCase",
        "caseId": case["id"],
    }
    assert world.ask(CASE_BY_ID, teacher, id=case["id"]) is None
    assert world.ask(delete, teacher, input={"id": case["id"]})["__typename"] == "NotFound"


def test_a_dicom_waveform_is_added_as_calibrated_paper(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    added = change(
        world, teacher, "addRecording", caseId=case["id"], file=waveform(), timing="POST_TREATMENT"
    )
    (recording,) = added["recordings"]
    assert recording["leads"][:3] == ["I", "II", "III"]
    assert {key: recording[key] for key in ("label", "timing", "kind", "mediaType", "samplingRateHz")} == {
        "label": "ECG_01",
        "timing": "POST_TREATMENT",
        "kind": "SIGNAL",
        "mediaType": "application/dicom",
        "samplingRateHz": 1000.0,
    }
    assert recording["durationSeconds"] == pytest.approx(10.0)
    for address in ("renderingUrl", "thumbnailUrl", "originalUrl"):
        key = recording[address].removeprefix("/blobs/").partition("?")[0]
        assert world.services.blobs.exists(key)


def test_recordings_of_other_machines_are_added_with_their_leads(world: World, tmp_path: Path) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    counts = twelve(200)
    for data in (
        wfdb_zip(counts[:, :2], ("MLII", "V5"), "DUPONT"),
        muse(beats(8, 200), planted="DUPONT"),
        aecg(counts, STANDARD_LEADS[:3], "DUPONT"),
    ):
        case = change(world, teacher, "addRecording", caseId=case["id"], file=io.BytesIO(data))
    recordings = case["recordings"]
    assert [recording["leads"] for recording in recordings] == [
        ["MLII", "V5"],
        list(STANDARD_LEADS),
        ["I", "II", "III"],
    ]
    assert {recording["samplingRateHz"] for recording in recordings} == {500.0}
    assert {recording["mediaType"] for recording in recordings} == {"application/dicom"}
    key = recordings[2]["originalUrl"].removeprefix("/blobs/").partition("?")[0]
    kept = read_kept(world.services.blobs.get(key))
    np.testing.assert_allclose(kept.samples_mv, counts[:, :3] * STEP_UV / 1000, rtol=1e-6)
    for path in (each for each in tmp_path.rglob("*") if each.is_file()):
        assert b"DUPONT" not in path.read_bytes()


def test_a_zip_that_lacks_its_signal_is_refused_with_what_to_do(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    zipped_header = zipped({"r1.hea": wfdb_files(twelve(500))["r1.hea"]})
    answer = change(world, teacher, "addRecording", caseId=case["id"], file=io.BytesIO(zipped_header))
    assert [field["code"] for field in answer["fields"]] == ["file_incomplete"]


def test_an_import_sent_again_under_its_key_adds_nothing(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    first = change(world, teacher, "addRecording", caseId=case["id"], file=picture(), idempotencyKey="a")
    again = change(world, teacher, "addRecording", caseId=case["id"], file=picture(), idempotencyKey="a")
    assert first["recordings"] == again["recordings"]
    other = change(world, teacher, "addRecording", caseId=case["id"], file=picture(), idempotencyKey="b")
    assert len(other["recordings"]) == 2


def test_another_import_under_a_key_is_refused_and_adds_nothing(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    given = {"caseId": case["id"], "idempotencyKey": "a"}
    whole = change(world, teacher, "addRecording", file=picture(), label="Avant", **given)
    for other in (
        {"file": picture(330), "label": "Avant"},
        {"file": picture()},
        {"file": picture(), "label": "Avant", "timing": "CONTROL"},
    ):
        assert key_faults(change(world, teacher, "addRecording", **given, **other)) == ["key_used"], other
    again = change(world, teacher, "addRecording", file=picture(), label=" Avant ", **given)
    assert again["recordings"] == whole["recordings"]
    stranger = change(world, world.person(), "addRecording", file=picture(), label="Avant", **given)
    assert stranger["__typename"] == "NotFound"
    of_another = change(world, teacher, "createCase")["id"]
    added = change(world, teacher, "addRecording", file=picture(330), **given | {"caseId": of_another})
    assert len(added["recordings"]) == 1


def test_a_case_begun_again_under_its_key_is_the_same_one(world: World) -> None:
    teacher, given = world.person(), {"name": "Flutter", "idempotencyKey": "lms-1"}
    assert world.codes(mutation("createCase"), None, input=given) == ["UNAUTHENTICATED"]
    first = change(world, teacher, "createCase", **given)
    renamed = change(world, teacher, "updateCase", id=first["id"], revision=1, name="Flutter commun")
    again = change(world, teacher, "createCase", **given, category="OTHER")
    assert (again["id"], again["name"]) == (first["id"], "Flutter commun")
    assert again == renamed
    for other in ({"name": "Flutter commun"}, {"category": "NORMAL"}, {"description": "62 ans."}):
        assert key_faults(change(world, teacher, "createCase", **given | other)) == ["key_used"], other
    assert change(world, teacher, "createCase", name="Flutter")["id"] != first["id"]
    theirs = change(world, world.person(), "createCase", **given)
    assert (theirs["id"] == first["id"], theirs["name"]) == (False, "Flutter")
    assert key_faults(change(world, teacher, "createCase", idempotencyKey="k" * 101)) == ["too_long"]


def key_faults(answer: Any) -> list[str]:
    """Return what is wrong with the key, and nothing else with the request."""
    assert {tuple(each["path"]) for each in answer["fields"]} == {("idempotencyKey",)}
    return [each["code"] for each in answer["fields"]]


def test_the_name_of_a_file_is_never_kept(world: World, tmp_path: Path) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    change(world, teacher, "addRecording", caseId=case["id"], file=waveform())
    world.database.dispose()
    for path in (each for each in tmp_path.rglob("*") if each.is_file()):
        assert b"DUPONT" not in path.read_bytes()


def test_a_file_that_is_no_ecg_is_refused_beside_its_field(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    answer = change(world, teacher, "addRecording", caseId=case["id"], file=io.BytesIO(b"hello"))
    expected = {
        "path": ["file"],
        "code": "file_unsupported_type",
        "message": MESSAGES["file_unsupported_type"],
    }
    assert answer == {"__typename": "ValidationErrors", "fields": [expected]}


def test_recordings_are_renamed_moved_and_removed(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    for _ in range(3):
        case = change(world, teacher, "addRecording", caseId=case["id"], file=picture())
    first, second, third = (recording["id"] for recording in case["recordings"])
    change(world, teacher, "updateRecording", id=second, label="Contrôle", timing="CONTROL")
    change(world, teacher, "moveRecording", id=third, position=0)
    left = change(world, teacher, "removeRecording", id=first)["recordings"]
    assert [(each["label"], each["timing"], each["position"]) for each in left] == [
        ("ECG_03", "INITIAL", 0),
        ("Contrôle", "CONTROL", 1),
    ]


def test_annotations_are_added_weighed_and_removed(world: World) -> None:
    teacher = world.person()
    one, other = world.services.ontology.concepts[:2]
    case = change(world, teacher, "createCase")
    wanted = [
        {"conceptId": one.id, "confidence": 92.5, "type": "MATCHED", "coefficient": 0.8},
        {"conceptId": other.id, "role": "DESCRIPTIVE"},
    ]
    added = change(world, teacher, "addAnnotations", caseId=case["id"], annotations=wanted)["annotations"]
    assert [(each["concept"], each["confidence"], each["type"], each["coefficient"]) for each in added] == [
        ({"code": one.id, "label": one.label_en}, 92.5, "MATCHED", 0.8),
        ({"code": other.id, "label": other.label_en}, 100.0, "PICKED", 1.0),
    ]
    change(world, teacher, "updateAnnotation", id=added[0]["id"], coefficient=0.55, role="DESCRIPTIVE")
    left = change(world, teacher, "removeAnnotation", id=added[1]["id"])["annotations"]
    assert [(each["coefficient"], each["role"]) for each in left] == [(0.55, "DESCRIPTIVE")]


def test_an_unknown_concept_is_refused_at_its_place_in_the_input(world: World) -> None:
    teacher = world.person()
    case = change(world, teacher, "createCase")
    answer = change(
        world, teacher, "addAnnotations", caseId=case["id"], annotations=[{"conceptId": "NO_SUCH"}]
    )
    assert [(each["path"], each["code"]) for each in answer["fields"]] == [
        (["annotations", "0", "conceptId"], "unknown_concept")
    ]


def test_revisions_say_who_changed_what_newest_first(world: World) -> None:
    teacher, admin = world.person(), world.person(Role.ADMIN)
    case = complete(world, teacher)
    change(world, admin, "updateCase", id=case["id"], revision=3, name="Renamed")
    query = """query($id: ID!) { case(id: $id) {
      revisions { number name recordingCount annotationCount author { displayName } } } }"""
    revisions = world.ask(query, teacher, id=case["id"])["revisions"]
    assert [(each["number"], each["name"], each["author"]["displayName"]) for each in revisions] == [
        (4, "Renamed", admin.display_name),
        (3, "Wenckebach", teacher.display_name),
        (2, "Wenckebach", teacher.display_name),
        (1, "Wenckebach", teacher.display_name),
    ]
    counts = [(each["recordingCount"], each["annotationCount"]) for each in revisions]
    assert counts == [(1, 1), (1, 1), (1, 0), (0, 0)]


def test_revisions_are_counted_by_the_database_on_postgresql_too(each_world: World) -> None:
    teacher = each_world.person()
    key = Author(each_world, teacher).complete("Wenckebach")
    query = "{ cases { edges { node { revisions { number name recordingCount annotationCount } } } } }"
    (edge,) = each_world.ask(query, teacher)["edges"]
    assert [tuple(each.values()) for each in edge["node"]["revisions"]] == [
        (3, "Wenckebach", 1, 1),
        (2, "Wenckebach", 1, 0),
        (1, "Wenckebach", 0, 0),
    ]
    assert key


def names(page: Any) -> list[str]:
    return [edge["node"]["name"] for edge in page["edges"]]


def test_the_library_is_paged_filtered_and_ordered(world: World) -> None:
    teacher = world.person()
    for name in ("b", "a", "d", "c"):
        change(world, teacher, "createCase", name=name, category="INFARCTION" if name < "c" else "OTHER")
        world.clock.pass_(minutes=1)
    assert names(world.ask(LIST, teacher)) == ["c", "d", "a", "b"]
    by_name = {"field": "NAME", "direction": "ASC"}
    first = world.ask(LIST, teacher, orderBy=by_name, first=3)
    assert names(first) == ["a", "b", "c"]
    second = world.ask(LIST, teacher, orderBy=by_name, first=3, after=first["pageInfo"]["endCursor"])
    assert (names(second), second["pageInfo"]["hasNextPage"]) == (["d"], False)
    back = world.ask(LIST, teacher, orderBy=by_name, last=2, before=second["pageInfo"]["startCursor"])
    assert (names(back), back["pageInfo"]["hasPreviousPage"]) == (["b", "c"], True)
    assert names(world.ask(LIST, teacher, filter={"category": "INFARCTION"}, orderBy=by_name)) == ["a", "b"]
    assert names(world.ask(LIST, teacher, filter={"search": "D"})) == ["d"]


def test_a_cursor_of_another_order_is_refused(world: World) -> None:
    teacher = world.person()
    change(world, teacher, "createCase")
    cursor = world.ask(LIST, teacher, first=1)["pageInfo"]["endCursor"]
    by_name = {"field": "NAME", "direction": "DESC"}
    assert world.codes(LIST, teacher, orderBy=by_name, first=1, after=cursor) == ["BAD_REQUEST"]


@pytest.mark.parametrize("size", [0, 101, -1])
def test_a_page_has_one_to_a_hundred_cases(world: World, size: int) -> None:
    assert world.codes(LIST, world.person(), first=size) == ["BAD_REQUEST"]


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Collect the SQL that runs within the block."""
    ran: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        ran.append(statement)

    engine = world.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield ran
    event.remove(engine, "before_cursor_execute", note)


def many(author: Author, count: int) -> None:
    for number in range(count):
        author.complete(f"Case {number}")


PAGE = """
query($first: Int) { cases(first: $first) { edges { node {
  ... on Case { name owner { displayName } } ...Key
} } } }
fragment Key on Case { recordings { label thumbnailUrl } annotations { coefficient concept { code label } } }
"""


def test_a_page_of_fifty_cases_costs_as_many_statements_as_one_of_five(world: World) -> None:
    teacher = world.person()
    many(Author(world, teacher), 50)
    counts = []
    for size in (5, 50):
        with statements(world) as ran:
            page = world.ask(PAGE, teacher, first=size)
        assert len(page["edges"]) == size
        assert all(edge["node"]["recordings"] and edge["node"]["annotations"] for edge in page["edges"])
        counts.append(len([each for each in ran if not each.startswith("BEGIN")]))
    assert counts == [4, 4]


def test_cases_are_counted_only_when_asked(world: World) -> None:
    teacher = world.person()
    many(Author(world, teacher), 3)
    with statements(world) as ran:
        assert world.ask("{ cases(first: 1) { totalCount } }", teacher) == {"totalCount": 3}
        assert [each for each in ran if "count(" in each]
    with statements(world) as ran:
        world.ask("{ cases(first: 1) { edges { node { name } } } }", teacher)
        assert not [each for each in ran if "count(" in each]
