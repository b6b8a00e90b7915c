"""How long work is coming along, as it does."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from schema.context import Info
from schema.services.jobs import job_of, topic
from schema.subscriptions.following import admitted, follow, start_of
from schema.types.arguments import Sequence
from schema.types.base import local_key
from schema.types.jobs import Job


@strawberry.type(description="A job at one moment.")
class JobProgress:
    """A job and where it stands in the course of events."""

    sequence: int = strawberry.field(description="Where a later subscription resumes.")
    job: Job = strawberry.field(description="The job.")


@strawberry.type
class JobSubscriptions:
    """What those who asked for long work watch."""

    @strawberry.subscription(
        description="A job the viewer asked for: as it is at once, then each time it moves on, until it "
        "ends. A token of any scope may follow it."
    )
    async def job_progress(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The job's id.")],  # noqa: A002
        after: Sequence = None,
    ) -> AsyncGenerator[JobProgress, None]:
        """Follow a job."""
        context = info.context
        with admitted(None, context):
            viewer, key = context.viewer, local_key(id, "Job")
            start = await start_of(context, topic(key), after)
            row = await context.read(lambda session: job_of(session, viewer, key))
        yield JobProgress(sequence=start, job=Job.of(row))
        async with aclosing(follow(context, topic(key), start)) as happening:
            while row.finished_at is None:
                event = await anext(happening)
                row = await context.read(lambda session: job_of(session, viewer, key))
                yield JobProgress(sequence=event.sequence or 0, job=Job.of(row))
