"""Feedback on predictions: whoever may see one may say what they think of it, once at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from schema.models.cases import Recording
from schema.models.predictions import Feedback
from schema.policy import Actor, Role
from schema.types.base import global_id, split_id
from tests.schema.conftest import World
from tests.schema.training import Hospital
from tests.schema.ward import FEEDBACK, Ward

SEEN = "query Q($id: ID!) { prediction(id: $id) { feedback { id beat type correctedClass mine reader } } }"
NODE = "query Q($id: ID!) { node(id: $id) { __typename ... on Feedback { mine type } } }"


@pytest.fixture
def hospital(each_world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(each_world.database, each_world.clock, tmp_path)
    yield made
    made.close()


@pytest.fixture
def ward(each_world: World, hospital: Hospital) -> Ward:
    return Ward(each_world, hospital)


@pytest.fixture
def student(ward: Ward) -> Actor:
    """Return a student who has handed in an attempt at the ward's case."""
    student = ward.hospital.student()
    _, attempt = ward.begun(student)
    ward.hand_in(student, attempt)
    return student


def rows(world: World) -> list[Feedback]:
    with world.database.read() as session:
        return list(session.exec(select(Feedback).order_by(col(Feedback.id))))


def faults(answer: Any) -> list[tuple[str, str]]:
    assert answer["__typename"] == "ValidationErrors", answer
    return [(each["path"][0], each["code"]) for each in answer["fields"]]


def test_nobody_gives_feedback_without_signing_in(each_world: World, ward: Ward) -> None:
    given = {"predictionId": ward.predict()["id"], "type": "CORRECT"}
    assert each_world.codes(FEEDBACK, None, input=given) == ["UNAUTHENTICATED"]


def test_feedback_on_a_foreign_prediction_answers_like_a_missing_one(each_world: World, ward: Ward) -> None:
    made, colleague = ward.predict(), each_world.person(Role.TEACHER)
    missing = ward.feedback({"id": global_id("BeatPrediction", 999)})
    assert missing["__typename"] == "NotFound"
    for stranger in (colleague, ward.hospital.student(), each_world.person(Role.CLINICIAN)):
        assert ward.feedback(made, stranger) == missing
    assert rows(each_world) == []


def test_a_beat_is_corrected_and_the_whole_confirmed(each_world: World, ward: Ward) -> None:
    made = ward.predict()
    whole = ward.feedback(made)
    beat = ward.feedback(
        made,
        type="DOWNGRADE",
        beat=5,
        correctedClass="APB",
        reason="Étroit.",
        missedFindings=["LBBB", "LBBB"],
    )
    assert (whole["beat"], whole["type"], whole["mine"], whole["replaced"]) == (None, "CORRECT", True, None)
    assert (beat["beat"], beat["correctedClass"], beat["reason"]) == (5, "APB", "Étroit.")
    assert [each["code"] for each in beat["missedFindings"]] == ["LBBB"]
    assert beat["predictionId"] == made["id"]
    told = each_world.ask(SEEN, ward.teacher, id=made["id"])["feedback"]
    assert [each["id"] for each in told] == [whole["id"], beat["id"]]


def test_another_opinion_takes_the_place_of_the_first_which_is_kept(each_world: World, ward: Ward) -> None:
    made = ward.predict()
    first = ward.feedback(made, beat=5)
    again = ward.feedback(made, beat=5)
    second = ward.feedback(made, beat=5, type="DOWNGRADE", correctedClass="NORMAL")
    assert again["id"] == first["id"]
    assert (second["number"], second["replaced"]) == (2, {"id": first["id"], "type": "CORRECT"})
    assert [(row.number, row.current) for row in rows(each_world)] == [(1, False), (2, True)]
    told = each_world.ask(SEEN, ward.teacher, id=made["id"])["feedback"]
    assert [each["id"] for each in told] == [second["id"]]


def test_the_same_key_answers_with_the_same_feedback(ward: Ward, student: Actor) -> None:
    made = ward.predict()
    first = ward.feedback(made, idempotencyKey="one")
    assert ward.feedback(made, idempotencyKey="one")["id"] == first["id"]
    ward.feedback(made, type="DISAGREE", reason="M. Durand est d'un autre avis", idempotencyKey="two")
    assert ward.feedback(made, idempotencyKey="one")["id"] == first["id"]  # though it is in force no more
    again = ward.feedback(made, type="DISAGREE", reason="M. Durand est d'un autre avis", idempotencyKey="two")
    assert again["number"] == 2
    assert ward.feedback(made, student, idempotencyKey="one")["id"] != first["id"]
    assert faults(ward.feedback(made, idempotencyKey="")) == [("idempotencyKey", "required")]


