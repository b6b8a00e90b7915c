"""Shapes every feature shares: nodes, connections, refusals."""

from collections.abc import Callable
from typing import Generic, TypeVar

import strawberry
from anyio import to_thread

from schema.pagination import Page
from schema.scalars import global_id, local_key, split_id

__all__ = [
    "Conflict",
    "Connection",
    "Edge",
    "FieldError",
    "Node",
    "NotAllowed",
    "NotFound",
    "PageInfo",
    "ValidationErrors",
    "connection",
    "global_id",
    "local_key",
    "split_id",
]

T = TypeVar("T")
Row = TypeVar("Row")


@strawberry.interface(description="An object with an identifier that is unique across the whole schema.")
class Node:
    """Relay's node; its id is opaque to clients."""

    id: strawberry.ID = strawberry.field(description="Opaque, stable identifier.")


@strawberry.type(description="Where a page stands in its connection.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether more follow `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Whether some precede `startCursor`.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge, if there is one.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge, if there is one.")


@strawberry.type(description="One object of a page and where it stands.")
class Edge(Generic[T]):
    """Relay's edge."""

    node: T = strawberry.field(description="The object.")
    cursor: str = strawberry.field(description="Where it stands; pass it as `after` or `before`.")


@strawberry.type(description="A page of objects, with keyset cursors that stay valid while rows are added.")
class Connection(Generic[T]):
    """Relay's connection."""

    edges: list[Edge[T]] = strawberry.field(description="The page's objects with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    count: strawberry.Private[Callable[[], int]]

    @strawberry.field(description="How many objects the filter matches in all; counted only when asked.")
    async def total_count(self) -> int:
        """Count in a thread."""
        return await to_thread.run_sync(self.count)


def connection(page: Page[Row], convert: Callable[[Row], T]) -> Connection[T]:
    """Return the connection of a service's page."""
    edges = [Edge(node=convert(row), cursor=page.cursor_of(row)) for row in page.rows]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, count=page.count)


@strawberry.type(description="One fault in the input.")
class FieldError:
    """A problem beside its field."""

    path: list[str] = strawberry.field(description="The input's own path, outermost first.")
    message: str = strawberry.field(description="What is wrong, in the viewer's language.")
    code: str = strawberry.field(description="Stable, machine-readable.")


@strawberry.interface(name="Refusal", description="Why a mutation changed nothing.")
class Refused:
    """What every refusal says, so that a client can handle all of them at once."""

    message: str = strawberry.field(description="What happened, in the viewer's language.")
    code: str = strawberry.field(description="Stable, machine-readable.")


@strawberry.type(description="The input cannot be accepted as it is; nothing was changed.")
class ValidationErrors(Refused):
    """Every faulty field at once."""

    fields: list[FieldError] = strawberry.field(description="The faulty fields.")


@strawberry.type(description="The object does not exist, or the viewer may not know that it does.")
class NotFound(Refused):
    """A missing or foreign object."""


@strawberry.type(description="The viewer may see the object, but not do this.")
class NotAllowed(Refused):
    """A refusal."""


@strawberry.type(description="Someone else was faster; nothing was changed.")
class Conflict(Refused):
    """A stale revision, or a state that has moved on."""

    current: int | None = strawberry.field(description="The revision that won, where there is one.")
