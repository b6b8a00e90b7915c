import pytest

from schema.models.cases import Recording
from schema.policy import Actor, Role, Scope
from schema.queries.nodes import KINDS
from schema.types.base import global_id, split_id
from tests.schema.conftest import World

NODE = "query($id: ID!) { node(id: $id) { __typename id ... on Account { displayName } } }"
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"


def test_nobody_fetches_nodes_without_signing_in(world: World) -> None:
    assert world.codes(NODE, None, id=global_id("Account", 1)) == ["UNAUTHENTICATED"]
    assert world.codes(NODES, None, ids=[global_id("Account", 1)]) == ["UNAUTHENTICATED"]


def test_a_foreign_node_answers_like_a_missing_one(world: World) -> None:
    other, me = world.person(), world.person()
    assert world.ask(NODE, me, id=global_id("Account", other.account_id)) is None
    assert world.ask(NODE, me, id=global_id("Account", 999)) is None
    assert world.ask(NODE, me, id=global_id("AuditEvent", 1)) is None


def test_the_viewer_and_administrators_fetch_an_account(world: World) -> None:
    me, admin = world.person(), world.person(Role.ADMIN)
    identifier = global_id("Account", me.account_id)
    expected = {"__typename": "Account", "id": identifier, "displayName": me.display_name}
    assert world.ask(NODE, me, id=identifier) == expected
    assert world.ask(NODE, admin, id=identifier) == expected


def test_a_teacher_fetches_a_student(world: World) -> None:
    student = world.person(Role.STUDENT)
    identifier = global_id("Account", student.account_id)
    assert world.ask(NODE, world.person(Role.TEACHER), id=identifier)["displayName"] == student.display_name
    assert world.ask(NODE, world.person(Role.EXPERT), id=identifier) is None
    assert world.ask(NODE, world.person(Role.STUDENT), id=identifier) is None


def test_a_token_without_the_scope_fetches_none(world: World) -> None:
    me = world.person()
    narrow = Actor(me.account_id, me.role, scopes=frozenset({Scope.CASES_READ}), token_id=1)
    assert world.ask(NODE, narrow, id=global_id("Account", me.account_id)) is None


@pytest.mark.parametrize("forged", ["", "é", "Account:1", "QWNjb3VudDotMQ==", global_id("Nothing", 1)])
def test_a_forged_id_answers_like_a_missing_one(world: World, forged: str) -> None:
    assert world.ask(NODE, world.person(), id=forged) is None


def test_nodes_come_in_the_order_asked_for(world: World) -> None:
    me = world.person()
    mine, other = global_id("Account", me.account_id), global_id("Account", 999)
    found = world.ask(NODES, me, ids=[other, mine, other])
    assert found == [None, {"__typename": "Account"}, None]


def test_at_most_a_hundred_nodes_at_a_time(world: World) -> None:
    me = world.person()
    mine = global_id("Account", me.account_id)
    assert len(world.ask(NODES, me, ids=[mine] * 100)) == 100
    assert world.codes(NODES, me, ids=[mine] * 101) == ["BAD_REQUEST"]


CREATE_CASE = """mutation { createCase(input: {name: "BAV 2"}) {
  ... on Case { id revisions { id } } } }"""
ANNOTATE = """mutation($input: AddAnnotationsInput!) { addAnnotations(input: $input) {
  __typename ... on Case { annotations { id } } } }"""


def case_nodes(world: World, owner: Actor) -> dict[str, str]:
    """Make a draft and return the ids in it, by type."""
    case = world.ask(CREATE_CASE, owner)
    code = next(iter(world.services.ontology.concepts)).id
    given = {"caseId": case["id"], "annotations": [{"conceptId": code}]}
    annotated = world.ask(ANNOTATE, owner, input=given)
    with world.database.write() as session:
        recording = Recording(
            case_id=split_id(case["id"])[1],
            label="ECG_01",
            timing="initial",
            position=0,
            kind="image",
            media_type="image/png",
            original_key="a",
            rendering_key="b",
            rendering_media_type="image/webp",
            thumbnail_key="c",
            width=10,
            height=10,
            created_at=world.clock(),
        )
        session.add(recording)
        session.flush()
        key = recording.id or 0
    return {
        "Case": case["id"],
        "CaseRevision": case["revisions"][0]["id"],
        "Annotation": annotated["annotations"][0]["id"],
        "Recording": global_id("Recording", key),
    }


def test_a_draft_and_all_in_it_are_its_owners_alone(world: World) -> None:
    owner, colleague, student = world.person(), world.person(), world.person(Role.STUDENT)
    for name, identifier in case_nodes(world, owner).items():
        assert world.ask(NODE, owner, id=identifier) == {"__typename": name, "id": identifier}
        assert world.ask(NODE, colleague, id=identifier) is None
        assert world.ask(NODE, student, id=identifier) is None


def test_anyone_signed_in_fetches_a_concept(world: World) -> None:
    code = next(iter(world.services.ontology.concepts)).id
    student = world.person(Role.STUDENT)
    identifier = global_id("Concept", code)
    assert world.ask(NODE, student, id=identifier) == {"__typename": "Concept", "id": identifier}
    assert world.ask(NODE, student, id=global_id("Concept", "nothing")) is None


def test_every_type_that_is_a_node_can_be_fetched(world: World) -> None:
    possible = world.ask('{ __type(name: "Node") { possibleTypes { name } } }', None)["possibleTypes"]
    missing = {each["name"] for each in possible} - set(KINDS)
    assert not missing, f"add a row to KINDS in schema/queries/nodes.py for {sorted(missing)}"
    assert set(KINDS) <= {each["name"] for each in possible}
