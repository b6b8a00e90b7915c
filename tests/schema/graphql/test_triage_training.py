"""Training triage: nobody sees the key before the answer, and what an answer is worth is kept."""

import json
from typing import Any

import pytest
from sqlmodel import select

from ml.triage.patients import patients
from schema.models.accounts import Account
from schema.models.triage import TriageAnswer
from schema.policy import Actor, Role
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.operations import printed_schema
from tests.schema.ward import REFUSALS

PATIENT = "code vignette motifConsultation values { feature value unit }"
NEXT = f"query Q($student: ID) {{ nextTriagePatient(studentId: $student) {{ {PATIENT} }} }}"
ALL = f"query Q {{ triagePatients {{ {PATIENT} }} }}"
ONE = f"query Q($code: String!) {{ triagePatient(code: $code) {{ {PATIENT} }} }}"
ANSWER = f"""mutation M($input: AnswerTriagePatientInput!) {{ answerTriagePatient(input: $input) {{ __typename
  ... on TriageAnswer {{ id patientCode level expectedLevel verdict score number explanation
    rules {{ text decides }} patient {{ code }} }} {REFUSALS} }} }}"""
RECORD = """query Q($student: ID) { triageTraining(studentId: $student) {
  patientCount answeredCount averageScore exactCount overTriageCount underTriageCount
  byLevel { level answeredCount exactCount overTriageCount underTriageCount }
  answers(first: 5) { totalCount edges { node { id patientCode number } } } } }"""
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"


@pytest.fixture
def student(each_world: World) -> Actor:
    return each_world.person(Role.STUDENT)


def of_level(level: str, place: int = 0) -> str:
    return [each.id for each in patients().values() if each.level == level][place]


def answer(world: World, actor: Actor, patient: str, level: str, **given: Any) -> Any:
    return world.ask(ANSWER, actor, input={"patient": patient, "level": level} | given)


def test_nobody_trains_without_signing_in(each_world: World) -> None:
    for query in (NEXT, ALL, RECORD):
        assert each_world.codes(query, None) == ["UNAUTHENTICATED"]
    given = {"patient": of_level("1"), "level": "TRI_1"}
    assert each_world.codes(ANSWER, None, input=given) == ["UNAUTHENTICATED"]


def test_anothers_training_answers_like_a_missing_one(each_world: World, student: Actor) -> None:
    mine = answer(each_world, student, of_level("1"), "TRI_1")
    identifier, missing = global_id("Account", student.account_id), global_id("Account", 999_999)
    for role in (Role.STUDENT, Role.TEACHER, Role.ADMIN):
        stranger = each_world.person(role)
        assert each_world.ask(NODE, stranger, id=mine["id"]) is None
        for account in (identifier, missing):
            assert each_world.ask(NEXT, stranger, student=account) is None
            assert each_world.ask(RECORD, stranger, student=account) is None
            refused = answer(each_world, stranger, of_level("1"), "TRI_1", studentId=account)
            assert refused["__typename"] == "NotFound"
    assert each_world.ask(NODE, student, id=mine["id"])["__typename"] == "TriageAnswer"


def test_a_clinician_has_no_training_and_a_student_asks_no_triage(each_world: World, student: Actor) -> None:
    assert each_world.codes(NEXT, each_world.person(Role.CLINICIAN)) == ["FORBIDDEN"]
    complaints = "query Q { triageComplaints { code } }"
    assert each_world.codes(complaints, student) == ["FORBIDDEN"]


def test_no_patient_says_its_level(each_world: World, student: Actor) -> None:
    fields = set(printed_schema().type_map["TriagePatient"].fields)  # type: ignore[attr-defined]
    assert fields == {"code", "vignette", "motifConsultation", "values"}
    told = each_world.ask(ALL, student)
    assert len(told) == len(patients())
    for each in told:
        known = patients()[each["code"]]
        text = json.dumps(each, ensure_ascii=False)
        assert known.explanation not in text
        assert "Tri" not in text


