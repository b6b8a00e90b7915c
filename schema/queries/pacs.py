"""Which archives there are, and what they hold."""

import datetime as dt
from typing import Annotated

import strawberry
from anyio import to_thread

from ml.pacs.archives import Criteria, Modality
from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.types.pacs import PacsSearch


@strawberry.type
class PacsQueries:
    """Queries about archives."""

    @query_field(
        Scope.CASES_READ,
        "The names of the archives (PACS) that the viewer may search; none where the site has none, or the "
        "viewer may not.",
    )
    async def pacs_archives(self, info: Info) -> list[str]:
        """Return them in the order of the settings."""
        return info.context.services.pacs.names(info.context.viewer)

    @query_field(
        Scope.CASES_READ,
        "The names of the archives (PACS) that the viewer may send recordings to; none where no archive "
        "takes any, or the viewer may not.",
    )
    async def pacs_destinations(self, info: Info) -> list[str]:
        """Return them in the order of the settings."""
        return info.context.services.pacs_deliveries.names(info.context.viewer)

    @query_field(
        Scope.PACS,
        "Searches an archive for series to import; null when the site has none of that name. It is asked for "
        "nothing about patients; the audit trail says who searched it, not what for.",
    )
    async def search_pacs(  # noqa: PLR0913, PLR0917 - what is searched for
        self,
        info: Info,
        archive: Annotated[str, strawberry.argument(description="The archive's name.")],
        modality: Annotated[
            Modality, strawberry.argument(description="What made the objects.")
        ] = Modality.ECG,
        since: Annotated[
            dt.date | None, strawberry.argument(description="The first day of the study.")
        ] = None,
        until: Annotated[dt.date | None, strawberry.argument(description="The last day.")] = None,
        description: Annotated[
            str,
            strawberry.argument(
                description="Part of the study's description; `*` and `?` stand for any characters."
            ),
        ] = "",
    ) -> PacsSearch | None:
        """Ask the archive, a few searches at a time."""
        services, viewer = info.context.services, info.context.viewer
        criteria = Criteria(modality, since, until, description)
        found = await to_thread.run_sync(
            services.pacs.search, viewer, archive, criteria, limiter=services.searches
        )
        return PacsSearch.of(found, info.context)
