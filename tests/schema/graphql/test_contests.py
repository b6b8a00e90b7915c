"""Contesting and ruling over the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schema.models.training import Attempt
from schema.policy import Actor, Role
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.training import Hospital, answers, start

FIELDS = """... on Contest { id state statement verdict explanation revision choices automaticVerdict
    automaticFeedback createdAt ruledAt ruledBy { displayName email } concept { code }
    answer { position score attempt { id score student { displayName } outline { name } } } }"""
REFUSALS = """... on ValidationErrors { fields { path code message } } ... on NotFound { message }
  ... on NotAllowed { code message } ... on Conflict { code current }"""
CONTEST = f"""mutation M($input: ContestGradeInput!) {{ contestGrade(input: $input) {{ __typename
  {FIELDS} {REFUSALS} }} }}"""
RULE = f"""mutation M($input: RuleOnContestInput!) {{ ruleOnContest(input: $input) {{ __typename
  {FIELDS} {REFUSALS} }} }}"""
ONE = f"query Q($id: ID!) {{ contest(id: $id) {{ __typename {FIELDS} }} }}"
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"
LIST = """query Q($filter: ContestFilter, $orderBy: ContestOrder, $first: Int, $after: String) {
  contests(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { state concept { code } answer { attempt { student { displayName } } } } } } }"""
GRADE = """query Q($id: ID!) { attempt(id: $id) { score mayContest items { answer { score grade {
  score automaticScore judgment
  items { concept { code } verdict credit feedback contest { state verdict automaticVerdict explanation } }
  extra { concept { code } verdict contest { state } } } } } } }"""
COUNT = "query Q($id: ID!) { session(id: $id) { openContestCount } }"


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


class Corrected:
    """A student's attempt, handed in; LBBB is missed, the rhythm contradicted by a wrong fibrillation."""

    def __init__(self, world: World, hospital: Hospital, **fields: Any) -> None:
        self.world, self.hospital = world, hospital
        case = hospital.case("Bloc", ["LBBB", "SINUS_RHYTHM"])
        self.training, self.student = hospital.training([case], **fields), hospital.student()
        self.attempt: Attempt = hospital.started(self.training, self.student)
        hospital.save(self.student, self.attempt, "Fibrillation atriale, HVG")
        hospital.submissions.submit(self.student, self.attempt.id or 0, "key")
        self.key = global_id("Attempt", self.attempt.id or 0)
        self.answer = global_id("Answer", answers(hospital, self.attempt)[0].id or 0)

    def contest(self, actor: Actor | None = None, concept: str = "LBBB", **given: Any) -> Any:
        whole = {"answerId": self.answer, "conceptId": concept, "statement": "Ligne 2."} | given
        return self.world.ask(CONTEST, actor or self.student, input=whole)

    def rule(self, contest: Any, actor: Actor | None = None, **given: Any) -> Any:
        whole = {"id": contest["id"], "revision": contest["revision"], "verdict": "FOUND"} | given
        return self.world.ask(RULE, actor or self.hospital.teacher, input=whole)


@pytest.fixture
def corrected(world: World, hospital: Hospital) -> Corrected:
    return Corrected(world, hospital)


def test_nobody_contests_or_rules_without_signing_in(world: World, corrected: Corrected) -> None:
    made = corrected.contest()
    given = {"answerId": corrected.answer, "conceptId": "LBBB"}
    assert world.codes(CONTEST, None, input=given) == ["UNAUTHENTICATED"]
    ruling = {"id": made["id"], "revision": 1, "verdict": "FOUND"}
    assert world.codes(RULE, None, input=ruling) == ["UNAUTHENTICATED"]
    assert world.codes(ONE, None, id=made["id"]) == ["UNAUTHENTICATED"]
    assert world.codes(LIST, None) == ["UNAUTHENTICATED"]


