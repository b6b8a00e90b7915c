"""How long work is coming along."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.services.bulk import page_of_jobs
from schema.services.jobs import job_of
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.jobs import Job


@strawberry.type
class JobQueries:
    """Queries about jobs."""

    @query_field(None, "One job; null when there is none the viewer asked for. A token of any scope may ask.")
    async def job(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The job's id.")],  # noqa: A002
    ) -> Job | None:
        """Return one job."""
        viewer, key = info.context.viewer, local_key(id, "Job")
        return Job.of(await info.context.read(lambda session: job_of(session, viewer, key)))

    @query_field(
        None,
        "The jobs the viewer asked for, newest first; kept for 30 days once done. "
        "A token of any scope may ask.",
    )
    async def jobs(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Job]:
        """Return a page of jobs."""
        request, viewer = PageRequest.of(first, after, last, before), info.context.viewer
        page = await info.context.read(lambda session: page_of_jobs(session, viewer, request))
        return connection(page, Job.of)
