"""Trying an answer against a case's key, and what a mark says beside its points."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.models.cases import Case
from schema.policy import Role
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.training import Hospital

TRY = """query Q($case: ID!, $text: String!, $picked: [String!]) {
  gradeAnswer(caseId: $case, text: $text, conceptIds: $picked) {
    score judgment findings feedback keyRevision graderVersion
    items { concept { code } verdict credit feedback spans { text } } } }"""


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


def identifier(case: Case) -> str:
    return global_id("Case", case.id or 0)


def test_a_stranger_and_a_student_try_nothing(world: World, hospital: Hospital) -> None:
    case = identifier(hospital.case())

    assert world.codes(TRY, None, case=case, text="BBG") == ["UNAUTHENTICATED"]
    assert world.codes(TRY, hospital.student(), case=case, text="BBG") == ["FORBIDDEN"]


def test_a_colleagues_draft_answers_like_a_missing_case(world: World, hospital: Hospital) -> None:
    draft = identifier(hospital.case(validated=False))
    colleague = world.person(Role.TEACHER)

    for case in (draft, global_id("Case", 999), global_id("Session", 1), "forged"):
        assert world.ask(TRY, colleague, case=case, text="BBG") is None
    assert world.ask(TRY, hospital.teacher, case=draft, text="BBG") is not None


def test_what_the_answer_was_read_as_is_told_with_its_places(world: World, hospital: Hospital) -> None:
    typed = """query Q($case: ID!, $text: String!) { gradeAnswer(caseId: $case, text: $text) {
      findings fallback textFindings { kind spans { text } } measurements { name value agrees span { text } }
      unresolvedSpans { text } } }"""
    case = identifier(hospital.case("Bloc", ["LBBB"]))
    text = "Tachycardie à 45/min, le chat dort ici"
    found = world.ask(typed, hospital.teacher, case=case, text=text)

    assert [each["kind"] for each in found["textFindings"]] == ["MEASUREMENT_CONFLICT"]
    assert len(found["findings"]) == 1
    assert found["measurements"] == [
        {"name": "rate", "value": 45.0, "agrees": False, "span": {"text": "45/min"}}
    ]
    assert found["unresolvedSpans"] == [{"text": "le chat dort ici"}]
    assert found["fallback"] is None


def test_an_answer_is_marked_as_it_would_be_and_nothing_is_kept(world: World, hospital: Hospital) -> None:
    case = hospital.case("Bloc", ["LBBB_COMPLETE", "SINUS_RHYTHM"])
    found = world.ask(
        TRY,
        hospital.teacher,
        case=identifier(case),
        text="BBG complet avec des QRS fins",
        picked=["SINUS_RHYTHM"],
    )

    # Narrow complexes exclude a complete block: half of the key is contradicted.
    assert found["score"] == 50.0
    assert found["judgment"] == "INTERNAL_ERROR"
    assert [item["verdict"] for item in found["items"]] == ["CONTRADICTED", "FOUND"]
    assert found["findings"] == [
        "“Complete left bundle-branch block” does not fit “Narrow QRS”: look at one of them again."
    ]
    assert found["keyRevision"] == case.revision


def test_signs_without_their_name_earn_three_quarters_and_say_so(world: World, hospital: Hospital) -> None:
    case = hospital.case("FA", ["ATRIAL_FIBRILLATION"])
    found = world.ask(TRY, hospital.teacher, case=identifier(case), text="Pas d'onde P, RR irréguliers")

    assert (found["score"], found["judgment"]) == (75.0, "IMPLICIT_COMPLETE")
    assert found["items"][0]["feedback"] == "You described its signs without drawing the conclusion."
    assert found["findings"] == []


@pytest.mark.parametrize("text, picked", [("x" * 20_001, []), ("x", ["LBBB", "NO_SUCH_CONCEPT"])])
def test_what_an_answer_may_not_be_is_refused(
    world: World, hospital: Hospital, text: str, picked: list[str]
) -> None:
    case = identifier(hospital.case())

    assert world.codes(TRY, hospital.teacher, case=case, text=text, picked=picked) == ["BAD_REQUEST"]