def test_each_student_meets_every_patient_in_an_order_of_their_own(each_world: World, student: Actor) -> None:
    colleague = each_world.person(Role.STUDENT)
    orders = []
    for actor in (student, colleague):
        met = []
        for _ in range(6):
            met.append(each_world.ask(NEXT, actor)["code"])
            answer(each_world, actor, met[-1], "TRI_3B")
        assert len(set(met)) == 6
        orders.append(met)
    assert orders[0] != orders[1]
    assert each_world.ask(NEXT, student)["code"] == each_world.ask(NEXT, student)["code"]


def test_once_all_are_answered_the_oldest_comes_again(world: World) -> None:
    student = world.person(Role.STUDENT)
    with world.database.write() as session:
        for each in patients().values():
            row = TriageAnswer(
                account_id=student.account_id,
                patient=each.id,
                level="3B",
                expected=each.level,
                score=0,
                created_at=world.clock(),
            )
            session.add(row)
            session.flush()
    assert world.ask(NEXT, student)["code"] == next(iter(patients()))


def test_an_answer_tells_the_key_the_rule_and_its_worth(each_world: World, student: Actor) -> None:
    right = answer(each_world, student, of_level("2"), "TRI_2")
    assert (right["verdict"], right["score"], right["number"]) == ("EXACT", 100, 1)
    assert right["explanation"] == patients()[of_level("2")].explanation
    assert any(each["decides"] for each in right["rules"])
    early = answer(each_world, student, of_level("4"), "TRI_3B")
    assert (early["verdict"], early["expectedLevel"], early["score"]) == ("OVER_TRIAGE", "TRI_4", 80)
    late = answer(each_world, student, of_level("3B"), "TRI_4")
    assert (late["verdict"], late["score"]) == ("UNDER_TRIAGE", 60)
    missed = answer(each_world, student, of_level("2", 1), "TRI_3A")
    assert (missed["verdict"], missed["score"]) == ("UNDER_TRIAGE", 0)
    assert answer(each_world, student, "patient-00", "TRI_1")["__typename"] == "NotFound"
    assert each_world.ask(ONE, student, code="patient-00") is None
    assert each_world.ask(ONE, student, code=of_level("2"))["code"] == of_level("2")


def test_the_same_key_answers_with_the_same_answer(each_world: World, student: Actor) -> None:
    first = answer(each_world, student, of_level("1"), "TRI_1", idempotencyKey="one")
    again = answer(each_world, student, of_level("1"), "TRI_1", idempotencyKey="one")
    assert again == first
    other = each_world.person(Role.STUDENT)
    assert answer(each_world, other, of_level("1"), "TRI_5", idempotencyKey="one")["id"] != first["id"]
    refused = answer(each_world, student, of_level("1"), "TRI_1", idempotencyKey="")
    assert [each["code"] for each in refused["fields"]] == ["required"]


def test_a_key_that_was_used_for_another_answer_is_refused(each_world: World, student: Actor) -> None:
    answer(each_world, student, of_level("1"), "TRI_1", idempotencyKey="one")
    for patient, level in ((of_level("1"), "TRI_5"), (of_level("2"), "TRI_1")):
        refused = answer(each_world, student, patient, level, idempotencyKey="one")
        assert [(each["path"], each["code"]) for each in refused["fields"]] == [
            (["idempotencyKey"], "key_used")
        ]
    assert each_world.ask(RECORD, student)["answers"]["totalCount"] == 1


