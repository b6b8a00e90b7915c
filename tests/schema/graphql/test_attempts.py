"""Taking sessions over the API, and what a student can get to know."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type

from ml.language.importing import Imported
from ml.language.ontology import Ontology
from schema.context import WAIT_AT_ONCE
from schema.models.training import Attempt, TrainingSession
from schema.policy import Actor, Role, Scope
from schema.services.editions import shipped_line
from schema.services.matching import CachedReading
from schema.services.ontologies import Ontologies
from schema.types.base import global_id
from tests.schema.conftest import World, the_schema
from tests.schema.shelves import fixed_shelf
from tests.schema.training import Hospital
from tests.support.language import the_ontology

WHOLE = """query Q($id: ID!) { attempt(id: $id) {
  id number state startedAt deadlineAt submittedAt submissionCause remainingSeconds serverTime answeredCount
  score feedbackShown student { displayName email tokens { name } }
  outline { sessionId name objectives difficulty timeLimitMinutes caseCount opensAt closesAt available
            unavailableReason allowRetry showFeedback }
  items { position title description
    recordings { id label timing position kind mediaType renderingUrl thumbnailUrl originalUrl width height
                 pixelsPerMm samplingRateHz durationSeconds leads }
    answer { id position text conceptCodes concepts { code } revision savedAt score
      grade { score feedback graderVersion matcherVersion ontologyVersion keyRevision
        items { concept { code } verdict credit coefficient role spans { start end text } picked feedback }
        extra { concept { code } verdict spans { text } feedback } } } } } }"""
START = """mutation M($input: StartAttemptInput!) { startAttempt(input: $input) { __typename
  ... on Attempt { id number state remainingSeconds } ... on NotAllowed { code message }
  ... on Conflict { code } ... on ValidationErrors { fields { code } } } }"""
SAVE = """mutation M($input: SaveAnswerInput!) { saveAnswer(input: $input) { __typename
  ... on Answer { text conceptCodes revision savedAt score } ... on Conflict { code current message }
  ... on NotAllowed { code } ... on ValidationErrors { fields { path code } } } }"""
SUBMIT = """mutation M($input: SubmitAttemptInput!) { submitAttempt(input: $input) { __typename
  ... on Attempt { id state submissionCause score } ... on Conflict { code }
  ... on NotAllowed { code } ... on ValidationErrors { fields { path code } } } }"""
ENROLMENTS = """{ enrolments { totalCount edges { node { id canStart extraMinutes
  outline { name unavailableReason } openAttempt { id }
  attempts { number state score feedbackShown } } } } }"""
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"
SEARCH = """query Q($search: String, $answering: AnswerPlace) {
  concepts(search: $search, answering: $answering, first: 3) { edges { node { code } } } }"""
SECRETS = ("Bloc de branche gauche", "initial", "LBBB", "SINUS_RHYTHM")
"""The title, the recording's label and the key of the case; the label holds the title."""


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


def begun(hospital: Hospital, **fields: Any) -> tuple[TrainingSession, Actor, Attempt, str]:
    """Return a session with a case of two concepts, a student, their attempt and its id."""
    case = hospital.case("Bloc de branche gauche", ["LBBB", "SINUS_RHYTHM"])
    training, student = hospital.training([case], **fields), hospital.student()
    attempt = hospital.started(training, student)
    return training, student, attempt, global_id("Attempt", attempt.id or 0)


def saved(world: World, student: Actor, key: str, text: str, revision: int = 0, **more: Any) -> Any:
    given = {"attemptId": key, "position": 1, "text": text, "revision": revision}
    return world.ask(SAVE, student, input=given | more)


def submitted(world: World, student: Actor, key: str, idempotency_key: str = "key") -> Any:
    return world.ask(SUBMIT, student, input={"attemptId": key, "idempotencyKey": idempotency_key})


def test_nobody_takes_a_session_without_signing_in(world: World, hospital: Hospital) -> None:
    _, _, _, key = begun(hospital)
    assert world.codes(WHOLE, None, id=key) == ["UNAUTHENTICATED"]
    assert world.codes(ENROLMENTS, None) == ["UNAUTHENTICATED"]
    given = {"attemptId": key, "idempotencyKey": "key"}
    assert world.codes(SUBMIT, None, input=given) == ["UNAUTHENTICATED"]


