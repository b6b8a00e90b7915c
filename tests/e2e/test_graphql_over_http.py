"""The served API against the protocol's own test suite, from npm."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Site
from tests.support.node import node

pytestmark = pytest.mark.e2e
AUDITS = Path(__file__).with_name("graphql_http.mjs")


def test_the_api_passes_every_audit_of_graphql_http(site: Site) -> None:
    token = site.command("token", "create", "--role", "teacher", "--name", "graphql-http")
    results = json.loads(node(AUDITS, f"{site.address}/graphql", token))
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
