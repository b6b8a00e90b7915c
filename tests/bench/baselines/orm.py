"""Strawberry over SQLModel as most people write it: objects of the tables, relationships loaded with them.

It gets the same room for frames as the product: see `server.stack`.
"""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import strawberry
from sqlalchemy.orm import registry, selectinload
from sqlmodel import Field, Relationship, Session, SQLModel, col, create_engine, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.types import Info

from server.stack import give_room


class Row(SQLModel, registry=registry()):
    """A table that is none of the product's."""


class CaseRow(Row, table=True):
    id: str = Field(primary_key=True)
    position: int = Field(index=True)
    cursor: str
    name: str
    category: str
    difficulty: str
    status: str
    revision: int
    updated_at: datetime
    annotations: list["AnnotationRow"] = Relationship(
        sa_relationship_kwargs={"order_by": "AnnotationRow.position"}
    )


class AnnotationRow(Row, table=True):
    id: str = Field(primary_key=True)
    case_id: str = Field(foreign_key="caserow.id", index=True)
    position: int
    code: str
    label: str
    confidence: float
    coefficient: float
    role: str


@strawberry.type
class Concept:
    code: str
    label: str


@strawberry.type
class Annotation:
    id: strawberry.ID
    confidence: float
    coefficient: float
    role: str

    @strawberry.field
    def concept(self) -> Concept:
        """Return the concept; `self` is the row."""
        row: Any = self
        return Concept(code=row.code, label=row.label)


@strawberry.type
class Case:
    id: strawberry.ID
    name: str
    category: str
    difficulty: str
    status: str
    revision: int
    annotations: list[Annotation]

    @strawberry.field
    def updated_at(self) -> datetime:
        """Return the instant; SQLite keeps no offset. `self` is the row."""
        row: Any = self
        changed: datetime = row.updated_at
        return changed.replace(tzinfo=UTC)


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


@strawberry.type
class Query:
    @strawberry.field
    def cases(self, info: Info[dict[str, Any], None], first: int) -> Connection:
        """Return the first cases with their annotations."""
        wanted = select(CaseRow).order_by(col(CaseRow.position)).limit(first + 1)
        related: Any = CaseRow.annotations
        found = info.context["session"].exec(wanted.options(selectinload(related)))
        rows: list[Any] = found.all()
        shown = rows[:first]
        return Connection(
            edges=[Edge(cursor=row.cursor, node=row) for row in shown],
            page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=shown[-1].cursor),
        )


class CloseSession(SchemaExtension):
    """Ends the request's session with its operation."""

    def on_operation(self) -> Iterator[None]:
        """Close it."""
        yield
        self.execution_context.context["session"].close()


class WithSession(GraphQL[dict[str, Any], None]):
    """The view with a session for each request."""

    def __init__(self, schema: strawberry.Schema, database: str) -> None:
        super().__init__(schema)
        self._engine = create_engine(database)

    def encode_json(self, data: object) -> bytes:
        """Write JSON by orjson, for the same bytes."""
        return orjson.dumps(data)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> dict[str, Any]:
        """Open a session."""
        return {"request": request, "response": response, "session": Session(self._engine)}


def application() -> GraphQL[dict[str, Any], None]:
    """Build the application; `BENCH_DATABASE` names the SQLite file."""
    give_room(asyncio.get_event_loop())
    caches = [lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)]
    schema = strawberry.Schema(query=Query, extensions=[CloseSession, *caches])
    return WithSession(schema, f"sqlite:///{os.environ['BENCH_DATABASE']}")


def fill(path: Path, page: dict[str, Any]) -> None:
    """Make the SQLite file of a page of the product's."""
    engine = create_engine(f"sqlite:///{path}")
    Row.metadata.create_all(engine)
    nodes = [edge["node"] for edge in page["edges"]]
    with Session(engine) as session:
        session.add_all(_cases(page["edges"]))
        if page["pageInfo"]["hasNextPage"]:
            session.add(_case({"cursor": "", "node": nodes[0] | {"id": "next"}}, len(nodes)))
        session.commit()


def _cases(edges: list[dict[str, Any]]) -> Iterator[SQLModel]:
    for position, edge in enumerate(edges):
        yield _case(edge, position)
        for place, each in enumerate(edge["node"]["annotations"]):
            own = {name: each[name] for name in ("id", "confidence", "coefficient", "role")}
            yield AnnotationRow(**own, **each["concept"], case_id=edge["node"]["id"], position=place)


def _case(edge: dict[str, Any], position: int) -> CaseRow:
    node = edge["node"]
    own = {name: node[name] for name in ("id", "name", "category", "difficulty", "status", "revision")}
    updated_at = datetime.fromisoformat(node["updatedAt"])
    return CaseRow(**own, position=position, cursor=edge["cursor"], updated_at=updated_at)