def test_concepts_are_looked_for_in_the_ontology_that_the_case_is_marked_with(
    world: World, hospital: Hospital
) -> None:
    _, student, _, key = begun(hospital)
    admin = world.person(Role.ADMIN)
    with world.database.write() as session:
        shipped_line(session, world.clock, the_ontology())
        mine = Ontologies(session, admin, world.clock, the_ontology())
        mine.activate(mine.add("Vide", Imported(Ontology([]))).id or 0)
    world.services.shelf.refresh(at_once=True)
    asked: dict[str, Any] = {
        "search": "bloc de branche gauche",
        "answering": {"attemptId": key, "position": 1},
    }

    assert world.ask(SEARCH, student, **asked)["edges"][0]["node"]["code"] == "LBBB"
    assert world.ask(SEARCH, student, search="bloc de branche gauche")["edges"] == []


def test_a_token_that_may_not_read_attempts_learns_nothing_of_one_by_its_concepts(
    world: World, hospital: Hospital
) -> None:
    _, student, _, key = begun(hospital)
    token = replace(student, scopes=frozenset({Scope.CONCEPTS_READ}), token_id=1)

    assert world.codes(SEARCH, token, answering={"attemptId": key, "position": 1}) == ["BAD_REQUEST"]
    assert world.ask(SEARCH, token, search="flutter")["edges"]


@pytest.mark.parametrize("place", [{"position": 2}, {"attemptId": global_id("Attempt", 999)}])
def test_a_foreign_attempt_has_no_more_concepts_than_a_missing_one(
    world: World, hospital: Hospital, place: dict[str, Any]
) -> None:
    _, student, _, key = begun(hospital)
    own = {"attemptId": key, "position": 1}

    assert world.codes(SEARCH, None, answering=own) == ["UNAUTHENTICATED"]
    foreign = world.codes(SEARCH, hospital.student(), answering=own)
    assert foreign == world.codes(SEARCH, student, answering=own | place) == ["BAD_REQUEST"]


def test_a_classmates_attempt_answers_like_a_missing_one(world: World, hospital: Hospital) -> None:
    training, _, _, key = begun(hospital)
    classmate = hospital.student()
    hospital.started(training, classmate)
    for identifier in (key, global_id("Attempt", 999), global_id("Session", 1), "forged"):
        assert world.ask(WHOLE, classmate, id=identifier) is None
        assert saved(world, classmate, identifier, "BBG") == {"__typename": "NotFound"}
        assert submitted(world, classmate, identifier) == {"__typename": "NotFound"}


def test_the_teacher_sees_an_attempt_and_answers_nothing_in_it(world: World, hospital: Hospital) -> None:
    _, student, _, key = begun(hospital)
    saved(world, student, key, "BBG")
    seen = world.ask(WHOLE, hospital.teacher, id=key)
    assert seen["items"][0]["answer"]["text"] == "BBG"
    assert seen["items"][0]["title"] == "Bloc de branche gauche"
    assert (seen["score"], seen["items"][0]["answer"]["grade"]) == (None, None)
    assert saved(world, hospital.teacher, key, "x", 1) == {
        "__typename": "NotAllowed",
        "code": "not_your_attempt",
    }
    assert submitted(world, hospital.teacher, key) == {"__typename": "NotAllowed", "code": "not_your_attempt"}


