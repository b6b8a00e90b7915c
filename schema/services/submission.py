"""Ending an attempt exactly once: by the student, or at the deadline on what was last acknowledged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlmodel import Session, col, select

from schema.database import Database
from schema.errors import ConflictError, ValidationFailedError
from schema.models.cases import CaseRevision
from schema.models.training import Answer, Attempt, SessionCase, SubmissionCause, TrainingSession
from schema.models.webhooks import WebhookEvent
from schema.policy import Actor
from schema.services import commenting
from schema.services.answers import Draft
from schema.services.attempts import Attempts, announce
from schema.services.clock import Clock
from schema.services.grading import Graded, Grader, Key, mean_score
from schema.services.jobs import Claim
from schema.services.once import FIELD, LONGEST_JOB_KEY
from schema.services.text import line
from schema.services.webhooks import emit

OVERDUE_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Ending:
    """Who ends an attempt and when they asked; without a key it is the clock that does."""

    at: datetime
    actor: Actor | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Written:
    """An answer as it stands, and what it is marked against."""

    answer_id: int
    revision: int
    draft: Draft
    key: Key


class Submissions:
    """Ends attempts. It keeps its own transactions: answers are marked before the one that stores the marks.

    Parameters
    ----------
    grader
        Marks one answer; only if a save slips in between is it asked again within the transaction.
    """

    def __init__(self, database: Database, clock: Clock, grader: Grader) -> None:
        self._database = database
        self._clock = clock
        self._grader = grader

    def submit(self, actor: Actor, attempt_id: int, idempotency_key: str) -> Attempt:
        """End an attempt the actor works on; the same key again returns the same attempt.

        What counts is when the request came, not how long marking took.

        Raises
        ------
        ConflictError
            When it was submitted before with another key, or by the deadline.
        """
        key, problems = line(idempotency_key, FIELD, LONGEST_JOB_KEY)
        if problems:
            raise ValidationFailedError(problems)
        asked_at = self._clock()
        with self._database.read() as session:
            Attempts(session, actor, self._clock).to_act(attempt_id)
        attempt = self._end(attempt_id, _Ending(asked_at, actor, key))
        if attempt.idempotency_key == key:
            return attempt
        by_deadline = attempt.submission_cause == SubmissionCause.DEADLINE.value
        raise ConflictError("deadline_passed" if by_deadline else "already_submitted")

    def settle(self, attempt_id: int) -> bool:
        """End an attempt whose deadline has passed and leave any other alone; return whether it is ended."""
        return self._end(attempt_id, _Ending(self._clock())).submitted_at is not None

    def settle_overdue(self, *conditions: ColumnElement[bool]) -> int:
        """End the attempts under these conditions whose deadline has passed, should the job be late.

        Returns how many were found.
        """
        overdue = select(Attempt.id).where(
            col(Attempt.submitted_at).is_(None), col(Attempt.deadline_at) <= self._clock(), *conditions
        )
        with self._database.read() as session:
            late = session.exec(overdue.limit(OVERDUE_AT_ONCE)).all()
        for attempt_id in late:
            self.settle(attempt_id or 0)
        return len(late)

    def at_deadline(self, claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any]:
        """Do the job that waits for an attempt's deadline."""
        self.settle(claim.payload["attempt_id"])
        return {}

    def _end(self, attempt_id: int, ending: _Ending) -> Attempt:
        """Return the attempt as it is afterwards, whoever ended it."""
        with self._database.read() as session:
            attempt = session.exec(select(Attempt).where(Attempt.id == attempt_id)).one()
            if not _ends(attempt, ending):
                return attempt
            written = _written(session, attempt_id)
        graded = self._grader.grade_all([(each.draft, each.key) for each in written])
        marks = {(each.answer_id, each.revision): mark for each, mark in zip(written, graded, strict=True)}
        with self._database.write() as session:
            locked = select(Attempt).where(Attempt.id == attempt_id).with_for_update()
            attempt = session.exec(locked).one()
            if _ends(attempt, ending):
                self._store(session, attempt, ending, marks)
            return attempt

    def _store(
        self, session: Session, attempt: Attempt, ending: _Ending, marks: dict[tuple[int, int], Graded]
    ) -> None:
        graded = {
            each.answer_id: marks.get((each.answer_id, each.revision))
            or self._grader.grade(each.draft, each.key, at_once=True)
            for each in _written(session, attempt.id or 0)
        }
        rows = [{"id": key, "score": mark.score, "grade": mark.document} for key, mark in graded.items()]
        session.execute(update(Answer), rows)
        late = ending.at >= attempt.deadline_at
        attempt.submitted_at = attempt.deadline_at if late else ending.at
        attempt.submission_cause = (SubmissionCause.DEADLINE if late else SubmissionCause.STUDENT).value
        attempt.idempotency_key = None if late else ending.key
        attempt.score = mean_score(mark.score for mark in graded.values())
        session.add(attempt)
        session.flush()
        if self._grader.comments:
            commenting.enqueue(session, self._clock, attempt)
        training = session.get_one(TrainingSession, attempt.session_id)
        concerned = {"Attempt": attempt.id, "Session": training.id}
        emit(session, self._clock, WebhookEvent.ATTEMPT_SUBMITTED, concerned, holder_id=training.owner_id)
        announce(session, self._clock, attempt, "attempt.submitted", None if late else ending.actor)


def _ends(attempt: Attempt, ending: _Ending) -> bool:
    """Return whether the attempt is open and this ends it: a student at any time, the clock when late."""
    late = ending.at >= attempt.deadline_at
    return attempt.submitted_at is None and (late or ending.key is not None)


def _written(session: Session, attempt_id: int) -> list[_Written]:
    rows = (
        select(Answer, CaseRevision)
        .join(SessionCase, col(SessionCase.id) == Answer.session_case_id)
        .join(CaseRevision, col(CaseRevision.id) == SessionCase.case_revision_id)
        .where(Answer.attempt_id == attempt_id)
        .order_by(col(Answer.position))
    )
    return [
        _Written(answer.id or 0, answer.revision, Draft.of(answer), Key.of(revision))
        for answer, revision in session.exec(rows).all()
    ]
