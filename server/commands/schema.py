"""`schema`: the GraphQL schema as text, or what has changed in it since an earlier one."""

import argparse
from pathlib import Path

from graphql import GraphQLError, GraphQLSchema, find_breaking_changes, find_dangerous_changes
from graphql import build_schema as built

from schema.build import build_schema
from server.settings import StartError


def run(options: argparse.Namespace) -> int:
    """Print the schema, or its breaking and dangerous changes; 1 when any breaks a client."""
    text = build_schema().as_str()
    if options.diff is None:
        print(text)
        return 0
    before, now = _earlier(options.diff), built(text)
    breaking, dangerous = find_breaking_changes(before, now), find_dangerous_changes(before, now)
    for kind, changes in (("breaking", breaking), ("dangerous", dangerous)):
        for change in changes:
            print(f"{kind}: {change.description}")
    return 1 if breaking else 0


def _earlier(path: Path) -> GraphQLSchema:
    try:
        return built(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, GraphQLError, TypeError) as error:
        raise StartError(f"{path} holds no GraphQL schema that can be read: {error}") from None
