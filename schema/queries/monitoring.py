"""Watching models."""

from datetime import UTC, date
from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.messages import N_
from schema.models.predictions import ModelFamily
from schema.permissions import query_field
from schema.policy import Scope
from schema.queries.statistics import Family, Version, version_key
from schema.services.monitoring import Watched, daily, period, summary
from schema.types.arguments import worded
from schema.types.monitoring import MonitoredDay, MonitoredFigures, MonitoredPeriod

NO_PAGES = N_(
    "MLflow’s own pages are not served. Set CHEVET_MLFLOW_PAGES to their address, or run: make mlflow"
)
Days = Annotated[int, strawberry.argument(description="So many days until today, 1 to 366.")]


@strawberry.type(
    description="A family of models in figures; shadow runs, which nobody is shown, are left out."
)
class Monitoring:
    """What is watched of models."""

    watched: strawberry.Private[Watched]

    @strawberry.field(description="Of what kind of question.")
    def family(self) -> ModelFamily:
        """Return it."""
        return self.watched.family

    @strawberry.field(
        description="MLflow's own pages: as the site says, or of `make mlflow` while it runs; null otherwise."
    )
    async def dashboard_url(self, info: Info) -> str | None:
        """Look where they are."""
        return await to_thread.run_sync(info.context.services.mlflow_pages.url)

    @strawberry.field(
        description="What makes MLflow's pages be there, in the viewer's language; null where they are."
    )
    async def dashboard_hint(self, info: Info) -> str | None:
        """Say what is missing."""
        url = await to_thread.run_sync(info.context.services.mlflow_pages.url)
        return info.context.translate(NO_PAGES) if url is None else None

    @strawberry.field(description="One day: today in UTC when left out.")
    async def daily(
        self,
        info: Info,
        day: Annotated[date | None, strawberry.argument(description="Which day, in UTC.")] = None,
    ) -> MonitoredDay:
        """Sum up a day."""
        at = day or _today(info)
        figures = await info.context.read(lambda session: summary(session, self.watched, at, at))
        return MonitoredDay.of(figures, at)

    @strawberry.field(description="Day by day, the first first, also days without any.")
    async def trends(self, info: Info, days: Days = 30) -> list[MonitoredDay]:
        """Sum up each day."""
        since, until = _period(info, days)
        found = await info.context.read(lambda session: daily(session, self.watched, since, until))
        return [MonitoredDay.of(each, each.day or until) for each in found]

    @strawberry.field(description="Some days together.")
    async def summary(self, info: Info, days: Days = 30) -> MonitoredPeriod:
        """Sum up all days."""
        since, until = _period(info, days)
        figures = await info.context.read(lambda session: summary(session, self.watched, since, until))
        return MonitoredPeriod(since=since, until=until, figures=MonitoredFigures.of(figures))


@strawberry.type
class MonitoringQueries:
    """The way to it."""

    @query_field(
        Scope.STATISTICS_READ,
        "A family of models in figures: by day, as a trend, in all; null for a version that there is not.",
    )
    async def monitoring(self, info: Info, family: Family, version: Version = None) -> Monitoring | None:
        """Return what resolves them."""
        return Monitoring(watched=Watched(family, await version_key(info, version)))


def _period(info: Info, days: int) -> tuple[date, date]:
    with worded(info):
        return period(_today(info), days)


def _today(info: Info) -> date:
    return info.context.services.clock().astimezone(UTC).date()
