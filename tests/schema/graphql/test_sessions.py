"""Holding sessions over the API."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from schema.policy import Actor, Role, Scope
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.people import actor_of
from tests.schema.training import Hospital


def mutation(name: str, given: str, fields: str) -> str:
    """Return a mutation of one input and the fields asked of its answer."""
    return f"mutation M($input: {given}!) {{ {name}(input: $input) {{ __typename {fields} }} }}"


FIELDS = """
  ... on Session { id name joinCode revision status available caseCount cases { position title } }
  ... on ValidationErrors { fields { path code message } }
  ... on NotFound { message } ... on NotAllowed { code message } ... on Conflict { code current message }
"""
CREATE = mutation("createSession", "CreateSessionInput", FIELDS)
UPDATE = mutation("updateSession", "UpdateSessionInput", FIELDS)
STATUS = mutation("setSessionStatus", "SetSessionStatusInput", FIELDS)
ENROLMENT = """
  ... on Enrolment { id origin extraMinutes student { displayName } outline { name } canStart }
  ... on ValidationErrors { fields { path code } } ... on NotFound { message }
  ... on NotAllowed { code } ... on Conflict { code }
"""
ENROL = mutation("enrolParticipant", "EnrolParticipantInput", ENROLMENT)
EXTRA = mutation("setExtraTime", "SetExtraTimeInput", ENROLMENT)
REMOVE = """mutation M($input: RemoveEnrolmentInput!) { removeEnrolment(input: $input) { __typename
  ... on RemovedEnrolment { enrolmentId } ... on Conflict { code } ... on NotAllowed { code } } }"""
JOIN = mutation("joinSession", "JoinSessionInput", ENROLMENT)
ONE = "query Q($id: ID!) { session(id: $id) { name } }"
LIST = """query Q($filter: SessionFilter, $orderBy: SessionOrder, $first: Int, $after: String) {
  sessions(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { name available owner { displayName }
      caseCount enrolmentCount attemptCount submittedCount } } } }"""


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


def session_input(hospital: Hospital, **fields: Any) -> dict[str, Any]:
    cases = [global_id("Case", hospital.case(name).id or 0) for name in ("Bloc gauche", "Flutter")]
    usual = {"name": "Lundi", "difficulty": "BEGINNER", "timeLimitMinutes": 20, "caseIds": cases}
    return usual | fields


def test_nobody_holds_or_sees_sessions_without_signing_in(world: World, hospital: Hospital) -> None:
    key = global_id("Session", hospital.training().id or 0)
    assert world.codes(ONE, None, id=key) == ["UNAUTHENTICATED"]
    assert world.codes(LIST, None) == ["UNAUTHENTICATED"]
    assert world.codes(CREATE, None, input=session_input(hospital)) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("role", [Role.STUDENT, Role.ANALYST, Role.CLINICIAN])
def test_only_authors_hold_sessions(world: World, hospital: Hospital, role: Role) -> None:
    key, actor = global_id("Session", hospital.training().id or 0), world.person(role)
    assert world.codes(ONE, actor, id=key) == ["FORBIDDEN"]
    assert world.codes(LIST, actor) == ["FORBIDDEN"]
    for text, given in (
        (CREATE, session_input(hospital, idempotencyKey="k")),
        (STATUS, {"id": key, "status": "CLOSED"}),
        (ENROL, {"sessionId": key, "email": "a@example.org"}),
    ):
        refused = world.ask(text, actor, input=given)
        assert (refused["__typename"], refused["code"]) == ("NotAllowed", "missing_scope")


CASES = """query Q($id: ID!) { session(id: $id) {
  cases { title case { draftText } } results { items { title case { draftText } } } } }"""


def test_a_session_leads_only_to_cases_its_holder_may_open(world: World, hospital: Hospital) -> None:
    training = hospital.training()
    key, holder = global_id("Session", training.id or 0), hospital.teacher
    narrow = replace(holder, scopes=frozenset({Scope.SESSIONS_READ}), token_id=1)
    for actor, opened in ((holder, True), (narrow, False)):
        session = world.ask(CASES, actor, id=key)
        shown = [each["case"] is not None for each in (*session["cases"], *session["results"]["items"])]
        assert shown
        assert set(shown) == {opened}


def test_a_colleagues_case_that_is_a_draft_again_is_closed_to_the_session(
    world: World, hospital: Hospital
) -> None:
    colleague = world.person(Role.TEACHER)
    case = hospital.case("Flutter").id or 0
    made = world.ask(CREATE, colleague, input=session_input(hospital, caseIds=[global_id("Case", case)]))
    assert world.ask(CASES, colleague, id=made["id"])["cases"][0]["case"] == {"draftText": ""}
    owner = hospital.teacher
    for change in ("archiveCase", "restoreCase"):
        text = f"mutation M($id: ID!) {{ {change}(input: {{ id: $id }}) {{ ... on Case {{ status }} }} }}"
        assert world.ask(text, owner, id=global_id("Case", case))["status"]
    session = world.ask(CASES, colleague, id=made["id"])
    assert [(each["title"], each["case"]) for each in session["cases"]] == [("Flutter", None)]


def test_another_teachers_session_answers_like_a_missing_one(world: World, hospital: Hospital) -> None:
    key, colleague = global_id("Session", hospital.training().id or 0), world.person(Role.TEACHER)
    for identifier in (key, global_id("Session", 999), global_id("Case", 1), "forged"):
        assert world.ask(ONE, colleague, id=identifier) is None
        changed = world.ask(STATUS, colleague, input={"id": identifier, "status": "CLOSED"})
        assert changed["__typename"] == "NotFound"
        enrolled = world.ask(ENROL, colleague, input={"sessionId": identifier, "email": "a@example.org"})
        assert enrolled["__typename"] == "NotFound"


def test_a_session_made_again_under_its_key_is_the_same_one(world: World, hospital: Hospital) -> None:
    teacher, given = hospital.teacher, session_input(hospital, idempotencyKey="lms-1")
    first = world.ask(CREATE, teacher, input=given)
    closed = world.ask(STATUS, teacher, input={"id": first["id"], "status": "CLOSED"})
    assert world.ask(CREATE, teacher, input=given) == closed
    others = (
        {"name": "Mardi"},
        {"timeLimitMinutes": 21},
        {"caseIds": given["caseIds"][:1]},
        {"caseIds": given["caseIds"][::-1]},
        {"closesAt": "2036-03-02T09:00:00+01:00"},
        {"allowRetry": True},
    )
    for other in others:
        refused = world.ask(CREATE, teacher, input=given | other)
        assert [(each["path"], each["code"]) for each in refused["fields"]] == [
            (["idempotencyKey"], "key_used")
        ], other
    theirs = world.ask(CREATE, world.person(), input=given)
    assert (theirs["__typename"], theirs["id"] == first["id"]) == ("Session", False)
    wrong = world.ask(CREATE, teacher, input=given | {"name": "", "idempotencyKey": "", "caseIds": []})
    assert [each["path"] for each in wrong["fields"]] == [["name"], ["idempotencyKey"], ["caseIds"]]


def test_a_session_under_its_key_answers_though_its_case_was_put_away_since(
    world: World, hospital: Hospital
) -> None:
    given = session_input(hospital, idempotencyKey="lms-2")
    first = world.ask(CREATE, hospital.teacher, input=given)
    text = "mutation M($id: ID!) { archiveCase(input: { id: $id }) { ... on Case { status } } }"
    assert world.ask(text, hospital.teacher, id=given["caseIds"][0]) == {"status": "ARCHIVED"}
    assert world.ask(CREATE, hospital.teacher, input=given)["id"] == first["id"]


def test_a_new_session_has_a_code_and_is_open_for_students(world: World, hospital: Hospital) -> None:
    made = world.ask(CREATE, hospital.teacher, input=session_input(hospital))
    assert made["__typename"] == "Session"
    assert (made["status"], made["available"], made["revision"], made["caseCount"]) == ("OPEN", True, 1, 2)
    assert len(made["joinCode"]) == 9
    assert made["joinCode"][4] == "-"
    assert [(case["position"], case["title"]) for case in made["cases"]] == [
        (1, "Bloc gauche"),
        (2, "Flutter"),
    ]


def test_faults_come_back_beside_their_fields_in_the_viewers_language(
    world: World, hospital: Hospital
) -> None:
    wrong = session_input(hospital, name="", timeLimitMinutes=4, caseIds=["forged", global_id("Case", 999)])
    refused = world.ask(CREATE, hospital.teacher, input=wrong)
    assert {tuple(fault["path"]): fault["code"] for fault in refused["fields"]} == {
        ("name",): "required",
        ("timeLimitMinutes",): "out_of_range",
        ("caseIds", "0"): "case_not_found",
        ("caseIds", "1"): "case_not_found",
    }
    assert refused["fields"][1]["message"] == "Choose a value between 5 and 180."


def test_an_update_leaves_what_is_not_given_and_clears_what_is_null(world: World, hospital: Hospital) -> None:
    read = "query Q($id: ID!) { session(id: $id) { name objectives opensAt closesAt timeLimitMinutes } }"
    given = session_input(
        hospital, objectives="Lire", opensAt="2026-03-01T08:00:00Z", closesAt="2026-04-01T08:00:00Z"
    )
    key = world.ask(CREATE, hospital.teacher, input=given)["id"]
    world.ask(UPDATE, hospital.teacher, input={"id": key, "revision": 1, "closesAt": None, "name": "Mardi"})
    after = world.ask(read, hospital.teacher, id=key)
    assert after["closesAt"] is None
    assert after["opensAt"].startswith("2026-03-01T08:00:00")
    assert (after["name"], after["objectives"], after["timeLimitMinutes"]) == ("Mardi", "Lire", 20)
    stale = world.ask(UPDATE, hospital.teacher, input={"id": key, "revision": 1, "name": "Mercredi"})
    assert (stale["__typename"], stale["code"], stale["current"]) == ("Conflict", "stale_revision", 2)


def test_sessions_are_paged_filtered_and_ordered(world: World, hospital: Hospital) -> None:
    case = hospital.case()
    for name in ("Chloé", "Aline", "Basile"):
        hospital.training([case], name=name)
    order = {"field": "NAME", "direction": "ASC"}
    first = world.ask(LIST, hospital.teacher, orderBy=order, first=2)
    assert first["totalCount"] == 3
    assert [edge["node"]["name"] for edge in first["edges"]] == ["Aline", "Basile"]
    rest = world.ask(LIST, hospital.teacher, orderBy=order, first=2, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["name"] for edge in rest["edges"]] == ["Chloé"]
    found = world.ask(LIST, hospital.teacher, filter={"search": "chloe", "status": "OPEN"})
    assert [edge["node"]["name"] for edge in found["edges"]] == ["Chloé"]


def statements(world: World, work: Callable[[], object]) -> int:
    """Return how many statements some work costs."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(world.database.engine, "before_cursor_execute", note)
    return len(seen)


