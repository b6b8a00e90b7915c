"""Every root field × every role, executed for real against the reviewed table in permissions.toml."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError

from schema.policy import Actor, Role, Scope
from tests.schema.conftest import World, the_schema
from tests.schema.operations import roots, smallest
from tests.schema.people import PASSWORDS

TABLE = Path(__file__).with_name("permissions.toml")
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN"}
ANSWERS = {"NOT_FOUND", "BAD_REQUEST", "CONFLICT"}
PATIENCE_S = 0.05
"""How long a subscription that was let in is listened to; refusals come at once."""


@dataclass(frozen=True)
class Row:
    root: str
    field: str
    scope: str
    roles: frozenset[str]


def rows() -> list[Row]:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [
        Row(root, field, row["scope"], frozenset(row["roles"].split()))
        for root in roots()
        for field, row in table[root].items()
    ]


each_row = pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.root}.{row.field}")


def refused(world: World, row: Row, actor: Actor | None) -> bool:
    """Return whether the actor is kept out; a fault of ours is neither yes nor no."""
    text, variables = smallest(row.root, row.field)
    if row.root == "Subscription":
        return is_refusal(asyncio.run(first_of(world, actor, text, variables)))
    result = world.run(text, actor, variables)
    answer = (result.data or {}).get(row.field)
    if isinstance(answer, dict) and answer.get("__typename") == "NotAllowed":
        return bool(answer["code"] in {"missing_scope", "temporary_password"})
    return is_refusal(result.errors)


async def first_of(
    world: World, actor: Actor | None, text: str, variables: dict[str, Any], patience: float = PATIENCE_S
) -> list[GraphQLError] | None:
    """Return the errors a subscription starts with."""
    started = await the_schema().subscribe(
        text, variable_values=variables, context_value=world.context(actor)
    )
    if not isinstance(started, AsyncIterator):
        return started.errors
    try:
        event = await asyncio.wait_for(anext(started), patience)
    except (TimeoutError, StopAsyncIteration):
        return None
    finally:
        await started.aclose()
    return event.errors


def is_refusal(errors: list[GraphQLError] | None) -> bool:
    codes = {str((error.extensions or {}).get("code")) for error in errors or []}
    assert codes <= REFUSALS | ANSWERS, errors
    return bool(codes & REFUSALS)


@pytest.fixture
def installation(world: World) -> World:
    world.services.passwords = PASSWORDS
    return world


def test_every_root_field_has_a_row_and_every_row_a_field() -> None:
    written = {(row.root, row.field) for row in rows()}
    there = {(root, field) for root, fields in roots().items() for field in fields}
    missing = [f"[{root}] {field} = {{ scope = …, roles = … }}" for root, field in sorted(there - written)]
    assert not missing, f"say who may, in {TABLE.name}: " + "; ".join(missing)
    stale = [f"{root}.{field}" for root, field in sorted(written - there)]
    assert not stale, f"the schema has them no more, remove from {TABLE.name}: " + "; ".join(stale)


def test_the_rows_name_roles_and_scopes_that_exist() -> None:
    assert {role for row in rows() for role in row.roles} <= {*Role, "anonymous"}
    assert {row.scope for row in rows()} <= {*Scope, ""}


@each_row
def test_a_fields_description_ends_with_the_scope_in_the_row(row: Row) -> None:
    said = roots()[row.root][row.field].description or ""
    assert said.endswith(f". Scope: `{row.scope}`.") if row.scope else "Scope: " not in said


@each_row
def test_the_roles_in_the_row_may_and_the_others_may_not(installation: World, row: Row) -> None:
    people: dict[str, Actor | None] = {role.value: installation.person(role) for role in Role}
    allowed = {name for name, actor in people.items() if not refused(installation, row, actor)}
    if not refused(installation, row, None):
        allowed.add("anonymous")
    assert allowed == row.roles


@each_row
def test_a_token_needs_the_scope_in_the_row_and_no_other(installation: World, row: Row) -> None:
    for role in sorted(row.roles - {"anonymous"}):
        account = installation.person(Role(role)).account_id
        only = Actor(account, Role(role), scopes=frozenset({row.scope}), token_id=1)
        assert not refused(installation, row, only), role
        others = Actor(account, Role(role), scopes=frozenset(Scope) - {row.scope}, token_id=1)
        assert refused(installation, row, others) is bool(row.scope), role


@each_row
def test_who_signed_in_with_a_temporary_password_may_change_it_and_nothing_else(
    installation: World, row: Row
) -> None:
    role = Role(min(row.roles - {"anonymous"}))
    actor = replace(installation.person(role), temporary=True)
    assert refused(installation, row, actor) is (row.field != "changePassword")


@each_row
def test_a_token_with_every_scope_goes_no_further_than_its_role(installation: World, row: Row) -> None:
    for role in sorted(set(Role) - row.roles):
        account = installation.person(role).account_id
        assert refused(installation, row, Actor(account, role, scopes=frozenset(Scope), token_id=1)), role
