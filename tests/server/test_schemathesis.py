"""What schemathesis makes of the schema: queries and mutations nobody thought of, the same each time."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from graphql import GraphQLSchema, introspection_from_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes
from starlette.testclient import TestClient

from schema.build import build_schema
from schema.policy import ROLE_SCOPES, Role
from schema.services.tokens import Tokens
from server.app import Application, close_services, create_app
from server.settings import Settings
from tests.server.conftest import ADDRESS, Person

EXAMPLES = 40 if os.environ.get("CHEVET_SOAK") == "1" else 4
CODES = {"BAD_REQUEST", "TOO_MUCH"}
NEWER = "application/graphql-response+json"

schemathesis.graphql.scalar("Date", st.dates().map(lambda day: nodes.String(day.isoformat())))
schemathesis.graphql.scalar("DateTime", st.datetimes().map(lambda at: nodes.String(f"{at.isoformat()}Z")))
schemathesis.graphql.scalar("MeasuredValue", st.text(max_size=9).map(nodes.String))
schemathesis.graphql.scalar("Upload", st.just(nodes.Null))


def described() -> Any:
    schema: GraphQLSchema = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
    return schemathesis.graphql.from_dict(dict(introspection_from_schema(schema)))


OPERATIONS = [each.ok() for each in described().get_all_operations()]


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    """Return an administrator's token at a site of which it may ask as much as it likes."""
    site = create_app(settings.model_copy(update={"api_points": 10**9}))
    yield with_token(site)
    close_services(site.site.services)


def with_token(site: Application) -> TestClient:
    services, person = site.site.services, Person(site, Role.ADMIN)
    with services.database.write() as session:
        tokens = Tokens(session, services.clock, None)
        secret = tokens.create(person.account_id, "schemathesis", ROLE_SCOPES[Role.ADMIN]).secret
    headers = {"authorization": f"Bearer {secret}", "accept": NEWER}
    return TestClient(site, ADDRESS, headers=headers, raise_server_exceptions=False)


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_is_asked_is_answered_as_the_protocol_says(client: TestClient, operation: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        answer = client.post("/graphql", json={"query": case.body})
        check(answer)
        case.validate_response(answer, checks=[schemathesis.checks.not_a_server_error])

    ask()


def check(answer: Any) -> None:
    """Fail unless an answer is one that GraphQL over HTTP knows."""
    assert answer.headers["content-type"] == NEWER
    body = answer.json()
    assert body.keys() <= {"data", "errors", "extensions"}
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}
    assert codes <= CODES, body
    assert answer.status_code == (200 if "data" in body else 400)
    assert "errors" not in body or body["errors"]
    assert all(isinstance(error["message"], str) and error["message"] for error in body.get("errors", []))
