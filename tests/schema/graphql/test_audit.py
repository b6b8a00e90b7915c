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
