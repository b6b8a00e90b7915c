"""Works off due jobs: inside the server by default, or as a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from schema.context import Services
from schema.services.deadlines import SUBMIT_JOB
from schema.services.jobs import Handler, run_due
from server.faults import log_fault

POLL_S = 1.0
"""A job may fall due without anyone ringing: a deadline, or a worker that died."""
BATCH = 20


async def work(services: Services, handlers: Mapping[str, Handler]) -> None:
    """Work off due jobs for as long as the task lives; a database that is away for a while is no end."""
    while True:
        if await to_thread.run_sync(_batch, services, handlers):
            await services.doorbell.ring()
        else:
            await services.doorbell.wait(POLL_S)


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """Work off jobs beside what happens within the block."""
    task = asyncio.create_task(work(services, handlers_of(services)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def handlers_of(services: Services) -> Mapping[str, Handler]:
    """Return what does each kind of job."""
    return {SUBMIT_JOB: services.submissions.at_deadline}


def _batch(services: Services, handlers: Mapping[str, Handler]) -> int:
    try:
        return run_due(services.database, handlers, services.clock, BATCH)
    except SQLAlchemyError as error:
        log_fault(error, "none", "looking for due jobs")
        return 0