def test_a_list_of_sessions_costs_the_same_statements_whatever_its_length(
    world: World, hospital: Hospital
) -> None:
    case = hospital.case()

    def listed() -> None:
        assert world.ask(LIST, hospital.teacher, first=100)["edges"]

    for _ in range(2):
        hospital.started(hospital.training([case]), hospital.student())
    few = statements(world, listed)
    for _ in range(20):
        hospital.started(hospital.training([case]), hospital.student())
    assert statements(world, listed) == few


def test_a_session_with_its_students_and_results_costs_the_same_statements_whatever_their_number(
    world: World, hospital: Hospital
) -> None:
    training = hospital.training([hospital.case("A"), hospital.case("B")])
    read = """query Q($id: ID!) { session(id: $id) { cases { title case { name } }
      enrolments { externalId student { displayName }
        outline { name caseCount } canStart openAttempt { answeredCount } }
      attempts(first: 100) { edges { node { score answeredCount student { externalId } feedbackShown
        items { title answer { text score grade { score } } recordings { label } } } } }
      results { averageScore items { case { name } concepts { found concept { label } } } } } }"""
    key = global_id("Session", training.id or 0)

    def take() -> None:
        student = hospital.student()
        attempt = hospital.started(training, student)
        hospital.submissions.submit(student, attempt.id or 0, "key")

    take()
    take()
    few = statements(world, lambda: world.ask(read, hospital.teacher, id=key))
    for _ in range(6):
        take()
    assert statements(world, lambda: world.ask(read, hospital.teacher, id=key)) == few


