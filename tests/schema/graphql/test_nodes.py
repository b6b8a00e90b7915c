import pytest

from schema.policy import Actor, Role, Scope
from schema.types.base import global_id
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
