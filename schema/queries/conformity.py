"""What a technical file is made of: conformity reports, and runs of models."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.queries.statistics import Family
from schema.services.reports import reports
from schema.types.arguments import After, Before, First, Last, worded
from schema.types.base import Connection, connection
from schema.types.conformity import ConformityReport
from schema.types.runs import ModelRuns


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

    @query_field(
        Scope.TECHNICAL_FILE,
        "Runs of a family as MLflow has them, which takes seconds; null where a chosen one is not there.",
    )
    async def model_runs(
        self,
        info: Info,
        family: Family,
        run_ids: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Which ones, 6 at most, with their files; the latest when left out."
            ),
        ] = None,
    ) -> ModelRuns | None:
        """Ask MLflow."""
        services = info.context.services
        with worded(info):
            found = await to_thread.run_sync(
                services.runs.of, family, run_ids or (), limiter=services.tracked
            )
        return ModelRuns.of(family, found, await to_thread.run_sync(services.mlflow_pages.url))
