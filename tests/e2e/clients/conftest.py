"""Other people's GraphQL clients, from npm and PyPI, before one served site."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import DocumentNode, parse, separate_operations

from tests.e2e.conftest import Site
from tests.support.node import node

HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parents[2] / "schema.graphql"
CASES = 500
AT_ONCE = 20
"""Mutations in one request, which is the most root fields it may have."""

Program = Callable[..., Any]


@pytest.fixture(scope="session")
def program() -> Program:
    """Return a function that runs a JavaScript program of this folder and reads the JSON it prints."""
    if not (HERE / "node_modules").is_dir():
        pytest.fail("the clients are not installed: make clients")
    return lambda name, *arguments: json.loads(node(HERE / name, *map(str, arguments)))


@pytest.fixture(scope="session")
def operations() -> dict[str, DocumentNode]:
    """Return the operations of the main job, each with its fragments, by name."""
    return separate_operations(parse((HERE / "main_job.graphql").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def token_of(site: Site) -> Callable[[str], str]:
    """Return a function that gives an outside system an account and its token."""
    return lambda name: site.command("token", "create", "--role", "teacher", "--name", name)


@dataclass
class Library:
    """Somebody's cases: their token, and the names."""

    token: str
    names: set[str]


@pytest.fixture(scope="session")
def library(site: Site, token_of: Callable[[str], str]) -> Library:
    """Return 500 cases of one owner."""
    token = token_of("Bibliothèque")
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        for start in range(0, CASES, AT_ONCE):
            fields = [
                f'c{n}: createCase(input: {{ name: "Cas {n:04}" }}) {{ __typename }}'
                for n in range(start, start + AT_ONCE)
            ]
            answer = client.post(
                f"{site.address}/graphql", json={"query": f"mutation {{ {' '.join(fields)} }}"}
            )
            assert all(made["__typename"] == "Case" for made in answer.json()["data"].values()), answer.text
    return Library(token, {f"Cas {n:04}" for n in range(CASES)})
