"""Asking models over the API: who may, who sees what of it, and that nothing breaks without a model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type
from sqlmodel import select

from schema.models.accounts import AuditEvent
from schema.models.cases import Recording
from schema.models.predictions import Prediction
from schema.policy import Actor, Role
from schema.services.audit import verify
from schema.types.base import global_id, split_id
from tests.schema.conftest import World
from tests.schema.operations import printed_schema
from tests.schema.toys import toy
from tests.schema.training import Hospital
from tests.schema.ward import PREDICT, Ward

ONE = """query Q($id: ID!) { prediction(id: $id) { __typename id mlAvailable askedBy { id }
  ... on BeatPrediction { recording { id } attemptId unsureBeatCount beatCount counts { class count }
    findings { concept { code } confidence beatCount judgedBeatCount proposed }
    beats(first: 3) { totalCount edges { node { number seconds class } } } strip { lead }
    saliency(beat: 5) { class } } } }"""
LIST = """query Q($filter: PredictionFilter) { predictions(filter: $filter) {
  totalCount edges { node { id mlAvailable } } } }"""
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"
JUDGED = """query Q($id: ID!, $class: BeatClass, $judged: Boolean) { prediction(id: $id) {
  ... on BeatPrediction { model: counts { class count } own: counts(asCorrected: true) { class count }
    beats(class: $class, asCorrected: true, judged: $judged) { edges { node { number class } } } } } }"""
BEATS = """query Q($id: ID!, $class: BeatClass, $by: BeatOrderField! = POSITION, $way: OrderDirection! = ASC,
    $first: Int, $after: String, $last: Int, $before: String) {
  node(id: $id) { ... on BeatPrediction {
    beats(class: $class, orderBy: $by, direction: $way,
          first: $first, after: $after, last: $last, before: $before) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { node { number seconds class confidence conformalSet probabilities { class probability } } }
    } } } }"""
STRIP = """query Q($id: ID!, $start: Float!, $seconds: Float!) { node(id: $id) { ... on BeatPrediction {
  strip(startSeconds: $start, seconds: $seconds) { lead startSeconds seconds path beats { number } } } } }"""
SALIENCY = """query Q($id: ID!, $beat: Int!) { node(id: $id) { ... on BeatPrediction {
  saliency(beat: $beat) { class startSeconds partSeconds weights } } } }"""


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


@pytest.fixture
def ward(world: World, hospital: Hospital) -> Ward:
    return Ward(world, hospital)


def stored(world: World) -> list[Prediction]:
    with world.database.read() as session:
        return list(session.exec(select(Prediction)))


def seen(world: World, actor: Actor | None, prediction: Any) -> tuple[bool, bool, bool]:
    """Return whether somebody sees a prediction by its id, as a node, in the list."""
    one = world.ask(ONE, actor, id=prediction["id"]) is not None
    node = world.ask(NODE, actor, id=prediction["id"]) is not None
    listed = [edge["node"]["id"] for edge in world.ask(LIST, actor)["edges"]]
    return one, node, prediction["id"] in listed


def test_nobody_asks_without_signing_in(world: World, ward: Ward) -> None:
    made = ward.predict()
    assert world.codes(PREDICT, None, input={"recordingId": ward.recording}) == ["UNAUTHENTICATED"]
    assert world.codes(ONE, None, id=made["id"]) == ["UNAUTHENTICATED"]
    assert world.codes(LIST, None) == ["UNAUTHENTICATED"]


def test_a_foreign_recording_answers_like_a_missing_one(world: World, ward: Ward, hospital: Hospital) -> None:
    draft = ward.recording_of(hospital.case("Brouillon", validated=False))
    colleague = world.person(Role.EXPERT)
    missing = ward.predict(recordingId=global_id("Recording", 999))
    assert missing["__typename"] == "NotFound"
    assert ward.predict(colleague, recordingId=draft) == missing
    assert ward.predict(recordingId="forged") == missing
    assert ward.predict(colleague)["code"] == "not_allowed", "it is validated: they see it, and no more"
    assert ward.predict(world.person(Role.STUDENT))["code"] == "missing_scope"
    assert stored(world) == []


def test_a_foreign_prediction_answers_like_a_missing_one(world: World, ward: Ward) -> None:
    made, colleague = ward.predict(), world.person(Role.TEACHER)
    for stranger in (colleague, world.person(Role.STUDENT)):
        assert seen(world, stranger, made) == (False, False, False)
        assert world.ask(ONE, stranger, id="forged") is None
    assert seen(world, ward.teacher, made) == (True, True, True)
    assert seen(world, world.person(Role.ADMIN), made) == (True, True, True)


def test_a_prediction_says_which_version_read_what(ward: Ward) -> None:
    made = ward.predict()
    assert (made["mlAvailable"], made["mlError"], made["alias"], made["family"]) == (
        True,
        None,
        "CHAMPION",
        "BEATS",
    )
    assert made["modelVersion"]["digest"] == ward.champion.digest
    assert (made["quality"], made["qualityReasons"]) == ("MEDIUM", ["ONE_LEAD"])
    assert {each["class"]: each["count"] for each in made["counts"]} == {
        "NORMAL": 10,
        "LBBB": 0,
        "RBBB": 0,
        "APB": 0,
        "PVC": 2,
    }
    assert made["beatCount"] == 12
    assert made["recording"]["id"] == ward.recording
    assert made["askedBy"]["id"] == global_id("Account", ward.teacher.account_id)


def test_the_trail_says_who_was_answered_by_which_version_under_which_alias(world: World, ward: Ward) -> None:
    made = ward.predict()
    with world.database.read() as session:
        told = session.exec(select(AuditEvent).where(AuditEvent.action == "prediction.made")).one()
        assert verify(session).ok
    assert (told.actor_id, told.target_id) == (ward.teacher.account_id, split_id(made["id"])[1])
    assert told.detail == {
        "family": "beats",
        "alias": "champion",
        "version": 1,
        "digest": ward.champion.digest,
        "recording": split_id(ward.recording)[1],
        "input": made["inputHash"],
        "error": None,
    }


def test_a_picture_is_not_read(world: World, ward: Ward) -> None:
    with world.database.write() as session:
        session.get_one(Recording, split_id(ward.recording)[1]).kind = "image"
    refused = ward.predict()
    assert [(each["path"], each["code"]) for each in refused["fields"]] == [(["recordingId"], "not_a_signal")]


def test_what_is_read_off_paper_says_so_and_is_never_of_high_quality(world: World, ward: Ward) -> None:
    measured = ward.predict()
    assert "FROM_PAPER" not in measured["qualityReasons"]
    paper = {"layout": "3x4+1", "speed_mm_s": 25.0, "gain_mm_mv": 10.0, "quality": {}, "points": []}
    with world.database.write() as session:
        session.get_one(Recording, split_id(ward.recording)[1]).paper = paper
    made = ward.predict()
    assert made["qualityReasons"] == [*measured["qualityReasons"], "FROM_PAPER"]
    assert made["quality"] != "HIGH"


@pytest.mark.parametrize(
    "settings, problem", [({"does": "fail"}, "ANSWER_FAILED"), ({"does": "not load"}, "LOAD_FAILED")]
)
def test_a_model_that_fails_is_a_prediction_without_an_answer(
    world: World, hospital: Hospital, settings: dict[str, Any], problem: str
) -> None:
    ward = Ward(world, hospital, toys=False)
    ward.deploy(**settings)
    made = ward.predict()
    assert (made["mlAvailable"], made["mlError"], made["beatCount"], made["counts"]) == (
        False,
        problem,
        0,
        [],
    )
    answer = world.ask(ONE, ward.teacher, id=made["id"])
    assert (answer["beats"], answer["strip"], answer["saliency"], answer["findings"]) == (
        None,
        None,
        None,
        [],
    )


def test_without_a_model_there_is_a_prediction_that_says_so(world: World, hospital: Hospital) -> None:
    ward = Ward(world, hospital, toys=False)
    made = ward.predict()
    assert (made["mlAvailable"], made["mlError"], made["modelVersion"]) == (False, "NOT_DEPLOYED", None)
    assert ward.predict(alias="SHADOW")["mlError"] == "NOT_DEPLOYED"
    assert [row.ml_available for row in stored(world)] == [False, False]


def test_a_signal_that_is_gone_is_a_prediction_without_an_answer(world: World, ward: Ward) -> None:
    with world.database.write() as session:
        session.get_one(Recording, split_id(ward.recording)[1]).original_key = "e" * 64
    made = ward.predict()
    assert (made["mlAvailable"], made["mlError"]) == (False, "SIGNAL_UNREADABLE")


def test_beats_are_listed_by_class_and_by_certainty(world: World, ward: Ward) -> None:
    made = ward.predict()
    premature = world.ask(BEATS, ward.teacher, id=made["id"], **{"class": "PVC"})["beats"]
    assert premature["totalCount"] == 2
    assert [edge["node"]["number"] for edge in premature["edges"]] == [5, 10]
    [fifth, _] = [edge["node"] for edge in premature["edges"]]
    assert fifth["seconds"] == pytest.approx(3.6)
    assert fifth["confidence"] == pytest.approx(0.696, abs=1e-4)
    assert fifth["conformalSet"] == ["NORMAL", "LBBB", "RBBB", "APB", "PVC"]
    assert sum(each["probability"] for each in fifth["probabilities"]) == pytest.approx(1, abs=1e-3)
    unsure = world.ask(BEATS, ward.teacher, id=made["id"], by="CERTAINTY", first=3)["beats"]
    assert [edge["node"]["number"] for edge in unsure["edges"]] == [10, 5, 12]


@pytest.mark.parametrize("order", [{}, {"by": "CERTAINTY"}, {"by": "CERTAINTY", "way": "DESC"}])
def test_pages_of_beats_have_neither_gaps_nor_repeats(
    world: World, ward: Ward, order: dict[str, str]
) -> None:
    made = ward.predict()
    whole = world.ask(BEATS, ward.teacher, id=made["id"], **order)["beats"]
    wanted = [edge["node"]["number"] for edge in whole["edges"]]
    forward, after = [], None
    while True:
        page = world.ask(BEATS, ward.teacher, id=made["id"], first=5, after=after, **order)["beats"]
        forward += [edge["node"]["number"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    before = page["pageInfo"]["startCursor"]
    back = world.ask(BEATS, ward.teacher, id=made["id"], last=5, before=before, **order)["beats"]
    assert forward == wanted
    assert [edge["node"]["number"] for edge in back["edges"]] == wanted[5:10]
    other = {"by": "POSITION"} if order else {"by": "CERTAINTY"}
    refused = world.codes(BEATS, ward.teacher, id=made["id"], after=whole["pageInfo"]["endCursor"], **other)
    assert refused == ["BAD_REQUEST"]


def test_a_strip_is_a_stretch_of_the_first_lead_with_its_beats(world: World, ward: Ward) -> None:
    made = ward.predict()
    strip = world.ask(STRIP, ward.teacher, id=made["id"], start=3.0, seconds=2.0)["strip"]
    assert (strip["lead"], strip["startSeconds"], strip["seconds"]) == ("I", 3.0, 2.0)
    assert [each["number"] for each in strip["beats"]] == [5, 6]
    assert strip["path"].startswith("M0 ")
    assert strip["path"].count("L") == 499
    for start, seconds in ((60.0, 10.0), (1e300, 1.0), (0.0, -1.0)):
        assert world.ask(STRIP, ward.teacher, id=made["id"], start=start, seconds=seconds)["strip"] is None
    assert (
        world.ask(STRIP, ward.teacher, id=made["id"], start=-5.0, seconds=1e300)["strip"]["seconds"] == 10.0
    )


def test_saliency_says_what_a_beat_hangs_on_while_its_version_serves(world: World, ward: Ward) -> None:
    made = ward.predict()
    told = world.ask(SALIENCY, ward.teacher, id=made["id"], beat=5)["saliency"]
    assert told["class"] == "PVC"
    assert told["startSeconds"] == pytest.approx(3.3)
    assert len(told["weights"]) <= 100
    assert max(told["weights"]) == 1.0
    middle = told["startSeconds"] + told["partSeconds"] * (told["weights"].index(1.0) + 0.5)
    assert middle == pytest.approx(3.6, abs=0.02)
    for beat in (0, 13, -1):
        assert world.ask(SALIENCY, ward.teacher, id=made["id"], beat=beat)["saliency"] is None


def test_findings_are_what_an_author_may_take_up(world: World, ward: Ward) -> None:
    [finding] = world.ask(ONE, ward.teacher, id=ward.predict()["id"])["findings"]
    assert finding["concept"]["code"] == "VENTRICULAR_PREMATURE_COMPLEX"
    assert (finding["beatCount"], finding["confidence"]) == (2, pytest.approx(69.3, abs=0.1))
    assert (finding["proposed"], finding["judgedBeatCount"]) == (False, 0), "below 70 %"


def findings(world: World, ward: Ward, made: Any) -> list[tuple[str, int, float, int, bool]]:
    told = world.ask(ONE, ward.teacher, id=made["id"])["findings"]
    names = ("beatCount", "confidence", "judgedBeatCount", "proposed")
    return [(each["concept"]["code"], *(each[name] for name in names)) for each in told]


def own_counts(world: World, actor: Actor, made: Any) -> tuple[dict[str, int], dict[str, int]]:
    told = world.ask(JUDGED, actor, id=made["id"])
    model, own = ({each["class"]: each["count"] for each in told[name]} for name in ("model", "own"))
    return model, own


def test_what_others_think_changes_nobodys_findings_or_counts(world: World, ward: Ward) -> None:
    made, student = ward.predict(), ward.hospital.student()
    _, attempt = ward.begun(student)
    ward.hand_in(student, attempt)
    ward.feedback(made, student, beat=5, type="DISAGREE", correctedClass="RBBB")
    assert [each[:2] for each in findings(world, ward, made)] == [("VENTRICULAR_PREMATURE_COMPLEX", 2)]
    model, own = own_counts(world, ward.teacher, made)
    assert own == model
    _, theirs = own_counts(world, student, made)
    assert (theirs["PVC"], theirs["RBBB"]) == (1, 1)


def test_findings_are_made_of_beats_as_the_author_has_corrected_them(world: World, ward: Ward) -> None:
    made = ward.predict()
    ward.feedback(made, beat=5, type="DISAGREE", correctedClass="RBBB")
    ward.feedback(made, beat=1, type="UPGRADE", correctedClass="RBBB")
    assert findings(world, ward, made) == [
        ("RBBB", 2, 100.0, 2, True),
        ("VENTRICULAR_PREMATURE_COMPLEX", 1, 69.1, 0, False),
    ]
    ward.feedback(made, beat=10)
    assert findings(world, ward, made)[1] == ("VENTRICULAR_PREMATURE_COMPLEX", 1, 100.0, 1, True)
    ward.feedback(made, beat=10, type="DISAGREE")
    assert [each[0] for each in findings(world, ward, made)] == ["RBBB"], "wrong, but nobody says what it is"
    ward.feedback(made, beat=5)
    ward.feedback(made, beat=1)
    assert findings(world, ward, made) == [("VENTRICULAR_PREMATURE_COMPLEX", 1, 100.0, 1, True)]


def test_beats_are_counted_and_listed_as_the_viewer_has_corrected_them(world: World, ward: Ward) -> None:
    made = ward.predict()
    ward.feedback(made, beat=5, type="DISAGREE", correctedClass="RBBB")
    ward.feedback(made, beat=10, type="DISAGREE")
    ward.feedback(made, beat=2)
    model, own = own_counts(world, ward.teacher, made)
    assert (model["NORMAL"], model["PVC"], model["RBBB"]) == (10, 2, 0)
    assert (own["NORMAL"], own["PVC"], own["RBBB"]) == (10, 0, 1)

    def listed(**given: Any) -> list[tuple[int, str]]:
        told = world.ask(JUDGED, ward.teacher, id=made["id"], **given)["beats"]["edges"]
        return [(each["node"]["number"], each["node"]["class"]) for each in told]

    assert listed(**{"class": "RBBB"}) == [(5, "PVC")], "the model's own answer stays"
    assert listed(**{"class": "PVC"}) == []
    assert [number for number, _ in listed(judged=True)] == [2, 5, 10]
    assert [number for number, _ in listed(judged=False)] == [1, 3, 4, 6, 7, 8, 9, 11, 12]
    assert listed(judged=True, **{"class": "NORMAL"}) == [(2, "NORMAL")]


def test_analysts_see_figures_and_no_recording(world: World, ward: Ward) -> None:
    made, analyst = ward.predict(), world.person(Role.ANALYST)
    assert seen(world, analyst, made) == (True, True, True)
    figures = world.ask(ONE, analyst, id=made["id"])
    assert figures["beatCount"] == 12
    assert (figures["attemptId"], figures["unsureBeatCount"]) == (None, None)
    kept_back = ("recording", "askedBy", "beats", "strip", "saliency")
    assert [figures[name] for name in kept_back] == [None] * 5
    assert figures["findings"] == []
    assert ward.predict(analyst)["code"] == "missing_scope"


def test_a_student_sees_it_once_the_mark_is_shown(world: World, ward: Ward) -> None:
    made, student = ward.predict(), ward.hospital.student()
    _, attempt = ward.begun(student)
    assert seen(world, student, made) == (False, False, False), "while the attempt is open"
    ward.hand_in(student, attempt)
    assert seen(world, student, made) == (True, True, True)
    of_attempt = world.ask(LIST, student, filter={"attemptId": global_id("Attempt", attempt.id or 0)})
    assert [edge["node"]["id"] for edge in of_attempt["edges"]] == [made["id"]]
    shown = world.ask(ONE, student, id=made["id"])
    assert (shown["strip"]["lead"], shown["askedBy"], shown["findings"]) == ("I", None, [])
    assert shown["attemptId"] == global_id("Attempt", attempt.id or 0), "where they go back to"
    assert shown["unsureBeatCount"] == 0
    assert world.ask(ONE, ward.teacher, id=made["id"])["attemptId"] is None


def test_a_student_does_not_see_it_where_feedback_is_not_shown(world: World, ward: Ward) -> None:
    made, student = ward.predict(), ward.hospital.student()
    _, attempt = ward.begun(student, show_feedback=False)
    ward.hand_in(student, attempt)
    assert seen(world, student, made) == (False, False, False)


def test_a_student_does_not_see_it_while_an_attempt_elsewhere_is_under_way(world: World, ward: Ward) -> None:
    made, student = ward.predict(), ward.hospital.student()
    _, first = ward.begun(student)
    ward.hand_in(student, first)
    _, second = ward.begun(student, name="Mardi")
    assert seen(world, student, made) == (False, False, False)
    ward.hand_in(student, second)
    assert seen(world, student, made) == (True, True, True)


def test_a_student_does_not_see_what_models_said_of_later_recordings(world: World, ward: Ward) -> None:
    student = ward.hospital.student()
    _, attempt = ward.begun(student)
    ward.hand_in(student, attempt)
    other = world.services.blobs.put(b"another signal", "application/dicom")
    with world.database.write() as session:
        session.get_one(Recording, split_id(ward.recording)[1]).original_key = other
    made = ward.predict()
    assert seen(world, student, made) == (False, False, False)


def test_a_foreign_attempt_filters_everything_out_like_a_missing_one(world: World, ward: Ward) -> None:
    ward.predict()
    student, classmate = ward.hospital.student(), ward.hospital.student()
    _, attempt = ward.begun(student)
    ward.hand_in(student, attempt)
    _, theirs = ward.begun(classmate)
    ward.hand_in(classmate, theirs)
    assert len(world.ask(LIST, classmate)["edges"]) == 1
    for key in (global_id("Attempt", attempt.id or 0), global_id("Attempt", 999), "forged"):
        assert world.ask(LIST, classmate, filter={"attemptId": key})["edges"] == []
    for foreign in ({"caseId": ward.key}, {"recordingId": ward.recording}):
        assert world.ask(LIST, classmate, filter=foreign)["edges"] == []


def reached(*roots: str) -> set[str]:
    """Return the object types that root fields lead to, by whatever path."""
    schema = printed_schema()
    fields = {**schema.query_type.fields, **schema.mutation_type.fields}  # type: ignore[union-attr]
    pending, found = [get_named_type(fields[name].type) for name in roots], set[str]()
    while pending:
        kind = pending.pop()
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            pending += schema.get_possible_types(kind)
        elif isinstance(kind, GraphQLObjectType) and kind.name not in found:
            found.add(kind.name)
            pending += [get_named_type(field.type) for field in kind.fields.values()]
    return found


def test_no_type_of_an_attempt_leads_to_a_prediction_nor_one_of_those_to_the_key() -> None:
    attempt = reached("enrolments", "attempt", "startAttempt", "saveAnswer", "submitAttempt", "contest")
    assert attempt & {"BeatPrediction", "Beat", "Feedback", "ModelVersion"} == set()
    prediction = reached("prediction", "predictions", "predictBeats", "submitFeedback")
    assert (
        prediction & {"Case", "CaseRevision", "Annotation", "Session", "Attempt", "Answer", "Grade"} == set()
    )
    assert {"BeatPrediction", "Recording"} <= prediction


def test_predictions_are_filtered(world: World, ward: Ward) -> None:
    first, second = ward.predict(), ward.predict(alias="SHADOW")

    def listed(**chosen: Any) -> list[str]:
        return [edge["node"]["id"] for edge in world.ask(LIST, ward.teacher, filter=chosen)["edges"]]

    assert listed() == [second["id"], first["id"]]
    assert listed(mlAvailable=True) == [first["id"]]
    assert listed(recordingId=ward.recording, caseId=ward.key) == [second["id"], first["id"]]
    assert listed(modelVersionId=first["modelVersion"]["id"]) == [first["id"]]
    for name in ("recordingId", "caseId", "modelVersionId"):
        assert listed(**{name: "forged"}) == []


def test_the_first_look_at_a_new_champion_takes_it_up(world: World, ward: Ward) -> None:
    before = ward.predict()
    digest = toy(world.home)
    version = ward.register(digest)
    promote = """mutation M($input: PromoteModelInput!) { promoteModel(input: $input) { __typename } }"""
    given = {"versionId": global_id("ModelVersion", version.id or 0), "overrideReason": "Essai."}
    assert world.ask(promote, world.person(Role.ADMIN), input=given)["__typename"] == "Model"
    ward.settle()
    after = ward.predict()
    assert (before["modelVersion"]["number"], after["modelVersion"]["number"]) == (1, 2)
    assert world.ask(SALIENCY, ward.teacher, id=before["id"], beat=5)["saliency"] is None
