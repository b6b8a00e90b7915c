"""The library's figures."""

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.types.statistics import (
    MatcherStatistics,
    Statistics,
    current_statistics,
    matcher_statistics,
)


@strawberry.type
class StatisticsQueries:
    """Queries about the library as a whole."""

    @query_field(Scope.STATISTICS_READ, "The library's figures as they stand.")
    async def statistics(self, info: Info) -> Statistics:
        """Count."""
        return await current_statistics(info.context)

    @query_field(
        Scope.STATISTICS_READ, "What reading texts costs and what its cache saves, over all workers."
    )
    async def matcher_statistics(self, info: Info) -> MatcherStatistics:
        """Count."""
        return await to_thread.run_sync(matcher_statistics, info.context.services)
