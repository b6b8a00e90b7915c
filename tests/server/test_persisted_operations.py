"""Everything a page can do, a token with the matching scopes can do over /graphql, and no other token.

Subscriptions are held to the same table by tests/schema/test_permission_matrix.py.
"""

import io
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import FieldNode, OperationType
from starlette.testclient import TestClient

from schema.build import build_schema
from schema.messages import MESSAGES
from schema.policy import ROLE_SCOPES, Role, Scope
from schema.services.accounts import Accounts
from schema.services.tokens import Tokens
from server.app import TEMPLATES, Application
from server.operations import Operation, Operations
from tests.schema.operations import sample

ROOT = Path(__file__).resolve().parents[1]
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN"}


@cache
def operations() -> Operations:
    return Operations(build_schema(), TEMPLATES)


@cache
def table() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads((ROOT / "schema" / "permissions.toml").read_text(encoding="utf-8"))


def names() -> Iterator[str]:
    for name in operations():
        if operations()[name].node.operation is not OperationType.SUBSCRIPTION:
            yield name


def needed(operation: Operation) -> tuple[frozenset[Scope], Role]:
    """Return the scopes of the root fields an operation asks, and a role that may have them all."""
    root = operation.node.operation.value.capitalize()
    fields = [
        each.name.value for each in operation.node.selection_set.selections if isinstance(each, FieldNode)
    ]
    rows = [table()[root][field] for field in fields]
    scopes = frozenset(Scope(row["scope"]) for row in rows if row["scope"])
    roles = [role for role in Role if all(role.value in row["roles"].split() for row in rows)]
    return scopes, next(role for role in roles if scopes <= ROLE_SCOPES[role])


def kept_out(app: Application, name: str, role: Role, scopes: frozenset[Scope]) -> bool:
    """Send an operation with a token of a role and some scopes; return whether it was refused for them."""
    answer = sent(app, operations()[name], made_token(app, role, scopes))
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    assert "INTERNAL" not in codes
    values = (answer.get("data") or {}).values()
    said = {value.get("message") for value in values if isinstance(value, dict)}
    return bool(codes & REFUSALS) or MESSAGES["missing_scope"] in said


def made_token(app: Application, role: Role, scopes: frozenset[Scope]) -> str:
    services = app.site.services
    with services.database.write() as session:
        account = Accounts(session, services.clock).create("Plateforme", role, language="en")
        return (
            Tokens(session, services.clock, None).create(account.id or 0, "plateforme", scopes, None).secret
        )


def sent(app: Application, operation: Operation, token: str) -> dict[str, Any]:
    files: dict[str, Any] = {}
    variables = {key: sample(kind) for key, kind in operation.variables.items()}
    body = {"query": operation.text, "variables": without_files(variables, ("variables",), files)}
    client = TestClient(app, headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"})
    if not files:
        answer = client.post("/graphql", json=body)
    else:
        places = {path: [path] for path in files}
        data = {"operations": orjson.dumps(body).decode(), "map": orjson.dumps(places).decode()}
        answer = client.post("/graphql", data=data, files=files)
    found: dict[str, Any] = answer.json()
    return found


def without_files(value: Any, path: tuple[str, ...], files: dict[str, Any]) -> Any:
    """Return the variables as JSON; a file goes into `files` by its path, as the specification asks."""
    if isinstance(value, io.BytesIO):
        files[".".join(path)] = ("ecg", value)
        return None
    if isinstance(value, dict):
        return {key: without_files(each, (*path, key), files) for key, each in value.items()}
    if isinstance(value, list):
        return [without_files(each, (*path, str(place)), files) for place, each in enumerate(value)]
    return value


@pytest.mark.parametrize("name", list(names()))
def test_a_token_with_the_operations_scopes_is_let_in(app: Application, name: str) -> None:
    scopes, role = needed(operations()[name])
    assert not kept_out(app, name, role, scopes or frozenset({Scope.PROFILE}))


@pytest.mark.parametrize("name", [name for name in names() if needed(operations()[name])[0]])
def test_a_token_with_every_other_scope_is_kept_out(app: Application, name: str) -> None:
    scopes, role = needed(operations()[name])
    assert kept_out(app, name, role, ROLE_SCOPES[role] - scopes)
