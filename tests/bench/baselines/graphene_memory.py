"""Graphene, serving the same bytes from objects in memory.

It has no server of its own. Documents are parsed and validated once, as in `bare`. It wants an older
graphql-core than ours and runs in an environment of its own: see `tests/bench/peers/pyproject.toml`.
"""

import asyncio
import os
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import graphene
import orjson
from graphql import DocumentNode, execute, parse, validate

from server.stack import give_room
from tests.bench.baselines.small_asgi import Application, answering


class Concept(graphene.ObjectType):
    code = graphene.NonNull(graphene.String)
    label = graphene.NonNull(graphene.String)


class Annotation(graphene.ObjectType):
    id = graphene.NonNull(graphene.ID)
    concept = graphene.NonNull(Concept)
    confidence = graphene.NonNull(graphene.Float)
    coefficient = graphene.NonNull(graphene.Float)
    role = graphene.NonNull(graphene.String)


class Case(graphene.ObjectType):
    id = graphene.NonNull(graphene.ID)
    name = graphene.NonNull(graphene.String)
    category = graphene.NonNull(graphene.String)
    difficulty = graphene.NonNull(graphene.String)
    status = graphene.NonNull(graphene.String)
    revision = graphene.NonNull(graphene.Int)
    updated_at = graphene.NonNull(graphene.DateTime)
    annotations = graphene.NonNull(graphene.List(graphene.NonNull(Annotation)))


class Edge(graphene.ObjectType):
    cursor = graphene.NonNull(graphene.String)
    node = graphene.NonNull(Case)


class PageInfo(graphene.ObjectType):
    has_next_page = graphene.NonNull(graphene.Boolean)
    end_cursor = graphene.NonNull(graphene.String)


class Connection(graphene.ObjectType):
    edges = graphene.NonNull(graphene.List(graphene.NonNull(Edge)))
    page_info = graphene.NonNull(PageInfo)


def application() -> Application:
    """Build the application; `BENCH_ANSWER` names a file with the product's answer."""
    give_room(asyncio.get_event_loop())
    read = Path(os.environ["BENCH_ANSWER"]).read_bytes()
    page = _objects(orjson.loads(read)["data"]["cases"])

    class Query(graphene.ObjectType):
        cases = graphene.NonNull(Connection, first=graphene.Int(required=True))

        @staticmethod
        def resolve_cases(_root: None, _info: Any, first: int) -> Any:
            """Return the page; there is only one."""
            return page if first else None

    schema = graphene.Schema(query=Query).graphql_schema

    @lru_cache(512)
    def read_once(text: str) -> DocumentNode:
        document = parse(text)
        if faults := validate(schema, document):
            raise faults[0]
        return document

    async def answer(asked: dict[str, Any]) -> Any:
        result: Any = execute(schema, read_once(asked["query"]))
        return {"data": result.data} if not result.errors else {"errors": [str(e) for e in result.errors]}

    return answering(answer)


def _objects(value: Any) -> Any:
    """Return objects in the place of mappings, under Python's names."""
    if isinstance(value, list):
        return [_objects(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {_snake(name): _objects(each) for name, each in value.items()}
    if "updated_at" in named:
        named["updated_at"] = datetime.fromisoformat(named["updated_at"])
    return SimpleNamespace(**named)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
