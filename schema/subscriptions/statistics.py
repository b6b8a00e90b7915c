"""The library's figures as they change."""

from collections.abc import AsyncGenerator

import strawberry

from schema.context import Info
from schema.permissions import scoped
from schema.policy import Scope
from schema.subscriptions.following import POLL_S, admitted, start_of
from schema.types.arguments import Sequence
from schema.types.statistics import Statistics, current_statistics

TOPIC = "statistics"


@strawberry.type(description="The library's figures at one moment.")
class StatisticsChange:
    """Figures and where they stand in the course of events."""

    sequence: int = strawberry.field(description="The last event they include.")
    statistics: Statistics = strawberry.field(description="The figures.")


@strawberry.type
class StatisticsSubscriptions:
    """What authors see beside their work."""

    @strawberry.subscription(
        description=scoped(
            Scope.STATISTICS_READ, "The library's figures: those of now at once, then each time they change."
        )
    )
    async def statistics_changed(
        self, info: Info, after: Sequence = None
    ) -> AsyncGenerator[StatisticsChange, None]:
        """Look at each ring, and once a second for what rings no bell, such as the matcher's cache."""
        context = info.context
        with admitted(Scope.STATISTICS_READ, context):
            shown: Statistics | None = None
            sequence = after or 0
        while True:
            latest = await start_of(context, TOPIC, None)
            figures = await current_statistics(context)
            if figures != shown or latest > sequence:
                shown, sequence = figures, max(latest, sequence)
                yield StatisticsChange(sequence=sequence, statistics=figures)
            await context.services.doorbell.wait(POLL_S)
