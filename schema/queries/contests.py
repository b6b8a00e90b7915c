"""What students contest, for those who rule on it, and one contest."""

from typing import Annotated, Any

import strawberry
from sqlalchemy import Row

from schema.context import Info
from schema.errors import NotFoundError
from schema.models.contests import ContestState
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.contests import ContestFilter as Filter
from schema.services.contests import Contests
from schema.services.contests import ContestSort as ContestOrderField
from schema.types.arguments import After, Before, First, Last
from schema.types.attempts import Answer
from schema.types.base import Connection, connection, local_key
from schema.types.contests import Contest
from schema.types.enums import OrderDirection, describe_enum

describe_enum(
    ContestOrderField,
    "ContestOrderField",
    "What contests are listed by.",
    "Open ones first when ascending, the newest first among them.",
    "When they were made.",
)


@strawberry.input(description="Which contests to list; what is left out does not narrow.")
class ContestFilter:
    """Conditions that all hold."""

    state: ContestState | None = strawberry.field(default=None, description="Where they stand.")
    session_id: strawberry.ID | None = strawberry.field(default=None, description="Of one session only.")


@strawberry.input(description="In what order to list contests.")
class ContestOrder:
    """A field and a direction."""

    field: ContestOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(description="Which way.")


OPEN_FIRST = ContestOrder(field=ContestOrderField.STATE, direction=OrderDirection.ASC)


@strawberry.type
class ContestQueries:
    """Queries about contests."""

    @query_field(Scope.ATTEMPTS_READ, "One contest; null when there is none whose mark the viewer may see.")
    async def contest(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The contest's id.")],  # noqa: A002
    ) -> Contest | None:
        """Return one contest."""
        key, viewer, clock = local_key(id, "Contest"), info.context.viewer, info.context.services.clock
        contest, answer = await info.context.read(lambda session: Contests(session, viewer, clock).get(key))
        return Contest.of(contest, Answer.of(answer))

    @query_field(Scope.SESSIONS_READ, "Contests of the sessions the viewer manages.")
    async def contests(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            ContestFilter | None, strawberry.argument(description="Which contests; all when left out.")
        ] = None,
        order_by: Annotated[
            ContestOrder | None, strawberry.argument(description="Open ones first when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Contest]:
        """Return a page of contests."""
        order, chosen = order_by or OPEN_FIRST, _conditions(filter)
        request = PageRequest.of(first, after, last, before)
        descending = order.direction is OrderDirection.DESC
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(
            lambda session: Contests(session, viewer, clock).page(
                chosen, order.field, request, descending=descending
            )
        )
        return connection(page, _contest)


def _contest(row: Row[Any]) -> Contest:
    return Contest.of(row.Contest, Answer.of(row.Answer))


def _conditions(given: ContestFilter | None) -> Filter:
    """Return the filter; what is no session's id becomes 0, which is no session's key either."""
    if given is None:
        return Filter()
    if given.session_id is None:
        return Filter(given.state)
    try:
        return Filter(given.state, local_key(given.session_id, "Session"))
    except NotFoundError:
        return Filter(given.state, 0)
