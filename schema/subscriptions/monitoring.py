"""Models in figures, as they change."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC
from typing import Annotated

import strawberry

from schema.context import Info
from schema.models.predictions import ModelFamily
from schema.permissions import scoped
from schema.policy import Scope
from schema.services.monitoring import Watched, mark, summary
from schema.subscriptions.following import POLL_S, admitted
from schema.types.monitoring import MonitoredDay


@strawberry.type(description="A family of models at one moment.")
class MonitoringChange:
    """What a dashboard shows at once; whatever else it shows it asks for anew."""

    family: ModelFamily = strawberry.field(description="Of what kind of question.")
    today: MonitoredDay = strawberry.field(description="The figures of today, in UTC.")


@strawberry.type
class MonitoringSubscriptions:
    """What those who watch models see beside their work."""

    @strawberry.subscription(
        description=scoped(
            Scope.STATISTICS_READ,
            "A family of models in figures: as it stands at once, then after each prediction and opinion, "
            "once a second at most.",
        )
    )
    async def monitoring_changed(
        self,
        info: Info,
        family: Annotated[ModelFamily, strawberry.argument(description="Of what kind of question.")],
    ) -> AsyncGenerator[MonitoringChange, None]:
        """Look at each ring, and once a second for what rings no bell here, such as what a shadow says."""
        context = info.context
        with admitted(Scope.STATISTICS_READ, context):
            shown = None
        while True:
            known = shown
            shown = await context.read(lambda session: mark(session, family, known))  # noqa: B023 - read at once
            if shown != known:
                yield MonitoringChange(family=family, today=await _today(info, family))
                await asyncio.sleep(POLL_S)
            else:
                await context.services.doorbell.wait(POLL_S)


async def _today(info: Info, family: ModelFamily) -> MonitoredDay:
    day = info.context.services.clock().astimezone(UTC).date()
    figures = await info.context.read(lambda session: summary(session, Watched(family), day, day))
    return MonitoredDay.of(figures, day)
