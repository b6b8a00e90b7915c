"""Works off due jobs and removes old ones: inside the server by default, or as a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from schema.context import Services
from schema.services.attempt_exports import expire
from schema.services.bulk import DIGITISE_JOB, EXPORT_JOB, IMPORT_JOB, PACS_JOB, RECORDINGS_JOB
from schema.services.commenting import COMMENT_JOB
from schema.services.deadlines import SUBMIT_JOB
from schema.services.duels import JUDGE_JOB, SHADOW_JOB
from schema.services.jobs import Handler, run_due
from schema.services.models import SYNC_JOB, wake
from schema.services.pruning import prune
from schema.services.recording_imports import forget
from schema.services.recounting import RECOUNT_JOB, Recount, count_once
from schema.services.retraining import RETRAIN_JOB, WATCH_JOB, wake_watch
from schema.services.segmentations import TRACK_JOB
from schema.services.webhooks import DELIVER_JOB
from server.faults import log_fault

POLL_S = 1.0
"""A job may fall due without anyone ringing: a deadline, or a worker that died."""
BATCH = 20
COURIERS = 4
"""Addresses told at the same time by one process; one address is told one thing at a time."""
PRUNE_S = 3600.0
"""What is old is removed at the start and then every hour."""


class Queue(NamedTuple):
    """Jobs that wait for one another, and no others for them.

    Parameters
    ----------
    at_once
        How many are done before the queue looks whether it is to stop.
    """

    handlers: Mapping[str, Handler]
    at_once: int = BATCH


async def work(services: Services, queue: Queue) -> None:
    """Work off due jobs for as long as the task lives; a database that is away for a while is no end."""
    while True:
        if await to_thread.run_sync(_batch, services, queue):
            await services.doorbell.ring()
        else:
            await services.doorbell.wait(POLL_S)


async def tidy(services: Services) -> None:
    """Remove what is old for as long as the task lives, a part at a time."""
    while True:
        if not await to_thread.run_sync(_pruned, services):
            await asyncio.sleep(PRUNE_S)


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """Work off jobs, and remove old ones, beside what happens within the block."""
    await to_thread.run_sync(_wake_standing_jobs, services)
    tasks = [asyncio.create_task(work(services, each)) for each in queues_of(services)]
    tasks.append(asyncio.create_task(tidy(services)))
    try:
        yield
    finally:
        if services.retraining is not None:
            services.retraining.close()  # or its thread would be waited for until the model has learnt
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def queues_of(services: Services) -> Sequence[Queue]:
    """Return what does each kind of job, in queues that do not wait for one another.

    A deadline never waits for an export or an address that does not answer, nor one such address for another.
    """
    prompt: dict[str, Handler] = {
        SUBMIT_JOB: services.submissions.at_deadline,
        COMMENT_JOB: services.comments.write,
    }
    couriers: dict[str, Handler] = {DELIVER_JOB: services.courier.deliver}
    store: dict[str, Handler] = {SYNC_JOB: services.model_sync.work} if services.model_sync else {}
    if services.tracking:
        store[TRACK_JOB] = services.tracking.work
    bulky: dict[str, Handler] = {IMPORT_JOB: services.imports.work, EXPORT_JOB: services.exports.work}
    recordings: dict[str, Handler] = {RECORDINGS_JOB: services.recording_imports.work}
    archives: dict[str, Handler] = {PACS_JOB: services.pacs.work}
    training: dict[str, Handler] = {RETRAIN_JOB: services.retraining.work} if services.retraining else {}
    judged: dict[str, Handler] = {JUDGE_JOB: services.judge.work} if services.judge else {}
    paper: dict[str, Handler] = {DIGITISE_JOB: services.digitising.work}
    queues = [
        Queue(prompt),
        Queue({WATCH_JOB: services.feedback_watch.work}),
        Queue({RECOUNT_JOB: Recount(services.database).work}, at_once=1),
        Queue({SHADOW_JOB: services.shadows.work}, at_once=1),
        Queue(bulky, at_once=1),
        Queue(recordings, at_once=1),
        Queue(archives, at_once=1),
        Queue(paper, at_once=1),
        *[Queue(couriers)] * COURIERS,
    ]
    return [*queues, *(Queue(each, at_once=1) for each in (store, judged, training) if each)]


def _wake_standing_jobs(services: Services) -> None:
    """Have the store of models looked at, feedback counted, and predictions where they never were."""
    try:
        with services.database.write() as session:
            if services.model_sync is not None:
                wake(session, services.clock)
            wake_watch(session, services.clock)
            count_once(session, services.clock)
    except SQLAlchemyError as error:
        log_fault(error, "none", "asking for a look at the store of models, feedback and predictions")


def _batch(services: Services, queue: Queue) -> int:
    services.shelf.refresh()
    services.deployments.refresh()
    try:
        return run_due(services.database, queue.handlers, services.clock, queue.at_once)
    except SQLAlchemyError as error:
        log_fault(error, "none", "looking for due jobs")
        return 0


def _pruned(services: Services) -> int:
    """Remove a part of what is old; whatever one of them raises, the others and the task go on."""
    database, clock, blobs = services.database, services.clock, services.blobs
    removals: dict[str, Callable[[], int]] = {
        "old exports": lambda: expire(database, clock, blobs),
        "files of imports": lambda: forget(database, blobs),
        "held pages": services.intake.expire,
        "old jobs and events": lambda: prune(database, clock),
    }
    removed = 0
    for what, remove in removals.items():
        try:
            removed += remove()
        except Exception as error:  # noqa: BLE001 - each store of files has its own
            log_fault(error, "none", f"removing {what}")
    return removed
