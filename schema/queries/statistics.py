"""The library's figures."""

from datetime import datetime
from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.errors import NotFoundError
from schema.models.predictions import ModelFamily
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.feedback_statistics import (
    FeedbackFilter,
    Part,
    feedback_count,
    feedback_figures,
)
from schema.services.models import Models
from schema.types.base import local_key
from schema.types.feedback import FeedbackStatistics
from schema.types.statistics import (
    MatcherStatistics,
    Statistics,
    current_statistics,
    matcher_statistics,
)

Family = Annotated[ModelFamily, strawberry.argument(description="Of what kind of question.")]
Since = Annotated[datetime | None, strawberry.argument(description="From then on.")]
Until = Annotated[datetime | None, strawberry.argument(description="Before then.")]
Version = Annotated[
    strawberry.ID | None, strawberry.argument(description="Of what one version said.", name="modelVersionId")
]


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

    @query_field(
        Scope.STATISTICS_READ,
        "What readers think of predictions, in figures; null for a version that there is not.",
    )
    async def feedback_statistics(
        self,
        info: Info,
        family: Family,
        since: Since = None,
        until: Until = None,
        version: Version = None,
    ) -> FeedbackStatistics | None:
        """Count by type, version, week and what was corrected."""
        chosen = FeedbackFilter(family, since, until, await version_key(info, version))
        figures = await info.context.read(lambda session: feedback_figures(session, chosen, *Part))
        return FeedbackStatistics.of(chosen, figures)

    @query_field(Scope.STATISTICS_READ, "How many opinions on predictions are in force.")
    async def feedback_count(
        self, info: Info, family: Family, since: Since = None, until: Until = None
    ) -> int:
        """Count."""
        chosen = FeedbackFilter(family, since, until)
        return await info.context.read(lambda session: feedback_count(session, chosen))


async def version_key(info: Info, identifier: strawberry.ID | None) -> int | None:
    """Return the key of a version that the viewer may see; None where none is asked for.

    Raises
    ------
    NotFoundError
        When they may not.
    """
    if identifier is None:
        return None
    viewer, clock = info.context.viewer, info.context.services.clock
    key = local_key(identifier, "ModelVersion")
    if not viewer.may(Scope.MODELS_READ):
        raise NotFoundError
    await info.context.read(lambda session: Models(session, viewer, clock).version(key))
    return key