def test_a_foreign_contest_answers_like_a_missing_one(world: World, corrected: Corrected) -> None:
    made = corrected.contest()
    classmate, colleague = corrected.hospital.student(), world.person(Role.TEACHER)
    corrected.hospital.started(corrected.training, classmate)
    missing = corrected.rule({"id": global_id("Contest", 999), "revision": 1})
    assert missing["__typename"] == "NotFound"
    assert corrected.rule(made, colleague) == missing
    assert corrected.rule({"id": "forged", "revision": 1}) == missing
    for stranger in (classmate, colleague):
        assert corrected.contest(stranger) == missing
        assert corrected.contest(stranger, answerId=global_id("Answer", 999)) == missing
        for identifier in (made["id"], global_id("Contest", 999), "forged"):
            assert world.ask(ONE, stranger, id=identifier) is None
            assert world.ask(NODE, stranger, id=identifier) is None
    assert world.ask(LIST, colleague)["edges"] == []


def test_students_do_not_list_contests_and_do_not_rule(world: World, corrected: Corrected) -> None:
    made = corrected.contest()
    assert world.codes(LIST, corrected.student) == ["FORBIDDEN"]
    refused = corrected.rule(made, corrected.student)
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "missing_scope")


def test_a_contest_tells_what_the_mark_says_and_what_may_be_ruled(world: World, corrected: Corrected) -> None:
    made = corrected.contest()
    assert (made["state"], made["statement"], made["verdict"], made["ruledBy"]) == (
        "OPEN",
        "Ligne 2.",
        None,
        None,
    )
    assert made["choices"] == ["FOUND", "PARTIAL", "MISSED", "CONTRADICTED"]
    assert (made["automaticVerdict"], made["automaticFeedback"]) == (
        "MISSED",
        "Your answer does not mention it.",
    )
    assert made["answer"]["attempt"]["id"] == corrected.key
    claim = corrected.contest(concept="ATRIAL_FIBRILLATION")
    assert (claim["automaticVerdict"], claim["choices"]) == ("WRONG", ["WITHDRAWN", "EXTRA", "WRONG"])
    for viewer in (corrected.student, corrected.hospital.teacher):
        assert world.ask(ONE, viewer, id=made["id"])["id"] == made["id"]
        assert world.ask(NODE, viewer, id=made["id"]) == {"__typename": "Contest", "id": made["id"]}


def test_a_ruling_is_seen_by_the_student_beside_the_automatic_mark(
    world: World, corrected: Corrected
) -> None:
    made = corrected.contest()
    ruled = corrected.rule(made, explanation="Vu ligne 2.")
    assert (ruled["state"], ruled["verdict"], ruled["revision"]) == ("UPHELD", "FOUND", 2)
    assert ruled["answer"]["score"] == ruled["answer"]["attempt"]["score"] == 50.0
    attempt = world.ask(GRADE, corrected.student, id=corrected.key)
    assert attempt["score"] == 50.0
    grade = attempt["items"][0]["answer"]["grade"]
    assert (grade["score"], grade["automaticScore"], grade["judgment"]) == (50.0, 0.0, None)
    found, contradicted = grade["items"]
    assert (found["verdict"], found["credit"], found["feedback"]) == ("FOUND", 1.0, "Ruled by a teacher.")
    assert found["contest"] == {
        "state": "UPHELD",
        "verdict": "FOUND",
        "automaticVerdict": "MISSED",
        "explanation": "Vu ligne 2.",
    }
    assert (contradicted["verdict"], contradicted["contest"]) == ("CONTRADICTED", None)


def test_a_withdrawn_claim_stays_listed_as_withdrawn(world: World, corrected: Corrected) -> None:
    corrected.rule(corrected.contest(concept="ATRIAL_FIBRILLATION"), verdict="WITHDRAWN")
    grade = world.ask(GRADE, corrected.student, id=corrected.key)["items"][0]["answer"]["grade"]
    assert grade["extra"] == [
        {"concept": {"code": "ATRIAL_FIBRILLATION"}, "verdict": "WITHDRAWN", "contest": {"state": "UPHELD"}},
        {"concept": {"code": "LVH"}, "verdict": "EXTRA", "contest": None},
    ]
    assert [item["verdict"] for item in grade["items"]] == ["MISSED", "MISSED"]


