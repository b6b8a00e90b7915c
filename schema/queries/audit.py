"""The audit trail."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.audit import Audit
from schema.types.arguments import After, Before, First, Last
from schema.types.audit import AuditEvent
from schema.types.base import Connection, connection


@strawberry.input(description="Which events to list; what is left out does not narrow.")
class AuditFilter:
    """Conditions that all hold."""

    action: str | None = strawberry.field(default=None, description="What happened, e.g. `case.validated`.")


@strawberry.type
class AuditQueries:
    """Queries about the trail."""

    @query_field(Scope.AUDIT_READ, "Who changed what, newest first; for administrators.")
    async def audit_events(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            AuditFilter | None, strawberry.argument(description="Which events; all when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditEvent]:
        """Return a page of the trail."""
        request, clock = PageRequest.of(first, after, last, before), info.context.services.clock
        viewer, action = info.context.viewer, filter.action if filter else None
        page = await info.context.read(lambda session: Audit(session, clock, viewer).page(request, action))
        return connection(page, AuditEvent.of)
