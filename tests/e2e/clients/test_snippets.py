"""The snippets of docs/api.md work as they stand there."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import HERE
from tests.e2e.conftest import Site
from tests.support.node import node

pytestmark = pytest.mark.e2e
PAGE = (HERE.parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def snippet(language: str, uses: str) -> str:
    """Return the page's one program in a language that uses something."""
    programs = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    [text] = [program for program in programs if uses in program]
    return str(text)


@pytest.fixture(autouse=True)
def _where(monkeypatch: pytest.MonkeyPatch, site: Site, token_of: Callable[[str], str]) -> None:
    """Set what the snippets read."""
    monkeypatch.setenv("SITE", site.address)
    monkeypatch.setenv("TOKEN", token_of("docs"))


def test_the_snippet_for_gql_reads_cases_and_follows_figures() -> None:
    said = subprocess.run(
        [sys.executable, "-c", snippet("python", "from gql")],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    *names, count = said.split("\n")[:-1]
    assert names != []
    assert int(count) >= len(names)


def test_the_snippet_for_apollo_makes_a_case(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    program = tmp_path / "snippet.mjs"
    program.write_text(snippet("js", "@apollo/client"), encoding="utf-8")
    assert node(program).strip() == "Bloc de branche gauche"
