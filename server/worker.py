"""Works off due jobs and removes old ones: inside the server by default, or as a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from schema.context import Services
from schema.services.alert_mails import MAIL_JOB, wake_mails
from schema.services.alert_rules import ALERT_JOB, wake_alerts
from schema.services.alert_watch import LOOK_EVERY
from schema.services.attempt_exports import expire
from schema.services.bulk import DIGITISE_JOB, EXPORT_JOB, IMPORT_JOB, PACS_JOB, RECORDINGS_JOB
from schema.services.commenting import COMMENT_JOB
from schema.services.deadlines import SUBMIT_JOB
from schema.services.duels import JUDGE_JOB, SHADOW_JOB
from schema.services.jobs import Handler, run_due
from schema.services.loose_files import RELEASE_JOB
from schema.services.models import SYNC_JOB, wake
from schema.services.pruning import prune
from schema.services.recording_imports import forget
from schema.services.recounting import RECOUNT_JOB, Recount, count_once
from schema.services.reports import REPORT_JOB, wake_reports
from schema.services.retraining import RETRAIN_JOB, WATCH_JOB, wake_watch
from schema.services.segmentations import TRACK_JOB
from schema.services.webhooks import DELIVER_JOB
from server.demo_past import PAST_JOB, DemoPast
from server.faults import log_fault

POLL_S = 1.0
"""A job may fall due without anyone ringing: a deadline, or a worker that died."""
BATCH = 20
COURIERS = 4
"""Addresses told at the same time by one process; one address is told one thing at a time."""
PRUNE_S = 3600.0
"""What is old is removed at the start and then every hour."""
LOOK_S = LOOK_EVERY.total_seconds()
"""How often rules of alerts are looked at: seconds that pass, whatever the clock says meanwhile."""


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


async def rouse(services: Services) -> None:
    """Have the rules of alerts looked at, and letters carried out, for as long as the task lives."""
    while True:
        await to_thread.run_sync(_roused, services)
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """Work off jobs, and remove old ones, beside what happens within the block."""
    await to_thread.run_sync(_wake_standing_jobs, services)
    tasks = [asyncio.create_task(work(services, each)) for each in queues_of(services)]
    tasks += [asyncio.create_task(each(services)) for each in (tidy, rouse)]
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
    bulky: dict[str, Handler] = {
        IMPORT_JOB: services.imports.work,
        EXPORT_JOB: services.exports.work,
        RELEASE_JOB: services.loose_files.work,
    }
    if services.reports:
        bulky[REPORT_JOB] = services.reports.work
    recordings: dict[str, Handler] = {RECORDINGS_JOB: services.recording_imports.work}
    archives: dict[str, Handler] = {PACS_JOB: services.pacs.work}
    training: dict[str, Handler] = {RETRAIN_JOB: services.retraining.work} if services.retraining else {}
    judged: dict[str, Handler] = {JUDGE_JOB: services.judge.work} if services.judge else {}
    paper: dict[str, Handler] = {DIGITISE_JOB: services.digitising.work}
    demo: dict[str, Handler] = {PAST_JOB: DemoPast(services).work} if services.model_sync else {}
    letters: dict[str, Handler] = {MAIL_JOB: services.alert_mails.work} if services.alert_mails else {}
    queues = [
        Queue(prompt),
        Queue({WATCH_JOB: services.feedback_watch.work, ALERT_JOB: services.alert_watch.work}),
        Queue({RECOUNT_JOB: Recount(services.database).work}, at_once=1),
        Queue({SHADOW_JOB: services.shadows.work}, at_once=1),
        Queue(bulky, at_once=1),
        Queue(recordings, at_once=1),
        Queue(archives, at_once=1),
        Queue(paper, at_once=1),
        *[Queue(couriers)] * COURIERS,
    ]
    return [*queues, *(Queue(each, at_once=1) for each in (store, judged, training, letters, demo) if each)]


def _wake_standing_jobs(services: Services) -> None:
    """Have done what is done at the start: looks at models, feedback and predictions, and reports."""
    try:
        with services.database.write() as session:
            if services.model_sync is not None:
                wake(session, services.clock)
            wake_watch(session, services.clock)
            if services.reports is not None:
                wake_reports(session, services.clock)
            count_once(session, services.clock)
    except SQLAlchemyError as error:
        log_fault(error, "none", "asking for what is done at the start")


def _roused(services: Services) -> None:
    try:
        with services.database.write() as session:
            wake_alerts(session, services.clock)
            if services.alert_mails is not None:
                wake_mails(session, services.clock)
    except SQLAlchemyError as error:
        log_fault(error, "none", "asking for a look at the rules of alerts")


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
