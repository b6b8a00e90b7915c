"""Relay's compiler accepts the schema and a page of fragments, and what it makes of them is answered."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients.conftest import HERE, SCHEMA
from tests.e2e.conftest import Site
from tests.e2e.graphql import Client, make_session
from tests.support.node import node

pytestmark = pytest.mark.e2e
CONFIG = {"src": "relay", "schema": "schema.graphql", "language": "typescript", "artifactDirectory": "made"}


@pytest.fixture(scope="module")
def compile_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """Return a function that compiles a page and returns the text of each operation made of it."""

    def compiled(page: str) -> dict[str, str]:
        folder = tmp_path_factory.mktemp("relay")
        for name in ("relay", "made"):
            (folder / name).mkdir()
        shutil.copy(SCHEMA, folder)
        (folder / "relay" / "cases.js").write_text(page, encoding="utf-8")
        (folder / "relay.config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        node(HERE / "node_modules/relay-compiler/cli.js", "relay.config.json", folder=folder)
        artifacts = ((path.name, path.read_text(encoding="utf-8")) for path in (folder / "made").iterdir())
        texts = ((name, re.search(r'^    "text": (".*")', text, re.MULTILINE)) for name, text in artifacts)
        return {name.partition(".")[0]: json.loads(found[1]) for name, found in texts if found}

    return compiled


@pytest.fixture(scope="module")
def page() -> str:
    """Return the page as somebody would write it."""
    return (HERE / "relay" / "cases.js").read_text(encoding="utf-8")


def test_a_page_of_fragments_is_compiled_and_answered(
    site: Site,
    page: str,
    compile_page: Callable[[str], dict[str, str]],
    token_of: Callable[[str], str],
    pictures: list[Path],
) -> None:
    texts = compile_page(page)
    client = Client(site.address, token_of("Relay"))
    session_id = make_session(client, pictures[0], ["LBBB"], cases=3)

    def ask(name: str, **variables: Any) -> Any:
        return client.send(texts[name], **variables)

    shown = ask("casesPageQuery", sessionId=session_id)
    assert shown["session"]["__typename"] == "Session"
    assert "attempts" in shown["session"]
    first = ask("casesListQuery", first=2, after=None, filter={"mine": True})["cases"]
    after = first["pageInfo"]["endCursor"]
    rest = ask("casesListQuery", first=2, after=after, filter={"mine": True})["cases"]
    names = [edge["node"]["name"] for each in (first, rest) for edge in each["edges"]]
    assert names == ["Cas 1", "Cas 2", "Cas 3"]
    case_id = first["edges"][0]["node"]["id"]
    again = ask("casesRowQuery", id=case_id)["node"]
    assert (again["name"], again["status"], len(again["recordings"])) == ("Cas 1", "VALIDATED", 1)
    refused = ask("casesDeleteMutation", input={"id": case_id})["deleteCase"]
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "only_drafts_deleted")
    made = ask("casesCreateMutation", input={"name": "Cas 4"})["createCase"]
    deleted = ask("casesDeleteMutation", input={"id": made["id"]})["deleteCase"]
    assert deleted == {"__typename": "DeletedCase", "caseId": made["id"]}
    refetched = ask("casesSessionQuery", id=session_id, last=5, before=None)["node"]
    assert refetched["attempts"]["edges"] == []


@pytest.mark.parametrize(
    "right, wrong",
    [("totalCount", "count"), ("fragment casesRow on Case ", "fragment casesRow on Grade ")],
)
def test_a_page_that_does_not_fit_the_schema_is_not_compiled(
    page: str, compile_page: Callable[[str], dict[str, str]], right: str, wrong: str
) -> None:
    assert right in page
    with pytest.raises(subprocess.CalledProcessError):
        compile_page(page.replace(right, wrong))
