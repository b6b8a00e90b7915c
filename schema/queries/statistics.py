"""The library's figures."""

import strawberry

from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.types.statistics import Statistics, current_statistics


@strawberry.type
class StatisticsQueries:
    """Queries about the library as a whole."""

    @query_field(Scope.STATISTICS_READ, "The library's figures as they stand.")
    async def statistics(self, info: Info) -> Statistics:
        """Count."""
        return await current_statistics(info.context)