def test_types_a_student_can_reach_lead_to_no_key() -> None:
    """Whatever a student may ask for by its type, by any path; Grade is null until it may be seen."""
    schema = the_schema()._schema  # noqa: SLF001 - the graphql-core schema to walk
    roots = ("enrolments", "attempt", "startAttempt", "saveAnswer", "submitAttempt", "joinSession", "contest")
    fields = {**schema.query_type.fields, **schema.mutation_type.fields}  # type: ignore[union-attr]
    pending = [get_named_type(fields[name].type) for name in roots]
    reached: set[str] = set()
    while pending:
        kind = pending.pop()
        if isinstance(kind, GraphQLUnionType):
            pending += kind.types
        if not isinstance(kind, GraphQLObjectType) or kind.name in reached:
            continue
        reached.add(kind.name)
        pending += [get_named_type(field.type) for field in kind.fields.values()]
    relay = {"EnrolmentConnection", "EnrolmentEdge", "PageInfo"}
    refusals = {"ValidationErrors", "FieldError", "NotFound", "NotAllowed", "Conflict"}
    people = {"Account", "ApiToken", "TrustedDocument"}
    own = {"Enrolment", "SessionOutline", "Attempt", "AttemptItem", "Answer", "Recording", "Concept"}
    read_off_paper = {"PaperSource", "PaperLead"}
    about_concepts = {"ConceptCode", "MeasuredRange", "SignSet"}
    once_corrected = {
        "Grade",
        "GradedConcept",
        "GradedClaim",
        "ModelComment",
        "Span",
        "Contest",
        "TextFinding",
        "TextMeasurement",
    }
    assert reached == relay | refusals | people | own | read_off_paper | about_concepts | once_corrected


def test_an_attempt_under_way_tells_the_vignette_and_nothing_of_the_key(
    world: World, hospital: Hospital
) -> None:
    _, student, _, key = begun(hospital)
    attempt = world.ask(WHOLE, student, id=key)
    told = json.dumps(attempt, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in told] == []
    (item,) = attempt["items"]
    assert (item["title"], item["description"]) == ("Case 1", "Homme de 62 ans, syncope.")
    assert [recording["label"] for recording in item["recordings"]] == ["ECG 1"]
    assert [recording["originalUrl"] for recording in item["recordings"]] == [None]
    assert (attempt["remainingSeconds"], attempt["state"]) == (1200, "OPEN")
    assert (attempt["feedbackShown"], attempt["answeredCount"]) == (False, 0)


def test_nothing_of_the_key_can_be_fetched_by_id_either(world: World, hospital: Hospital) -> None:
    training, student, attempt, key = begun(hospital)
    submitted(world, student, key)
    for kind in ("Case", "Annotation", "Recording", "CaseRevision", "Session"):
        for number in range(1, 6):
            assert world.ask(NODE, student, id=global_id(kind, number)) is None
    assert world.ask(NODE, student, id=key) == {"__typename": "Attempt", "id": key}
    classmate = hospital.student()
    for own in ("Attempt", "Answer", "Enrolment"):
        identifier = global_id(own, attempt.id or 0)
        assert world.ask(NODE, student, id=identifier)["__typename"] == own
        assert world.ask(NODE, classmate, id=identifier) is None
    session = global_id("Session", training.id or 0)
    assert world.ask(NODE, hospital.teacher, id=session) == {"__typename": "Session", "id": session}


def test_titles_are_shown_at_once_where_the_session_does_not_hide_them(
    world: World, hospital: Hospital
) -> None:
    _, student, _, key = begun(hospital, anonymise_titles=False)
    (item,) = world.ask(WHOLE, student, id=key)["items"]
    assert item["title"] == "Bloc de branche gauche"
    assert item["recordings"][0]["label"] == "Bloc de branche gauche initial"
    assert item["answer"]["grade"] is None


def test_once_handed_in_the_mark_is_explained(world: World, hospital: Hospital) -> None:
    _, student, _, key = begun(hospital)
    saved(world, student, key, "Bloc de branche gauche, rythme normal", conceptIds=["AXIS_NORMAL"])
    assert submitted(world, student, key) == {
        "__typename": "Attempt",
        "id": key,
        "state": "SUBMITTED",
        "submissionCause": "STUDENT",
        "score": 50.0,
    }
    attempt = world.ask(WHOLE, student, id=key)
    assert (attempt["score"], attempt["feedbackShown"], attempt["remainingSeconds"]) == (50.0, True, 0)
    (item,) = attempt["items"]
    assert item["title"] == "Bloc de branche gauche"
    grade = item["answer"]["grade"]
    found, missed = grade["items"]
    assert (found["concept"]["code"], found["verdict"], found["credit"]) == ("LBBB", "FOUND", 1.0)
    assert found["spans"] == [{"start": 0, "end": 22, "text": "Bloc de branche gauche"}]
    assert (missed["concept"]["code"], missed["verdict"], missed["spans"]) == ("SINUS_RHYTHM", "MISSED", [])
    assert [(extra["concept"]["code"], extra["verdict"]) for extra in grade["extra"]] == [
        ("AXIS_NORMAL", "EXTRA")
    ]
    assert grade["feedback"][0] == "50 out of 100: 1 of 2 found."
    assert found["feedback"] == "You found it."


