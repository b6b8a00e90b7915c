"""Removing what nobody asks for any more: jobs long finished, and events no open page resumes from."""

from datetime import timedelta

from sqlmodel import col, delete, select

from schema.database import Database
from schema.models.work import Event, Job
from schema.services.clock import Clock

KEPT = timedelta(days=30)
"""How long a finished job and an event are kept; docs/operating.md says so too."""
AT_ONCE = 1_000
"""Rows of each kind removed in one transaction, so that others never wait for long."""


def prune(database: Database, clock: Clock) -> int:
    """Remove some of what is older than `KEPT` and return how many rows; 0 when nothing is left to remove.

    A job that is not finished stays however old it is. A sequence is never given out again: whoever resumes
    from before the events that are gone gets those that are left.
    """
    before = clock() - KEPT
    finished = select(Job.id).where(col(Job.finished_at) < before).limit(AT_ONCE)
    past = select(Event.sequence).where(col(Event.at) < before).limit(AT_ONCE)
    with database.write() as session:
        jobs = delete(Job).where(col(Job.id).in_(finished.with_for_update(skip_locked=True)))
        events = delete(Event).where(col(Event.sequence).in_(past.with_for_update(skip_locked=True)))
        return session.exec(jobs).rowcount + session.exec(events).rowcount
