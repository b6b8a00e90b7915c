"""`schema`: the GraphQL schema as text."""

import argparse

from schema.build import build_schema


def run(_options: argparse.Namespace) -> None:
    """Print the schema."""
    print(build_schema().as_str())