def test_a_session_without_feedback_shows_neither_mark_nor_title(world: World, hospital: Hospital) -> None:
    _, student, _, key = begun(hospital, show_feedback=False)
    saved(world, student, key, "BBG")
    assert submitted(world, student, key)["score"] is None
    attempt = world.ask(WHOLE, student, id=key)
    told = json.dumps(attempt, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in told] == []
    assert (attempt["state"], attempt["feedbackShown"], attempt["score"]) == ("SUBMITTED", False, None)
    assert world.ask(WHOLE, hospital.teacher, id=key)["score"] == 50.0


def test_feedback_waits_while_the_student_tries_again(world: World, hospital: Hospital) -> None:
    training, student, _, first = begun(hospital, allow_retry=True)
    submitted(world, student, first)
    again = global_id("Attempt", hospital.started(training, student).id or 0)
    for key in (first, again):
        told = json.dumps(world.ask(WHOLE, student, id=key), ensure_ascii=False)
        assert [secret for secret in SECRETS if secret in told] == []
    submitted(world, student, again)
    assert world.ask(WHOLE, student, id=first)["feedbackShown"] is True


def test_a_student_begins_resumes_and_is_told_why_not_again(world: World, hospital: Hospital) -> None:
    student = hospital.student()
    enrolment = global_id("Enrolment", hospital.enrolled(hospital.training(), student).id or 0)
    first = world.ask(START, student, input={"enrolmentId": enrolment})
    hospital.clock.pass_(minutes=5)
    resumed = world.ask(START, student, input={"enrolmentId": enrolment})
    assert (resumed["id"], resumed["remainingSeconds"]) == (first["id"], 900)
    submitted(world, student, first["id"])
    refused = world.ask(START, student, input={"enrolmentId": enrolment})
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "no_retry")
    assert refused["message"] == "You have done this session. It allows one attempt only."


def test_a_second_device_hears_of_the_newer_revision(world: World, hospital: Hospital) -> None:
    _, student, _, key = begun(hospital)
    assert saved(world, student, key, "Téléphone")["revision"] == 1
    conflict = saved(world, student, key, "Ordinateur")
    assert (conflict["__typename"], conflict["code"], conflict["current"]) == (
        "Conflict",
        "answer_changed",
        1,
    )
    reloaded = world.ask(WHOLE, student, id=key)["items"][0]["answer"]
    assert (reloaded["text"], reloaded["revision"]) == ("Téléphone", 1)


def test_a_save_too_late_ends_the_attempt(world: World, hospital: Hospital) -> None:
    _, student, attempt, key = begun(hospital)
    saved(world, student, key, "BBG")
    hospital.clock.pass_(minutes=20)
    late = saved(world, student, key, "BBG, rythme sinusal", 1)
    assert (late["__typename"], late["code"]) == ("Conflict", "deadline_passed")
    assert hospital.attempt(attempt).submission_cause == "deadline"
    assert hospital.attempt(attempt).score == 50.0


def test_an_overdue_attempt_is_ended_when_the_student_looks(world: World, hospital: Hospital) -> None:
    training, student, attempt, key = begun(hospital)
    hospital.clock.pass_(hours=1)
    seen = world.ask(WHOLE, student, id=key)
    assert (seen["state"], seen["submissionCause"]) == ("SUBMITTED", "DEADLINE")
    assert hospital.attempt(attempt).submitted_at == attempt.deadline_at
    other = hospital.student()
    hospital.started(training, other)
    hospital.clock.pass_(hours=1)
    (edge,) = world.ask(ENROLMENTS, other)["edges"]
    assert edge["node"]["openAttempt"] is None
    assert [each["state"] for each in edge["node"]["attempts"]] == ["SUBMITTED"]


