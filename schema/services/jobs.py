"""Later and long work as rows: held by a lease, renewed by a heartbeat, freed when its worker dies."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, case, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from schema.database import Database
from schema.errors import DomainError, NotFoundError
from schema.models.work import Job, JobState
from schema.policy import Actor, Scope
from schema.services import events
from schema.services.clock import Clock

LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
MAX_ATTEMPTS = 5
FIRST_DELAY = timedelta(seconds=2)
ASKED = "asked_sha256"
"""In a payload: what tells a request from another under the same key; all that is left once a job is done."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a standing job is due that nobody has woken."""

log = logging.getLogger(__name__)


def enqueue(  # noqa: PLR0913 - the options are keywords, each with a default
    session: Session,
    clock: Clock,
    kind: str,
    payload: dict[str, Any],
    *,
    run_after: datetime | None = None,
    unique_key: str | None = None,
    owner_id: int | None = None,
) -> int:
    """Queue a job within the caller's transaction and return its id.

    A second job with the same `unique_key` is the first one.
    """
    if unique_key is not None:
        known = session.exec(select(Job.id).where(Job.unique_key == unique_key)).first()
        if known is not None:
            return known
    now = clock()
    job = Job(
        kind=kind,
        payload=payload,
        unique_key=unique_key,
        owner_id=owner_id,
        run_after=run_after or now,
        created_at=now,
    )
    session.add(job)
    session.flush()
    return job.id or 0


def wake(session: Session, clock: Clock, kind: str, payload: dict[str, Any], unique_key: str) -> None:
    """Have a standing job run soon, within the caller's transaction; the first call makes it.

    Its row is held until the transaction ends: a worker that is putting the job back waits, and then sees
    what it was woken for. Call it before anything is appended to the trail or to the events.
    """
    given_up = col(Job.state) == JobState.FAILED.value
    fresh = {
        "payload": payload,  # one that was given up has lost it
        "run_after": clock(),
        "state": case((given_up, JobState.QUEUED.value), else_=col(Job.state)),
        "attempts": case((given_up, 0), else_=col(Job.attempts)),
        "finished_at": None,
    }
    woken = update(Job).where(col(Job.unique_key) == unique_key).values(fresh).returning(col(Job.id))
    if session.execute(woken).first() is not None:
        return
    try:
        with session.begin_nested():
            enqueue(session, clock, kind, payload, unique_key=unique_key)
    except IntegrityError:  # another transaction made it at the same moment
        session.execute(woken)


def reopen(session: Session, job_id: int, payload: dict[str, Any]) -> None:
    """Have a finished job done once more, within the caller's transaction; any other is left as it is."""
    fresh = {"state": JobState.QUEUED.value, "payload": payload, "attempts": 0, "finished_at": None}
    session.execute(update(Job).where(col(Job.id) == job_id, col(Job.finished_at).is_not(None)).values(fresh))


def topic(job_id: int) -> str:
    """Return the topic under which a job's progress is told."""
    return f"job:{job_id}"


def job_of(session: Session, actor: Actor, job_id: int) -> Job:
    """Return a job the actor asked for; administrators see all, their tokens with `profile`.

    Raises
    ------
    NotFoundError
        Where there is none.
    """
    job, sees_all = session.get(Job, job_id), actor.is_admin and actor.may(Scope.PROFILE)
    if job is None or not (sees_all or job.owner_id == actor.account_id):
        raise NotFoundError
    return job


@dataclass(frozen=True, slots=True)
class Claim:
    """A job one worker holds.

    Parameters
    ----------
    attempt
        Also tells this hold from an earlier one of the same job.
    checkpoint
        How far an earlier hold came; None at the beginning.
    account_id
        Who asked for it; None for the system itself.
    """

    id: int
    kind: str
    payload: dict[str, Any]
    attempt: int
    worker: str = ""
    checkpoint: dict[str, Any] | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """What a handler returns whose job is put back instead of finished: a standing one, or for a while.

    Parameters
    ----------
    due
        Asked, while nobody can wake the job, when it is due again.
    """

    due: Callable[[Session], datetime]


class LostClaimError(Exception):
    """Another worker has taken the job over: what this one would do is the other's to do."""


def held(session: Session, claim: Claim) -> Job:
    """Return the job of a claim, which nobody takes over until the transaction ends; ask for it first.

    Raises
    ------
    LostClaimError
        When another worker holds the job by now.
    """
    job = session.exec(select(Job).where(_held(claim)).with_for_update()).first()
    if job is None:
        raise LostClaimError
    return job


def checkpoint(session: Session, clock: Clock, job: Job, document: dict[str, Any], fraction: float) -> None:
    """Keep how far a held job has come, in the transaction of what it did; call it last."""
    job.checkpoint, job.progress = document, fraction
    session.flush()
    _announce(session, clock, job)


