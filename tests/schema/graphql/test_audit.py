import pytest
from sqlmodel import update

from schema.models.accounts import AuditEvent
from schema.policy import Role
from schema.services.audit import GENESIS
from schema.types.base import global_id
from tests.schema.conftest import World

TRAIL = """{ auditEvents(first: 2) { totalCount edges { node {
  id sequence at action targetType targetId detail hash actor { displayName } } } } }"""
CREATE = """mutation($input: CreateAccountInput!) { createAccount(input: $input) { __typename } }"""
UPDATE = """mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { __typename } }"""


@pytest.mark.parametrize("role", set(Role) - {Role.ADMIN})
def test_only_administrators_read_the_trail(world: World, role: Role) -> None:
    assert world.codes(TRAIL, None) == ["UNAUTHENTICATED"]
    assert world.codes(TRAIL, world.person(role)) == ["FORBIDDEN"]


def test_the_trail_tells_who_did_what_newest_first(world: World) -> None:
    admin = world.person(Role.ADMIN)
    for name in ("Ali", "Bea", "Cleo"):
        world.ask(CREATE, admin, input={"displayName": name, "role": "STUDENT"})
    page = world.ask(TRAIL, admin)
    newest = page["edges"][0]["node"]
    assert page["totalCount"] == 3
    assert [edge["node"]["sequence"] for edge in page["edges"]] == [3, 2]
    assert newest.pop("hash") != GENESIS
    assert newest == {
        "id": global_id("AuditEvent", 3),
        "sequence": 3,
        "at": "2026-03-02T09:00:00+00:00",
        "action": "account.created",
        "targetType": "Account",
        "targetId": global_id("Account", 4),
        "detail": {"role": "student"},
        "actor": {"displayName": admin.display_name},
    }


def test_a_damaged_actor_does_not_hide_the_trail(world: World) -> None:
    admin = world.person(Role.ADMIN)
    world.ask(CREATE, admin, input={"displayName": "Ali", "role": "STUDENT"})
    with world.database.write() as session:
        session.execute(update(AuditEvent).values(actor_id=999))
    assert world.ask(TRAIL, admin)["edges"][0]["node"]["actor"] is None


def test_the_trail_is_narrowed_to_one_kind_of_action_page_by_page(world: World) -> None:
    admin = world.person(Role.ADMIN)
    text = """query($action: String, $after: String) {
      auditEvents(filter: {action: $action}, first: 1, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } edges { node { sequence action } } } }"""
    for name in ("Ali", "Bea"):
        world.ask(CREATE, admin, input={"displayName": name, "role": "STUDENT"})
        identifier = global_id("Account", 2)
        world.ask(UPDATE, admin, input={"id": identifier, "displayName": f"{name} Roy"})
    first = world.ask(text, admin, action="account.updated")
    second = world.ask(text, admin, action="account.updated", after=first["pageInfo"]["endCursor"])
    found = [edge["node"] for page in (first, second) for edge in page["edges"]]
    assert found == [
        {"sequence": 4, "action": "account.updated"},
        {"sequence": 2, "action": "account.updated"},
    ]
    assert (first["totalCount"], second["pageInfo"]["hasNextPage"]) == (2, False)
    assert world.ask(text, admin)["totalCount"] == 4


@pytest.mark.parametrize("action", ["", "account", "account.%", "account.created\0", "\ud800"])
def test_a_kind_of_action_that_there_is_none_of_finds_nothing_or_what_was_meant(
    world: World, action: str
) -> None:
    admin = world.person(Role.ADMIN)
    world.ask(CREATE, admin, input={"displayName": "Ali", "role": "STUDENT"})
    text = "query($action: String) { auditEvents(filter: {action: $action}) { totalCount } }"
    expected = 1 if action.startswith("account.created") else 0
    assert world.ask(text, admin, action=action) == {"totalCount": expected}
