"""The audit trail."""

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.audit import Audit
from schema.types.arguments import After, Before, First, Last
from schema.types.audit import AuditEvent
from schema.types.base import Connection, connection


@strawberry.type
class AuditQueries:
    """Queries about the trail."""

    @query_field(Scope.AUDIT_READ, "Who changed what, newest first; for administrators.")
    async def audit_events(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditEvent]:
        """Return a page of the trail."""
        request, clock = PageRequest.of(first, after, last, before), info.context.services.clock
        viewer = info.context.viewer
        page = await info.context.read(lambda session: Audit(session, clock, viewer).page(request))
        return connection(page, AuditEvent.of)