class Jobs:
    """One worker's view of the queue.

    Parameters
    ----------
    owner
        Names the worker; at most one worker holds a job at any time.
    """

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner

    def claim(self, kinds: frozenset[str]) -> Claim | None:
        """Take the job that has waited longest among those due, or whose worker has stopped renewing it.

        A job that took down `MAX_ATTEMPTS` workers is given up instead.
        """
        with self._database.read() as session:
            if session.exec(select(Job.id).where(self._due(kinds)).limit(1)).first() is None:
                return None
        with self._database.write() as session:
            due = select(Job).where(self._due(kinds)).order_by(col(Job.run_after), col(Job.id)).limit(1)
            job = session.exec(due.with_for_update(skip_locked=True)).first()
            if job is None:
                return None
            if job.attempts >= MAX_ATTEMPTS:
                self._finish(session, job, JobState.FAILED, error="its workers stopped without an answer")
                return None
            return self._take(job)

    def heartbeat(self, claim: Claim) -> bool:
        """Renew the lease; False when another worker has taken the job over."""
        with self._database.write() as session:
            renewed = session.execute(
                update(Job)
                .where(_held(claim))
                .values(lease_until=self._clock() + LEASE)
                .returning(col(Job.id))
            )
            return renewed.first() is not None

    def progress(self, claim: Claim, fraction: float) -> None:
        """Say how far the job has come, from 0 to 1."""

        def change(session: Session, job: Job) -> None:
            job.progress = fraction
            _announce(session, self._clock, job)

        self._change(claim, change)

    def succeed(self, claim: Claim, result: dict[str, Any] | None = None) -> None:
        """Close the job with its result, unless it was taken over meanwhile."""

        def change(session: Session, job: Job) -> None:
            job.progress, job.result = 1.0, result
            self._finish(session, job, JobState.SUCCEEDED)

        self._change(claim, change)

    def fail(self, claim: Claim, error: str) -> None:
        """Put the job back for later, twice as late each time; after `MAX_ATTEMPTS` give it up."""

        def change(session: Session, job: Job) -> None:
            if job.attempts >= MAX_ATTEMPTS:
                self._finish(session, job, JobState.FAILED, error)
                return
            job.state, job.error, job.lease_until = JobState.QUEUED.value, error, None
            job.run_after = self._clock() + FIRST_DELAY * 2 ** (job.attempts - 1)
            _announce(session, self._clock, job)

        self._change(claim, change)

    def give_up(self, claim: Claim, error: str) -> None:
        """Close a job that cannot be done, however often it is tried."""
        self._change(claim, lambda session, job: self._finish(session, job, JobState.FAILED, error))

    def put_back(self, claim: Claim, again: Again) -> None:
        """Have a job wait for its next time, as if no worker had died of it; nobody is told."""

        def change(session: Session, job: Job) -> None:
            job.state, job.attempts, job.lease_until = JobState.QUEUED.value, 0, None
            job.run_after = again.due(session)

        self._change(claim, change)

    def _due(self, kinds: frozenset[str]) -> ColumnElement[bool]:
        now = self._clock()
        waiting = and_(col(Job.state) == JobState.QUEUED.value, col(Job.run_after) <= now)
        lapsed = and_(col(Job.state) == JobState.RUNNING.value, col(Job.lease_until) <= now)
        return and_(col(Job.kind).in_(kinds), or_(waiting, lapsed))

    def _take(self, job: Job) -> Claim:
        job.state, job.attempts = JobState.RUNNING.value, job.attempts + 1
        job.lease_owner, job.lease_until = self._owner, self._clock() + LEASE
        return Claim(
            id=job.id or 0,
            kind=job.kind,
            payload=job.payload,
            attempt=job.attempts,
            worker=self._owner,
            checkpoint=job.checkpoint,
            account_id=job.owner_id,
        )

    def _change(self, claim: Claim, change: Callable[[Session, Job], None]) -> None:
        """Change the job while it is still held; what a worker says of a job it lost is dropped."""
        with self._database.write() as session:
            job = session.exec(select(Job).where(_held(claim)).with_for_update()).first()
            if job is None:
                log.warning("job %s was taken over by another worker", claim.id)
            else:
                change(session, job)

    def _finish(self, session: Session, job: Job, state: JobState, error: str | None = None) -> None:
        job.state, job.error, job.finished_at, job.lease_until = state.value, error, self._clock(), None
        # it may hold what people sent, and nobody needs it any more
        job.payload = {name: value for name, value in job.payload.items() if name == ASKED}
        _announce(session, self._clock, job)


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(
        col(Job.id) == claim.id,
        col(Job.state) == JobState.RUNNING.value,
        col(Job.lease_owner) == claim.worker,
        col(Job.attempts) == claim.attempt,
    )


def _announce(session: Session, clock: Clock, job: Job) -> None:
    events.append(session, clock, topic(job.id or 0), job.state, {"progress": job.progress})


Handler = Callable[[Claim, Callable[[float], None]], dict[str, Any] | Again | None]
"""Does a job of one kind; the second argument reports progress from 0 to 1; returns the job's result."""


def run_due(database: Database, handlers: Mapping[str, Handler], clock: Clock, limit: int) -> int:
    """Work off at most `limit` due jobs of the kinds that have a handler; return how many were taken.

    A handler that raises has its job put back for later, unless it is a refusal, which would come again. One
    that never returns keeps the lease, which its process renews; when the process dies, another takes the job
    over. So a handler must bear being run twice.
    """
    jobs = Jobs(database, clock, uuid4().hex)
    taken = 0
    while taken < limit and (claim := jobs.claim(frozenset(handlers))) is not None:
        taken += 1
        _run(jobs, claim, handlers[claim.kind])
    return taken


def _run(jobs: Jobs, claim: Claim, handler: Handler) -> None:
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(jobs, claim, done), name=f"job-{claim.id}", daemon=True)
    heart.start()
    try:
        result = handler(claim, lambda fraction: jobs.progress(claim, fraction))
    except LostClaimError:
        log.warning("job %s was taken over by another worker", claim.id)
    except DomainError as error:
        jobs.give_up(claim, type(error).__name__)
    except Exception as error:
        log.exception("job %s (%s) failed", claim.id, claim.kind)
        jobs.fail(claim, type(error).__name__)
    else:
        if isinstance(result, Again):
            jobs.put_back(claim, result)
        else:
            jobs.succeed(claim, result)
    finally:
        done.set()
        heart.join()


def _beat(jobs: Jobs, claim: Claim, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_SECONDS) and jobs.heartbeat(claim):
        log.debug("job %s is still being done", claim.id)