def test_a_wrong_page_of_attempts_is_a_bad_request(world: World, hospital: Hospital) -> None:
    read = "query Q($id: ID!) { session(id: $id) { attempts(first: 0) { totalCount } } }"
    key = global_id("Session", hospital.training().id or 0)
    assert world.codes(read, hospital.teacher, id=key) == ["BAD_REQUEST"]


def test_a_teacher_enrols_grants_time_and_takes_back(world: World, hospital: Hospital) -> None:
    key, student = global_id("Session", hospital.training().id or 0), hospital.account(Role.STUDENT)
    made = world.ask(ENROL, hospital.teacher, input={"sessionId": key, "email": student.email})
    assert (made["origin"], made["student"]["displayName"]) == ("TEACHER", student.display_name)
    longer = world.ask(EXTRA, hospital.teacher, input={"enrolmentId": made["id"], "extraMinutes": 15})
    assert longer["extraMinutes"] == 15
    own = world.ask(EXTRA, actor_of(student), input={"enrolmentId": made["id"], "extraMinutes": 180})
    assert (own["__typename"], own["code"]) == ("NotAllowed", "missing_scope")
    removed = world.ask(REMOVE, hospital.teacher, input={"enrolmentId": made["id"]})
    assert removed == {"__typename": "RemovedEnrolment", "enrolmentId": made["id"]}