def test_refusals_are_worded(corrected: Corrected) -> None:
    assert corrected.contest(concept="AV_BLOCK_1")["fields"] == [
        {"path": ["conceptId"], "code": "not_in_grade", "message": "This concept is not part of the mark."}
    ]
    made = corrected.contest()
    assert corrected.contest(statement="Autre.") == {
        "__typename": "Conflict",
        "code": "already_contested",
        "current": 1,
    }
    assert corrected.contest(corrected.hospital.teacher)["code"] == "not_your_mark"
    assert corrected.rule(made, verdict="MISSED")["fields"][0]["code"] == "explain_dismissal"
    assert corrected.rule(made, verdict="WRONG")["fields"][0]["path"] == ["verdict"]
    assert corrected.rule(made, revision=7) == {
        "__typename": "Conflict",
        "code": "stale_revision",
        "current": 1,
    }


def test_only_the_student_of_a_corrected_attempt_may_contest(world: World, hospital: Hospital) -> None:
    def may(actor: Actor, key: str) -> bool:
        return bool(world.ask(GRADE, actor, id=key)["mayContest"])

    retried = Corrected(world, hospital, allow_retry=True)
    assert may(retried.student, retried.key)
    assert not may(hospital.teacher, retried.key)
    made = retried.contest()
    again = start(hospital, hospital.enrolled(retried.training, retried.student).id, retried.student)
    assert not may(retried.student, retried.key)
    assert not may(retried.student, global_id("Attempt", again.id or 0))
    assert world.ask(NODE, retried.student, id=made["id"]) is None
    assert retried.contest(concept="SINUS_RHYTHM")["code"] == "not_corrected"
    hidden = Corrected(world, hospital, show_feedback=False)
    assert not may(hidden.student, hidden.key)
    told = json.dumps(hidden.contest())
    assert "LBBB" not in told


def test_contests_are_paged_filtered_and_counted(world: World, corrected: Corrected) -> None:
    teacher, session = corrected.hospital.teacher, global_id("Session", corrected.training.id or 0)
    for concept in ("LBBB", "SINUS_RHYTHM", "LVH"):
        world.clock.pass_(minutes=1)
        made = corrected.contest(concept=concept)
    corrected.rule(made, verdict="WITHDRAWN")
    assert world.ask(COUNT, teacher, id=session) == {"openContestCount": 2}
    first = world.ask(LIST, teacher, first=2)
    codes = [edge["node"]["concept"]["code"] for edge in first["edges"]]
    assert (first["totalCount"], codes) == (3, ["SINUS_RHYTHM", "LBBB"])
    rest = world.ask(LIST, teacher, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["state"] for edge in rest["edges"]] == ["UPHELD"]
    for given, count in (
        ({"state": "OPEN"}, 2),
        ({"sessionId": session}, 3),
        ({"sessionId": "forged"}, 0),
        ({"sessionId": global_id("Session", 999)}, 0),
    ):
        assert world.ask(LIST, teacher, filter=given)["totalCount"] == count, given
    order = {"field": "CREATED_AT", "direction": "ASC"}
    oldest = world.ask(LIST, teacher, orderBy=order)["edges"][0]["node"]
    assert oldest["concept"]["code"] == "LBBB"
    assert world.codes(LIST, teacher, after=first["pageInfo"]["endCursor"], orderBy=order) == ["BAD_REQUEST"]


def test_the_teachers_address_is_not_told(corrected: Corrected, world: World) -> None:
    ruled = corrected.rule(corrected.contest())
    assert ruled["ruledBy"]["displayName"] == corrected.hospital.teacher.display_name
    seen = world.ask(ONE, corrected.student, id=ruled["id"])
    assert seen["ruledBy"] == {"displayName": corrected.hospital.teacher.display_name, "email": None}