def test_figures_count_first_answers_alone(each_world: World, student: Actor) -> None:
    record = each_world.ask(RECORD, student)
    assert (record["answeredCount"], record["averageScore"]) == (0, None)
    answer(each_world, student, of_level("2"), "TRI_3A")
    again = answer(each_world, student, of_level("2"), "TRI_2")
    answer(each_world, student, of_level("4"), "TRI_3B")
    answer(each_world, student, of_level("5"), "TRI_5")
    assert again["number"] == 2
    record = each_world.ask(RECORD, student)
    assert (record["answeredCount"], record["patientCount"]) == (3, len(patients()))
    assert (record["exactCount"], record["overTriageCount"], record["underTriageCount"]) == (1, 1, 1)
    assert record["averageScore"] == pytest.approx(60)
    by_level = {each.pop("level"): each for each in record["byLevel"]}
    assert list(by_level) == ["TRI_1", "TRI_2", "TRI_3A", "TRI_3B", "TRI_4", "TRI_5"]
    assert by_level["TRI_2"] == {
        "answeredCount": 1,
        "exactCount": 0,
        "overTriageCount": 0,
        "underTriageCount": 1,
    }
    assert record["answers"]["totalCount"] == 4
    assert [edge["node"]["number"] for edge in record["answers"]["edges"]] == [1, 1, 2, 1]


def test_an_outside_system_trains_the_participants_it_enrolled(each_world: World) -> None:
    teacher = each_world.person(Role.TEACHER)
    with each_world.database.write() as session:
        row = Account(
            display_name="Externe",
            role="student",
            managed_by=teacher.account_id,
            external_id="moodle-1",
            created_at=each_world.clock(),
        )
        session.add(row)
        session.flush()
        participant, key = global_id("Account", row.id or 0), row.id or 0
    system = Actor(
        teacher.account_id, Role.TEACHER, scopes=frozenset({"attempts:read", "attempts:write"}), token_id=1
    )
    patient = each_world.ask(NEXT, system, student=participant)["code"]
    kept = answer(each_world, system, patient, "TRI_3B", studentId=participant, idempotencyKey="x")
    assert each_world.ask(NODE, system, id=kept["id"])["id"] == kept["id"]
    assert each_world.ask(RECORD, system, student=participant)["answeredCount"] == 1
    assert each_world.ask(RECORD, teacher, student=participant) is None, "a browser is no outside system"
    with each_world.database.read() as session:
        assert session.exec(select(TriageAnswer.account_id)).all() == [key]


CLASS = """query Q { triageClassFigures { studentCount byPatient { patient { code } expectedLevel
  answeredCount exactCount overTriageCount underTriageCount averageScore } } }"""


def test_class_figures_are_for_teachers_and_analysts(each_world: World, student: Actor) -> None:
    assert each_world.codes(CLASS, None) == ["UNAUTHENTICATED"]
    assert each_world.codes(CLASS, student) == ["FORBIDDEN"]
    for role in (Role.TEACHER, Role.ANALYST):
        assert each_world.ask(CLASS, each_world.person(role)) == {"studentCount": 0, "byPatient": []}


def test_a_class_is_told_of_patients_that_five_students_triaged(each_world: World) -> None:
    teacher, (hard, easy, rare) = each_world.person(), (of_level("2"), of_level("4"), of_level("5"))
    students = [each_world.person(Role.STUDENT) for _ in range(5)]
    for student, level in zip(students, ("TRI_1", "TRI_2", "TRI_3A", "TRI_3A", "TRI_5"), strict=True):
        answer(each_world, student, hard, level)
        answer(each_world, student, easy, "TRI_4")
    answer(each_world, students[0], hard, "TRI_2")
    answer(each_world, teacher, hard, "TRI_2")
    for student in students[:4]:
        answer(each_world, student, rare, "TRI_5")
    told = each_world.ask(CLASS, teacher)
    assert told["studentCount"] == 5
    assert [each["patient"]["code"] for each in told["byPatient"]] == [hard, easy], "worst first, no rare"
    assert told["byPatient"][0] == {
        "patient": {"code": hard},
        "expectedLevel": "TRI_2",
        "answeredCount": 5,
        "exactCount": 1,
        "overTriageCount": 1,
        "underTriageCount": 3,
        "averageScore": pytest.approx((80 + 100 + 0 + 0 + 0) / 5),
    }
