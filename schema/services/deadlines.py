"""When an attempt ends: after the session's limit or at its closing, plus the extra time granted."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from schema.models.training import Attempt, Enrolment, TrainingSession
from schema.services import jobs
from schema.services.clock import Clock

SUBMIT_JOB = "submit_attempt"


def deadline(training: TrainingSession, started_at: datetime, extra_minutes: int) -> datetime:
    """Return when an attempt ends: the earlier of the time limit and the closing, then the extra time."""
    end = started_at + timedelta(minutes=training.time_limit_minutes)
    if training.closes_at is not None:
        end = min(end, training.closes_at)
    return end + timedelta(minutes=extra_minutes)


def schedule(session: Session, clock: Clock, attempt: Attempt) -> None:
    """Have the attempt submitted at its deadline; a deadline that was moved since finds nothing to do.

    One that was moved away and back may have found nothing: it comes again.
    """
    at = attempt.deadline_at
    payload: dict[str, Any] = {"attempt_id": attempt.id}
    key = f"{SUBMIT_JOB}:{attempt.id}:{at.isoformat()}"
    made = jobs.enqueue(session, clock, SUBMIT_JOB, payload, run_after=at, unique_key=key)
    jobs.reopen(session, made, payload)


def move(session: Session, clock: Clock, session_id: int, account_id: int | None = None) -> None:
    """Give the open attempts of a session, or of one student in it, the deadline they now have."""
    held = select(TrainingSession).where(TrainingSession.id == session_id).with_for_update(read=True)
    training = session.exec(held.execution_options(populate_existing=True)).one()
    rows = (
        select(Attempt, Enrolment.extra_minutes)
        .join(
            Enrolment,
            (col(Enrolment.session_id) == Attempt.session_id)
            & (col(Enrolment.account_id) == Attempt.account_id),
        )
        .where(Attempt.session_id == session_id, col(Attempt.submitted_at).is_(None))
        .with_for_update(of=Attempt)
    )
    if account_id is not None:
        rows = rows.where(Attempt.account_id == account_id)
    for attempt, extra_minutes in session.exec(rows).all():
        new = deadline(training, attempt.started_at, extra_minutes)
        if new != attempt.deadline_at:
            attempt.deadline_at = new
            session.add(attempt)
            session.flush()
            schedule(session, clock, attempt)
