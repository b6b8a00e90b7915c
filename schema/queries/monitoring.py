"""Watching models."""

import asyncio
from collections.abc import Sequence
from dataclasses import field
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
from schema.services.drift import drift
from schema.services.forecasts import ForecastMetric, forecasts
from schema.services.monitoring import Figures, Watched, daily, period, summary, together, versions
from schema.types.arguments import worded
from schema.types.monitoring import (
    LanguageModelDay,
    MonitoredDay,
    MonitoredDrift,
    MonitoredFigures,
    MonitoredForecast,
    MonitoredPeriod,
    MonitoredVersion,
)

LARGE_CHANGE = 0.25
"""Of the population stability index, by custom."""

NO_PAGES = N_(
    "MLflow’s own pages are not served. Set CHEVET_MLFLOW_PAGES to their address, or run: make mlflow"
)
Days = Annotated[int, strawberry.argument(description="So many days, 1 to 366.")]
Until = Annotated[
    date | None, strawberry.argument(description="The last of them, in UTC: today when left out.")
]


@strawberry.type(
    description="A family of models in figures; shadow runs, which nobody is shown, are left out."
)
class Monitoring:
    """What is watched of models."""

    watched: strawberry.Private[Watched]
    _counted: strawberry.Private[dict[tuple[date, date], asyncio.Future[Sequence[Figures]]]] = field(
        default_factory=dict
    )
    _pages: strawberry.Private[asyncio.Future[str | None] | None] = None

    @strawberry.field(description="Of what kind of question.")
    def family(self) -> ModelFamily:
        """Return it."""
        return self.watched.family

    @strawberry.field(
        description="MLflow's own pages: as the site says, or of `make mlflow` while it runs; null otherwise."
    )
    async def dashboard_url(self, info: Info) -> str | None:
        """Look where they are."""
        return await self._pages_url(info)

    @strawberry.field(
        description="What makes MLflow's pages be there, in the viewer's language; null where they are."
    )
    async def dashboard_hint(self, info: Info) -> str | None:
        """Say what is missing."""
        return info.context.translate(NO_PAGES) if await self._pages_url(info) is None else None

    async def _pages_url(self, info: Info) -> str | None:
        """Look where MLflow's pages are, once for both fields: a server is asked whether it is there."""
        if self._pages is None:
            self._pages = asyncio.ensure_future(to_thread.run_sync(info.context.services.mlflow_pages.url))
        return await self._pages

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
    async def trends(self, info: Info, days: Days = 30, until: Until = None) -> list[MonitoredDay]:
        """Sum up each day."""
        first, last = _period(info, days, until)
        found = await self._days(info, first, last)
        return [MonitoredDay.of(each, each.day or last) for each in found]

    @strawberry.field(
        description="Whether what is asked still looks like what the version learnt from, or of a family its "
        "champion, and whether its errors have changed."
    )
    async def drift(self, info: Info, days: Days = 30, until: Until = None) -> MonitoredDrift:
        """Compare all days together."""
        first, last = _period(info, days, until)
        found = await info.context.read(lambda session: drift(session, self.watched, first, last))
        return MonitoredDrift.of(found)

    @strawberry.field(description="When a figure will be beyond a threshold: one, or one of each feature.")
    async def forecast(
        self,
        info: Info,
        metric: Annotated[ForecastMetric, strawberry.argument(description="Which figure.")],
        threshold: Annotated[
            float | None,
            strawberry.argument(
                description="What its level is to pass: when left out, the share of errors that calls for a "
                "training, or an index of 0.25."
            ),
        ] = None,
        days: Days = 90,
    ) -> list[MonitoredForecast]:
        """Foresee it from all days."""
        since, until = _period(info, days, None)
        rate = info.context.services.training.error_rate
        usual = rate if metric is ForecastMetric.ERROR_RATE else LARGE_CHANGE
        limit = usual if threshold is None else threshold
        with worded(info):
            found = await info.context.read(
                lambda session: forecasts(session, self.watched, metric, limit, since, until)
            )
        return [MonitoredForecast.of(each) for each in found]

    @strawberry.field(description="Some days together.")
    async def summary(self, info: Info, days: Days = 30, until: Until = None) -> MonitoredPeriod:
        """Sum up all days."""
        first, last = _period(info, days, until)
        figures = together(await self._days(info, first, last))
        return MonitoredPeriod(since=first, until=last, figures=MonitoredFigures.of(figures))

    async def _days(self, info: Info, first: date, last: date) -> Sequence[Figures]:
        """Count each day, once for all fields that ask for the same."""
        if (first, last) not in self._counted:
            counting = info.context.read(lambda session: daily(session, self.watched, first, last))
            self._counted[first, last] = asyncio.ensure_future(counting)
        return await self._counted[first, last]

    @strawberry.field(description="Some days together by version, the newest first.")
    async def versions(self, info: Info, days: Days = 30, until: Until = None) -> list[MonitoredVersion]:
        """Sum up each version."""
        first, last = _period(info, days, until)
        found = await info.context.read(lambda session: versions(session, self.watched, first, last))
        return [
            MonitoredVersion(version_id=key, figures=MonitoredFigures.of(each)) for key, each in found.items()
        ]

    @strawberry.field(
        description="What language models were asked and cost day by day, whatever the family, as far as "
        "the cache remembers; null where none is configured."
    )
    async def language_model(
        self, info: Info, days: Days = 30, until: Until = None
    ) -> list[LanguageModelDay] | None:
        """Read the day's counters."""
        first, last = _period(info, days, until)
        budget = info.context.services.budget
        if budget is None:
            return None
        return [LanguageModelDay.of(each) for each in await to_thread.run_sync(budget.between, first, last)]


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


def _period(info: Info, days: int, until: date | None) -> tuple[date, date]:
    with worded(info):
        return period(until or _today(info), days)


def _today(info: Info) -> date:
    return info.context.services.clock().astimezone(UTC).date()
