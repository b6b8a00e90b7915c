"""What GraphQL Inspector calls breaking, our own `schema --diff` names as well."""

from pathlib import Path

import pytest

from server.__main__ import main
from tests.e2e.clients.conftest import SCHEMA, Program

CHANGES = {
    "Query.viewers": ("  viewer: Account\n", "  viewer: Account\n  viewers: Account\n"),
    "Query.viewer": ("  viewer: Account\n", "  viewer: String\n"),
    "Attempt.submittedAt": ("  submittedAt: DateTime\n", "  submittedAt: DateTime!\n"),
    "Case.revisions": ("  revisions: [CaseRevision!]!\n", "  revisions: CaseRevision!\n"),
    "CaseFilter.seen": ("input CaseFilter {\n", "input CaseFilter {\n  seen: Boolean\n"),
    "CreateSessionInput.name": ('  """At most 200 characters."""\n  name: String!\n', ""),
    "UpdateCaseInput.revision": (
        '  """The revision the change was made on."""\n  revision: Int!\n\n  """At most 200 characters."""',
        "  revision: Int\n",
    ),
    "Theme.SEPIA": ("enum Theme {\n", "enum Theme {\n  SEPIA\n"),
    "CreateCaseResult": ("union CreateCaseResult = Case |", "union CreateCaseResult = Case | Session |"),
    "Dated": (
        "type Case implements Node {",
        "interface Dated { id: ID! }\ntype Case implements Node & Dated {",
    ),
    "Concept.labelIn(every:)": ('  """Its name in a language."""\n  labelIn(', "  labelIn(every: Int, "),
    "Query.node(id:)": ('  node(\n    """Any object\'s id."""\n    id: ID!\n  ): Node\n', "  node: Node\n"),
    "Gone": ("enum Theme {\n", "scalar Gone\nenum Theme {\n"),
    "@hot": ("enum Theme {\n", "directive @hot on FIELD\nenum Theme {\n"),
    "MeasuredRange": ("type MeasuredRange {", "scalar MeasuredRange\ntype MeasuredRangeOnce {"),
}
"""What an earlier schema had instead, by the name that has to be told."""


def earlier_schema() -> str:
    """Return today's schema with all of the changes undone."""
    text = SCHEMA.read_text(encoding="utf-8")
    for now, before in CHANGES.values():
        assert now in text, now
        text = text.replace(now, before, 1)
    return text


def test_our_diff_names_every_change_that_inspector_calls_breaking(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before.graphql"
    before.write_text(earlier_schema(), encoding="utf-8")
    assert main(["schema", "--diff", str(before)]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("breaking: ")]
    ours = {word.rstrip(".") for line in lines for word in line.split()}
    theirs = [coordinate(each["path"]) for each in program("inspector.mjs", before, SCHEMA)]
    assert set(CHANGES) - set(theirs) == set()
    assert set(theirs) - ours == set()
    assert len(lines) >= len(theirs)


def coordinate(path: str) -> str:
    """Return Inspector's path as we write it: `Query.node.id` is `Query.node(id:)`."""
    kind, *names = path.split(".")
    return f"{kind}.{names[0]}({names[1]}:)" if len(names) == 2 else path
