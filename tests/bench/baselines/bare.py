"""The floor: Strawberry alone, serving the same bytes from objects in memory.

It gets the same room for frames as the product: see `server.stack`.
"""

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import strawberry
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from server.stack import give_room


@strawberry.type
class Concept:
    code: str
    label: str


@strawberry.type
class Annotation:
    id: strawberry.ID
    concept: Concept
    confidence: float
    coefficient: float
    role: str


@strawberry.type
class Case:
    id: strawberry.ID
    name: str
    category: str
    difficulty: str
    status: str
    revision: int
    updated_at: datetime
    annotations: list[Annotation]


@strawberry.type
class Edge:
    cursor: str
    node: Case


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str


@strawberry.type
class Connection:
    edges: list[Edge]
    page_info: PageInfo


class Bytes(GraphQL[None, None]):
    """Strawberry's own view, writing JSON by orjson."""

    def encode_json(self, data: object) -> bytes:
        """Write JSON."""
        return orjson.dumps(data)


def application() -> GraphQL[None, None]:
    """Build the application; `BENCH_ANSWER` names a file with the product's answer."""
    give_room(asyncio.get_event_loop())
    answer = orjson.loads(Path(os.environ["BENCH_ANSWER"]).read_bytes())
    page = _connection(answer["data"]["cases"])

    @strawberry.type
    class Query:
        @strawberry.field
        def cases(self, first: int) -> Connection:
            """Return the page; there is only one."""
            del first
            return page

    caches = [lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)]
    return Bytes(strawberry.Schema(query=Query, extensions=caches))


def _connection(page: dict[str, Any]) -> Connection:
    info = page["pageInfo"]
    return Connection(
        edges=[Edge(cursor=edge["cursor"], node=_case(edge["node"])) for edge in page["edges"]],
        page_info=PageInfo(has_next_page=info["hasNextPage"], end_cursor=info["endCursor"]),
    )


def _case(node: dict[str, Any]) -> Case:
    fields = {name: node[name] for name in ("id", "name", "category", "difficulty", "status", "revision")}
    return Case(
        **fields,
        updated_at=datetime.fromisoformat(node["updatedAt"]),
        annotations=[
            Annotation(**each | {"concept": Concept(**each["concept"])}) for each in node["annotations"]
        ],
    )