def test_an_overdue_attempt_does_not_stand_in_the_way_of_a_retry(world: World, hospital: Hospital) -> None:
    training, student, _, _ = begun(hospital, allow_retry=True)
    hospital.clock.pass_(hours=1)
    enrolment = global_id("Enrolment", hospital.enrolled(training, student).id or 0)
    assert world.ask(START, student, input={"enrolmentId": enrolment})["number"] == 2


def test_a_student_sees_their_sessions(world: World, hospital: Hospital) -> None:
    _, student, _, key = begun(hospital, name="Lundi")
    hospital.clock.pass_(minutes=1)
    hospital.enrolled(hospital.training(name="Mardi"), student)
    found = world.ask(ENROLMENTS, student)
    assert found["totalCount"] == 2
    tuesday, monday = (edge["node"] for edge in found["edges"])
    assert (tuesday["outline"]["name"], tuesday["canStart"], tuesday["openAttempt"]) == ("Mardi", True, None)
    assert (monday["outline"]["name"], monday["canStart"]) == ("Lundi", False)
    assert monday["openAttempt"] == {"id": key}


@pytest.mark.parametrize("role", [Role.ANALYST, Role.CLINICIAN])
def test_other_roles_take_no_sessions(world: World, hospital: Hospital, role: Role) -> None:
    _, _, _, key = begun(hospital)
    assert world.codes(WHOLE, world.person(role), id=key) == ["FORBIDDEN"]
    assert submitted(world, world.person(role), key)["code"] == "missing_scope"


class Blocked:
    """A matcher whose language model does not answer until it is released."""

    version = "blocked"
    takes_long = True

    def __init__(self, hospital: Hospital) -> None:
        self._match = hospital.matcher.match
        self.asked = threading.Semaphore(0)
        self.released = threading.Event()

    def match(self, text: str, _language: str = "auto", *, at_once: bool = False) -> CachedReading:
        if not at_once:
            self.asked.release()
            assert self.released.wait(60)
        return self._match(text)


@pytest.mark.parametrize("operation", ["matchConcepts", "submitAttempt", "gradeAnswer"])
def test_however_many_wait_for_a_language_model_answers_are_saved(
    world: World, hospital: Hospital, operation: str
) -> None:
    training, student, _, key = begun(hospital)
    classmate = hospital.student()
    theirs = global_id("Attempt", hospital.started(training, classmate).id or 0)
    saved(world, classmate, theirs, "BBG")
    blocked = Blocked(hospital)
    world.services.shelf = fixed_shelf(blocked, hospital.ontology)  # type: ignore[arg-type]
    schema = the_schema()
    operations: dict[str, tuple[str, Actor, dict[str, Any]]] = {
        "matchConcepts": ('{ matchConcepts(text: "BBG") { cached } }', hospital.teacher, {}),
        "submitAttempt": (SUBMIT, classmate, {"input": {"attemptId": theirs, "idempotencyKey": "key"}}),
        "gradeAnswer": (
            'query($id: ID!) { gradeAnswer(caseId: $id, text: "BBG") { score } }',
            hospital.teacher,
            {"id": global_id("Case", 1)},
        ),
    }
    text, asking, given = operations[operation]

    def ask() -> Any:
        return schema.execute(text, variable_values=given, context_value=world.context(asking))

    async def together() -> Any:
        waiting = [asyncio.create_task(ask()) for _ in range(45)]
        draft = {"attemptId": key, "position": 1, "text": "BBG", "revision": 0}
        try:
            for _ in range(WAIT_AT_ONCE):
                assert await asyncio.to_thread(blocked.asked.acquire, timeout=20)
            save = schema.execute(
                SAVE, variable_values={"input": draft}, context_value=world.context(student)
            )
            return await asyncio.wait_for(save, 20)
        finally:
            blocked.released.set()
            for each in await asyncio.gather(*waiting):
                assert each.errors is None

    done = asyncio.run(together())
    assert done.data["saveAnswer"]["__typename"] == "Answer"