def test_enrolling_nobody_is_a_fault_of_the_form(world: World, hospital: Hospital) -> None:
    key = global_id("Session", hospital.training().id or 0)
    refused = world.ask(ENROL, hospital.teacher, input={"sessionId": key})
    assert refused["fields"] == [{"path": ["email"], "code": "required"}]


def test_an_outside_system_runs_a_whole_session_for_its_participant(world: World, hospital: Hospital) -> None:
    scopes = frozenset({Scope.SESSIONS_READ, Scope.SESSIONS_WRITE, Scope.ATTEMPTS_READ, Scope.ATTEMPTS_WRITE})
    account = hospital.account(Role.TEACHER)
    token = actor_of(account, token_id=1, scopes=scopes)
    key = world.ask(CREATE, token, input=session_input(hospital))["id"]
    given = {"sessionId": key, "externalId": "lms-17", "displayName": "Interne 17"}
    enrolled = world.ask(ENROL, token, input=given)
    assert enrolled == world.ask(ENROL, token, input=given)
    assert (enrolled["origin"], enrolled["canStart"]) == ("EXTERNAL", True)
    start = mutation("startAttempt", "StartAttemptInput", "... on Attempt { id items { title } }")
    started = world.ask(start, token, input={"enrolmentId": enrolled["id"]})
    assert [item["title"] for item in started["items"]] == ["Case 1", "Case 2"]
    save = mutation("saveAnswer", "SaveAnswerInput", "... on Answer { revision }")
    world.ask(save, token, input={"attemptId": started["id"], "position": 1, "text": "BBG", "revision": 0})
    submit = mutation("submitAttempt", "SubmitAttemptInput", "... on Attempt { score }")
    done = world.ask(submit, token, input={"attemptId": started["id"], "idempotencyKey": "lms-17-1"})
    assert done["score"] == 50.0


PARTICIPANTS = """query Q($id: ID!, $first: Int, $after: String, $last: Int) { session(id: $id) {
  participants(first: $first, after: $after, last: $last) { totalCount
    edges { node { student { displayName } } } pageInfo { hasNextPage hasPreviousPage endCursor } }
  enrolments { student { displayName } } } }"""


