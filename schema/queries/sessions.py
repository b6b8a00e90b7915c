"""Which training sessions there are, and one of them."""

from typing import Annotated

import strawberry
from sqlmodel import col

from schema.context import Info
from schema.models.training import Attempt, SessionDifficulty, SessionStatus
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.sessions import SessionFilter as Filter
from schema.services.sessions import Sessions
from schema.services.sessions import SessionSort as SessionOrderField
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.enums import OrderDirection, describe_enum
from schema.types.sessions import Session

describe_enum(
    SessionOrderField,
    "SessionOrderField",
    "What sessions are listed by.",
    "When they were last changed.",
    "When they were made.",
    "Their names, whatever the case and the accents.",
)


@strawberry.input(description="Which sessions to list; what is left out does not narrow.")
class SessionFilter:
    """Conditions that all hold."""

    search: str | None = strawberry.field(
        default=None, description="Words of the name or the objectives, whatever the accents."
    )
    difficulty: SessionDifficulty | None = strawberry.field(default=None, description="Whom they are for.")
    status: SessionStatus | None = strawberry.field(default=None, description="What the teacher decided.")
    mine: bool | None = strawberry.field(default=None, description="True for the viewer's own only.")


@strawberry.input(description="In what order to list sessions.")
class SessionOrder:
    """A field and a direction."""

    field: SessionOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(description="Which way.")


NEWEST_FIRST = SessionOrder(field=SessionOrderField.UPDATED_AT, direction=OrderDirection.DESC)


@strawberry.type
class SessionQueries:
    """Queries about training sessions."""

    @query_field(Scope.SESSIONS_READ, "One session; null when there is none the viewer manages.")
    async def session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],  # noqa: A002
    ) -> Session | None:
        """Return one session, its overdue attempts ended."""
        key, context = local_key(id, "Session"), info.context
        viewer, clock = context.viewer, context.services.clock
        row = await context.read(lambda session: Sessions(session, viewer, clock).get(key))
        overdue = col(Attempt.session_id) == key
        await context.call(lambda: context.services.submissions.settle_overdue(overdue))
        return Session.of(row)

    @query_field(Scope.SESSIONS_READ, "The sessions the viewer manages.")
    async def sessions(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            SessionFilter | None, strawberry.argument(description="Which sessions; all when left out.")
        ] = None,
        order_by: Annotated[
            SessionOrder | None, strawberry.argument(description="Last changed first when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Session]:
        """Return a page of sessions."""
        order, given = order_by or NEWEST_FIRST, filter or SessionFilter()
        request = PageRequest.of(first, after, last, before)
        chosen = Filter(given.search, given.difficulty, given.status, mine=bool(given.mine))
        descending = order.direction is OrderDirection.DESC
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(
            lambda session: Sessions(session, viewer, clock).page(
                chosen, order.field, request, descending=descending
            )
        )
        return connection(page, Session.of)
