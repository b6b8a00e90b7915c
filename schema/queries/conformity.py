"""What a technical file is made of: conformity reports."""

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.reports import reports
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection
from schema.types.conformity import ConformityReport


@strawberry.type
class ConformityQueries:
    """The way to them."""

    @query_field(Scope.TECHNICAL_FILE, "Monthly conformity reports, the newest month first.")
    async def conformity_reports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ConformityReport]:
        """Return a page of reports."""
        request = PageRequest.of(first, after, last, before)
        page = await info.context.read(lambda session: reports(session, request))
        return connection(page, ConformityReport.of)
