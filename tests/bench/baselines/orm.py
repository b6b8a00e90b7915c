"""Strawberry over SQLModel as most people write it: objects, lazy relationships, the default JSON.

It gets the same room for frames as the product: see `server.stack`.
"""

import asyncio
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import strawberry
from sqlmodel import Field, Relationship, Session, SQLModel, col, create_engine, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import SchemaExtension
from strawberry.types import Info

from server.stack import give_room


class CaseRow(SQLModel, table=True):
    id: str = Field(primary_key=True)
    position: int = Field(index=True)
    cursor: str
    name: str
    category: str
    difficulty: str
    status: str
    revision: int
    updated_at: datetime
    annotations: list["AnnotationRow"] = Relationship()


class AnnotationRow(SQLModel, table=True):
    id: str = Field(primary_key=True)
    case_id: str = Field(foreign_key="caserow.id", index=True)
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


@strawberry.type
class Query:
    @strawberry.field
    def cases(self, info: Info[dict[str, Any], None], first: int) -> Connection:
        """Return the first cases; their annotations are loaded as they are asked for."""
        found = info.context["session"].exec(select(CaseRow).order_by(col(CaseRow.position)).limit(first + 1))
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

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> dict[str, Any]:
        """Open a session."""
        return {"request": request, "response": response, "session": Session(self._engine)}


def application() -> GraphQL[dict[str, Any], None]:
    """Build the application; `BENCH_ANSWER` names the product's answer, `BENCH_DATABASE` the SQLite file."""
    give_room(asyncio.get_event_loop())
    database = f"sqlite:///{os.environ['BENCH_DATABASE']}"
    _fill(database, orjson.loads(Path(os.environ["BENCH_ANSWER"]).read_bytes())["data"]["cases"])
    return WithSession(strawberry.Schema(query=Query, extensions=[CloseSession]), database)


def _fill(database: str, page: dict[str, Any]) -> None:
    engine = create_engine(database)
    SQLModel.metadata.create_all(engine)
    nodes = [edge["node"] for edge in page["edges"]]
    with Session(engine) as session:
        session.add_all(_cases(page["edges"]))
        if page["pageInfo"]["hasNextPage"]:
            session.add(_case({"cursor": "", "node": nodes[0] | {"id": "next"}}, len(nodes)))
        session.commit()


def _cases(edges: list[dict[str, Any]]) -> Iterator[SQLModel]:
    for position, edge in enumerate(edges):
        yield _case(edge, position)
        for each in edge["node"]["annotations"]:
            own = {name: each[name] for name in ("id", "confidence", "coefficient", "role")}
            yield AnnotationRow(**own, **each["concept"], case_id=edge["node"]["id"])


def _case(edge: dict[str, Any], position: int) -> CaseRow:
    node = edge["node"]
    own = {name: node[name] for name in ("id", "name", "category", "difficulty", "status", "revision")}
    updated_at = datetime.fromisoformat(node["updatedAt"])
    return CaseRow(**own, position=position, cursor=edge["cursor"], updated_at=updated_at)