def test_a_key_that_was_used_for_another_opinion_is_refused(each_world: World, ward: Ward) -> None:
    made, other = ward.predict(), ward.predict()
    ward.feedback(made, beat=5, idempotencyKey="one")
    used = [("idempotencyKey", "key_used")]
    assert faults(ward.feedback(other, beat=5, idempotencyKey="one")) == used
    for asked in ({"beat": 4}, {}, {"beat": 5, "type": "DISAGREE"}, {"beat": 5, "reason": "Net."}):
        assert faults(ward.feedback(made, **asked, idempotencyKey="one")) == used
    assert len(rows(each_world)) == 1


def test_readers_are_told_apart_without_saying_who_they_are(
    each_world: World, ward: Ward, student: Actor
) -> None:
    made, other = ward.predict(), ward.predict()
    for prediction in (made, other):
        ward.feedback(prediction, student, type="DISAGREE")
        ward.feedback(prediction)
    first, second = (each_world.ask(SEEN, ward.teacher, id=each["id"])["feedback"] for each in (made, other))
    assert [each["reader"] for each in first] == [each["reader"] for each in second]
    assert len({each["reader"] for each in first}) == 2
    assert {each["mine"] for each in first} == {True, False}


def test_a_student_sees_their_own_alone(each_world: World, ward: Ward, student: Actor) -> None:
    made = ward.predict()
    theirs, mine = ward.feedback(made), ward.feedback(made, student, beat=1, type="UPGRADE")
    told = each_world.ask(SEEN, student, id=made["id"])["feedback"]
    assert [each["id"] for each in told] == [mine["id"]]
    assert each_world.ask(NODE, student, id=theirs["id"]) is None
    assert each_world.ask(NODE, student, id=mine["id"])["mine"] is True
    assert each_world.ask(NODE, ward.teacher, id=mine["id"])["mine"] is False
    assert each_world.ask(NODE, each_world.person(Role.TEACHER), id=mine["id"]) is None


def test_a_student_who_begins_again_gives_no_feedback_meanwhile(ward: Ward, student: Actor) -> None:
    made = ward.predict()
    mine = ward.feedback(made, student)
    ward.begun(student, name="Encore")
    assert ward.feedback(made, student)["__typename"] == "NotFound"
    assert ward.world.ask(NODE, student, id=mine["id"]) is None


def test_an_opinion_that_makes_no_sense_is_refused(each_world: World, ward: Ward) -> None:
    made, nothing = ward.predict(), ward.predict(alias="SHADOW")
    assert faults(ward.feedback(made, beat=13)) == [("beat", "unknown_choice")]
    assert faults(ward.feedback(made, beat=-1)) == [("beat", "unknown_choice")]
    assert faults(ward.feedback(made, correctedClass="APB")) == [("correctedClass", "correct_needs_no_class")]
    assert faults(ward.feedback(made, reason="x" * 1_001)) == [("reason", "too_long")]
    assert faults(ward.feedback(made, missedFindings=["LAMA"])) == [("missedFindings", "unknown_concept")]
    assert faults(ward.feedback(made, missedFindings=["LBBB"] * 21)) == [("missedFindings", "too_many")]
    upgraded = ward.feedback(made, beat=5, type="UPGRADE", correctedClass="NORMAL")
    assert faults(upgraded) == [("correctedClass", "upgrade_to_normal")]
    for kind in ("DISAGREE", "UPGRADE", "DOWNGRADE"):
        same = ward.feedback(made, beat=5, type=kind, correctedClass="PVC")
        assert faults(same) == [("correctedClass", "same_class")], "what the model said corrects nothing"
    assert faults(ward.feedback(made, missedSymptoms=["fièvre"])) == [("missedSymptoms", "not_of_a_visit")]
    wrong = ward.feedback(nothing, type="DISAGREE", correctedClass="PVC")
    assert faults(wrong) == [("correctedClass", "unknown_choice")]
    assert rows(each_world) == []
    assert ward.feedback(nothing, type="DISAGREE")["__typename"] == "Feedback"


def test_a_deleted_draft_takes_its_predictions_and_feedback_along(
    each_world: World, hospital: Hospital
) -> None:
    ward = Ward(each_world, hospital, toys=False)
    draft = ward.recording_of(hospital.case("Brouillon", validated=False))
    ward.feedback(ward.predict(recordingId=draft), type="DISAGREE")
    with each_world.database.read() as session:
        case_id = session.get_one(Recording, split_id(draft)[1]).case_id
    delete = "mutation M($input: DeleteCaseInput!) { deleteCase(input: $input) { __typename } }"
    answer = each_world.ask(delete, ward.teacher, input={"id": global_id("Case", case_id)})
    assert answer["__typename"] == "DeletedCase"
    assert rows(each_world) == []
