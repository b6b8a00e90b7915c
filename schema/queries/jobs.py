"""How long work is coming along."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.jobs import job_of
from schema.types.base import local_key
from schema.types.jobs import Job


@strawberry.type
class JobQueries:
    """Queries about jobs."""

    @query_field(Scope.PROFILE, "One job; null when there is none the viewer asked for.")
    async def job(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The job's id.")],  # noqa: A002
    ) -> Job | None:
        """Return one job."""
        key, viewer = local_key(id, "Job"), info.context.viewer
        return Job.of(await info.context.read(lambda session: job_of(session, viewer, key)))
