"""What a student takes part in, and one attempt."""

from typing import Annotated

import strawberry
from sqlmodel import col

from schema.context import Info
from schema.models.training import Attempt as AttemptRow
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.attempts import Attempts
from schema.services.enrolments import Enrolments
from schema.types.arguments import After, Before, First, Last
from schema.types.attempts import Attempt
from schema.types.base import Connection, connection, local_key
from schema.types.enrolments import Enrolment


@strawberry.type
class AttemptQueries:
    """Queries of those who take sessions."""

    @query_field(Scope.ATTEMPTS_READ, "The viewer's own enrolments, newest first.")
    async def enrolments(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Enrolment]:
        """Return a page of enrolments, overdue attempts ended."""
        request, context = PageRequest.of(first, after, last, before), info.context
        viewer, clock = context.viewer, context.services.clock
        overdue = col(AttemptRow.account_id) == viewer.account_id
        await context.call(lambda: context.services.submissions.settle_overdue(overdue))
        page = await context.read(lambda session: Enrolments(session, viewer, clock).page(request))
        return connection(page, Enrolment.of)

    @query_field(Scope.ATTEMPTS_READ, "One attempt; null when there is none the viewer may see.")
    async def attempt(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The attempt's id.")],  # noqa: A002
    ) -> Attempt | None:
        """Return one attempt, ended if it is overdue."""
        return await attempt_of(info, local_key(id, "Attempt"))


async def attempt_of(info: Info, key: int) -> Attempt:
    """Return an attempt the viewer may see, ended if it is overdue; raises NotFoundError."""
    context = info.context
    viewer, services = context.viewer, context.services
    row = await context.read(lambda session: Attempts(session, viewer, services.clock).get(key))
    if row.submitted_at is None and services.clock() >= row.deadline_at:
        await context.call(lambda: services.submissions.settle(key))
        row = await context.read(lambda session: Attempts(session, viewer, services.clock).get(key))
    return Attempt.of(row)
