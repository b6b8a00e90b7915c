"""Long work someone asks for: one job for each key, a few at a time, done with the rights they then have."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, or_, select

from schema.errors import NotAllowedError, ValidationFailedError
from schema.models.work import Job
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Scope
from schema.services import jobs
from schema.services.authentication import actor_now
from schema.services.clock import Clock
from schema.services.jobs import Claim
from schema.services.once import FIELD, LONGEST_JOB_KEY, Once
from schema.services.paging import Sort, page_of

IMPORT_JOB, EXPORT_JOB = "import_participants", "export_attempts"
RECORDINGS_JOB, PACS_JOB, DIGITISE_JOB = "import_recordings", "import_from_pacs", "digitise_recording"
AT_ONCE = 5
"""Unfinished jobs of an account; docs/api.md says so too."""
MOST_EXPORTS = 20
"""Exports of an account that are under way or kept; docs/api.md says so too."""


def ask(  # noqa: PLR0913, PLR0917 - who asks for what
    session: Session,
    actor: Actor,
    clock: Clock,
    kind: str,
    payload: Mapping[str, Any],
    key: str,
    *,
    asked: object = None,
) -> Job:
    """Queue a job for an actor; the same request under the same key again answers with the same job.

    Parameters
    ----------
    asked
        What tells the request from another, as JSON has it, where that is not the payload.

    Raises
    ------
    ValidationFailedError
        When the key is none or was used for another request, too many of the actor's jobs are not done yet,
        or too many exports kept.
    """
    once = Once.of(key, payload if asked is None else asked, LONGEST_JOB_KEY)
    unique = f"{kind}:{actor.account_id}:{once.key}"
    known = select(Job).where(Job.unique_key == unique)
    present = session.exec(known).first()
    if present is not None:
        return _same(present, once)
    mine = select(func.count()).where(Job.owner_id == actor.account_id)
    unfinished = col(Job.finished_at).is_(None)
    if session.exec(mine.where(unfinished)).one() >= AT_ONCE:
        raise ValidationFailedError.of(FIELD, "too_many_jobs", maximum=AT_ONCE)
    kept = mine.where(Job.kind == EXPORT_JOB, or_(unfinished, col(Job.checkpoint).is_not(None)))
    if kind == EXPORT_JOB and session.exec(kept).one() >= MOST_EXPORTS:
        raise ValidationFailedError.of(FIELD, "too_many_exports", maximum=MOST_EXPORTS)
    whole = {**payload, "token_id": actor.token_id, jobs.ASKED: once.sha256}
    try:
        with session.begin_nested():
            jobs.enqueue(session, clock, kind, whole, unique_key=unique, owner_id=actor.account_id)
    except IntegrityError:  # asked for twice at the same moment
        pass
    return _same(session.exec(known).one(), once)


def _same(job: Job, once: Once) -> Job:
    once.check(job.payload.get(jobs.ASKED))
    return job


def asking(session: Session, clock: Clock, claim: Claim, scope: Scope) -> Actor:
    """Return who asked for a job; raises a refusal when they may not any more."""
    actor = actor_now(session, clock, claim.account_id or 0, claim.payload["token_id"])
    if not actor.may(scope):
        raise NotAllowedError("missing_scope")
    return actor


def page_of_jobs(session: Session, actor: Actor, request: PageRequest) -> Page[Job]:
    """Return a page of the jobs an actor asked for, newest first."""
    rows = select(Job).where(Job.owner_id == actor.account_id)
    return page_of(session, rows, [Sort(col(Job.id), descending=True)], request)