def test_participants_are_paged_in_the_order_they_came_for_whoever_holds_the_session(
    world: World, hospital: Hospital
) -> None:
    training, other = hospital.training(), hospital.training()
    key = global_id("Session", training.id or 0)
    students = [hospital.student() for _ in range(5)]
    for each in students:
        hospital.enrolled(training, each)
    hospital.enrolled(other, hospital.student())
    assert world.codes(PARTICIPANTS, None, id=key) == ["UNAUTHENTICATED"]
    assert world.codes(PARTICIPANTS, students[0], id=key) == ["FORBIDDEN"]
    assert world.ask(PARTICIPANTS, world.person(), id=key) is None
    names, after = list[str](), None
    for more in (True, True, False):
        page = world.ask(PARTICIPANTS, hospital.teacher, id=key, first=2, after=after)["participants"]
        names += [edge["node"]["student"]["displayName"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        assert (page["pageInfo"]["hasNextPage"], page["totalCount"]) == (more, 5)
    assert names == [each.display_name for each in students]
    session = world.ask(PARTICIPANTS, world.person(Role.ADMIN), id=key, last=2)
    last = [edge["node"]["student"]["displayName"] for edge in session["participants"]["edges"]]
    assert (last, session["participants"]["pageInfo"]["hasPreviousPage"]) == (names[-2:], True)
    assert [each["student"]["displayName"] for each in session["enrolments"]] == names
    assert world.codes(PARTICIPANTS, hospital.teacher, id=key, first=101) == ["BAD_REQUEST"]


TAKEN = "query Q($id: ID!) { attempt(id: $id) { student { externalId } } }"
ENROLLED = (
    """query Q($id: ID!) { node(id: $id) { ... on Enrolment { externalId student { externalId } } } }"""
)


def taken_by_a_participant(world: World, hospital: Hospital) -> tuple[Actor, str, str]:
    """Have an administrator's system take an attempt; return it, the enrolment and the attempt."""
    training = hospital.training()
    scopes = frozenset({Scope.SESSIONS_WRITE, Scope.ATTEMPTS_READ, Scope.ATTEMPTS_WRITE})
    system = actor_of(hospital.account(Role.ADMIN), token_id=1, scopes=scopes)
    given = {"sessionId": global_id("Session", training.id or 0), "externalId": "lms-17", "displayName": "I"}
    enrolled = world.ask(ENROL, system, input=given)
    start = mutation("startAttempt", "StartAttemptInput", "... on Attempt { id }")
    started = world.ask(start, system, input={"enrolmentId": enrolled["id"]})
    return system, enrolled["id"], started["id"]


def test_an_outside_system_finds_its_own_name_of_a_participant_again(
    world: World, hospital: Hospital
) -> None:
    system, enrolment, attempt = taken_by_a_participant(world, hospital)
    assert not system.may(Scope.ACCOUNTS)
    told = {"externalId": "lms-17"}
    for reader in (system, hospital.actor(Role.ADMIN)):
        assert world.ask(TAKEN, reader, id=attempt) == {"student": told}
        assert world.ask(ENROLLED, reader, id=enrolment) == told | {"student": told}


def test_nobody_else_reads_what_an_outside_system_calls_a_participant(
    world: World, hospital: Hospital
) -> None:
    _system, enrolment, attempt = taken_by_a_participant(world, hospital)
    assert world.codes(TAKEN, None, id=attempt) == ["UNAUTHENTICATED"]
    for query, key in ((TAKEN, attempt), (ENROLLED, enrolment)):
        assert world.ask(query, hospital.actor(Role.TEACHER), id=key) is None
    hidden = {"externalId": None}
    other = actor_of(hospital.account(Role.ADMIN), token_id=2, scopes=frozenset({Scope.ATTEMPTS_READ}))
    for reader in (hospital.teacher, other):
        assert world.ask(TAKEN, reader, id=attempt) == {"student": hidden}
        assert world.ask(ENROLLED, reader, id=enrolment) == hidden | {"student": hidden}


def test_a_student_with_an_account_has_no_external_name(world: World, hospital: Hospital) -> None:
    student = hospital.student()
    key = global_id("Attempt", hospital.started(hospital.training(), student).id or 0)
    for reader in (student, hospital.teacher, hospital.actor(Role.ADMIN)):
        assert world.ask(TAKEN, reader, id=key) == {"student": {"externalId": None}}


def test_a_token_without_the_scope_is_refused(world: World, hospital: Hospital) -> None:
    account = hospital.account(Role.TEACHER)
    token = actor_of(account, token_id=1, scopes=frozenset({Scope.SESSIONS_READ}))
    assert world.ask(LIST, token)["totalCount"] == 0
    refused = world.ask(CREATE, token, input=session_input(hospital))
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "missing_scope")


def test_results_count_what_was_found_case_by_case(world: World, hospital: Hospital) -> None:
    """Two students: both find the block, one also denies the fibrillation the key expects."""
    case = hospital.case("Bloc", ["LBBB", "ATRIAL_FIBRILLATION"])
    training = hospital.training([case])
    for text in ("BBG", "BBG, pas de fibrillation atriale"):
        student = hospital.student()
        attempt = hospital.started(training, student)
        hospital.save(student, attempt, text)
        hospital.submissions.submit(student, attempt.id or 0, "key")
    hospital.save(unfinished := hospital.student(), hospital.started(training, unfinished), "Rien")
    read = """query Q($id: ID!) { session(id: $id) { attemptCount submittedCount
      results { averageScore items { position title averageScore case { name }
        concepts { concept { code } found partial missed contradicted } } } } }"""
    session = world.ask(read, hospital.teacher, id=global_id("Session", training.id or 0))
    assert (session["attemptCount"], session["submittedCount"]) == (3, 2)
    assert session["results"]["averageScore"] == 50.0
    (item,) = session["results"]["items"]
    assert (item["position"], item["title"], item["averageScore"]) == (1, "Bloc", 50.0)
    assert item["concepts"] == [
        {"concept": {"code": "LBBB"}, "found": 2, "partial": 0, "missed": 0, "contradicted": 0},
        {
            "concept": {"code": "ATRIAL_FIBRILLATION"},
            "found": 0,
            "partial": 0,
            "missed": 1,
            "contradicted": 1,
        },
    ]


def test_a_student_joins_by_code(world: World, hospital: Hospital) -> None:
    training, student = hospital.training(name="Rythmologie"), hospital.student()
    joined = world.ask(JOIN, student, input={"joinCode": training.join_code.lower()})
    assert (joined["origin"], joined["outline"]["name"], joined["canStart"]) == (
        "JOIN_CODE",
        "Rythmologie",
        True,
    )
    unknown = world.ask(JOIN, student, input={"joinCode": "AAAA-AAAA"})
    assert unknown["fields"] == [{"path": ["joinCode"], "code": "unknown_join_code"}]
    teacher = world.ask(JOIN, hospital.teacher, input={"joinCode": training.join_code})
    assert (teacher["__typename"], teacher["code"]) == ("NotAllowed", "students_only")


def test_overdue_attempts_are_ended_when_their_teacher_looks(world: World, hospital: Hospital) -> None:
    training = hospital.training()
    hospital.started(training, hospital.student())
    hospital.clock.pass_(hours=1)
    read = "query Q($id: ID!) { session(id: $id) { submittedCount attempts { edges { node { state } } } } }"
    session = world.ask(read, hospital.teacher, id=global_id("Session", training.id or 0))
    assert session == {"submittedCount": 1, "attempts": {"edges": [{"node": {"state": "SUBMITTED"}}]}}


def test_an_administrators_actor_sees_all(world: World, hospital: Hospital) -> None:
    hospital.training(name="Lundi")
    admin: Actor = world.person(Role.ADMIN)
    assert world.ask(LIST, admin)["totalCount"] == 1
    assert world.ask(LIST, admin, filter={"mine": True})["totalCount"] == 0
