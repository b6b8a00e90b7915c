"""Attempts: begun once, resumed anywhere, seen by the student and by whoever manages the session."""

from dataclasses import dataclass

from sqlalchemy import insert
from sqlmodel import Session, col, select

from schema.errors import NotAllowedError, NotFoundError
from schema.models.accounts import Account
from schema.models.training import Answer, Attempt, Enrolment, SessionCase, TrainingSession
from schema.pagination import Page, PageRequest
from schema.policy import Actor, may_act_for, may_manage_session
from schema.services import deadlines, events
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.paging import Sort, page_of
from schema.services.sessions import unavailable_reason


def topic(session_id: int) -> str:
    """Return the topic under which a session's activity is told."""
    return f"session:{session_id}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What an actor is to a student's attempts in a session.

    Parameters
    ----------
    acts
        They are the student, or the outside system that manages the participant.
    manages
        They own the session, or administer the platform.
    """

    acts: bool
    manages: bool

    @classmethod
    def of(cls, actor: Actor, student_id: int, managed_by: int | None, session_owner_id: int) -> "Standing":
        """Return where an actor stands; raises NotFoundError for a stranger."""
        standing = cls(
            may_act_for(actor, student_id, managed_by), may_manage_session(actor, session_owner_id)
        )
        if not standing.acts and not standing.manages:
            raise NotFoundError
        return standing

    def require_acting(self) -> None:
        """Refuse whoever may look on but not answer for the student."""
        if not self.acts:
            raise NotAllowedError("not_your_attempt")

    def sees_key(self, attempt: Attempt, training: TrainingSession, *, another_open: bool) -> bool:
        """Return whether titles, marks and feedback of an attempt may be shown.

        Managers see them, unless they act for the student of an attempt still open. Students see them once
        they have submitted, if the session shows feedback and they have no other attempt open in it.
        """
        submitted = attempt.submitted_at is not None
        if self.manages and (submitted or not self.acts):
            return True
        return submitted and training.show_feedback and not another_open


class Attempts:
    """One actor's way to attempts."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, attempt_id: int) -> Attempt:
        """Return an attempt the actor may see."""
        attempt, _ = self._visible(attempt_id)
        return attempt

    def to_act(self, attempt_id: int) -> Attempt:
        """Return an attempt the actor may work on; raises NotAllowedError for one they only may see."""
        attempt, standing = self._visible(attempt_id)
        standing.require_acting()
        return attempt

    def page_of_session(self, session_id: int, request: PageRequest) -> Page[Attempt]:
        """Return a page of a session's attempts, those last begun first; the session's managers may ask."""
        rows = select(Attempt).where(Attempt.session_id == session_id)
        order = [Sort(col(Attempt.started_at), descending=True), Sort(col(Attempt.id), descending=True)]
        return page_of(self._session, rows, order, request)

    def start(self, enrolment_id: int) -> Attempt:
        """Begin an attempt, or return the one that is still open.

        Raises
        ------
        NotAllowedError
            When the session cannot be begun now, or when it allows no second attempt.
        """
        enrolment, training = self._startable(enrolment_id)
        mine = select(Attempt).where(
            Attempt.session_id == training.id, Attempt.account_id == enrolment.account_id
        )
        last = self._session.exec(mine.order_by(col(Attempt.number).desc()).limit(1)).first()
        if last is not None and last.submitted_at is None:
            return last
        reason = unavailable_reason(training, self._clock())
        if reason is not None:
            raise NotAllowedError(f"session_{reason.value}")
        if last is not None and not training.allow_retry:
            raise NotAllowedError("no_retry")
        return self._begun(training, enrolment, 1 if last is None else last.number + 1)

    def _begun(self, training: TrainingSession, enrolment: Enrolment, number: int) -> Attempt:
        now = self._clock()
        attempt = Attempt(
            session_id=enrolment.session_id,
            account_id=enrolment.account_id,
            number=number,
            started_at=now,
            deadline_at=deadlines.deadline(training, now, enrolment.extra_minutes),
        )
        self._session.add(attempt)
        self._session.flush()
        cases = select(SessionCase.id, SessionCase.position).where(SessionCase.session_id == training.id)
        blank = [
            {"attempt_id": attempt.id, "session_case_id": case_id, "position": position}
            for case_id, position in self._session.exec(cases.order_by(col(SessionCase.position)))
        ]
        self._session.execute(insert(Answer), blank)
        deadlines.schedule(self._session, self._clock, attempt)
        announce(self._session, self._clock, attempt, "attempt.started", self._actor)
        return attempt

    def _startable(self, enrolment_id: int) -> tuple[Enrolment, TrainingSession]:
        """Return an enrolment locked against a second start, and its session against another set of cases."""
        row = (
            select(Enrolment, Account.managed_by, TrainingSession.owner_id)
            .join(Account, col(Account.id) == Enrolment.account_id)
            .join(TrainingSession, col(TrainingSession.id) == Enrolment.session_id)
            .where(Enrolment.id == enrolment_id)
            .with_for_update(of=Enrolment)
        )
        found = self._session.exec(row).first()
        if found is None:
            raise NotFoundError
        enrolment, managed_by, owner_id = found
        Standing.of(self._actor, enrolment.account_id, managed_by, owner_id).require_acting()
        training = select(TrainingSession).where(TrainingSession.id == enrolment.session_id)
        return enrolment, self._session.exec(training.with_for_update(read=True)).one()

    def _visible(self, attempt_id: int) -> tuple[Attempt, Standing]:
        row = (
            select(Attempt, Account.managed_by, TrainingSession.owner_id)
            .join(Account, col(Account.id) == Attempt.account_id)
            .join(TrainingSession, col(TrainingSession.id) == Attempt.session_id)
            .where(Attempt.id == attempt_id)
        )
        found = self._session.exec(row).first()
        if found is None:
            raise NotFoundError
        attempt, managed_by, owner_id = found
        return attempt, Standing.of(self._actor, attempt.account_id, managed_by, owner_id)


def another_open(session: Session, attempt: Attempt) -> bool:
    """Return whether the same student has another attempt at the session under way."""
    siblings = select(Attempt.id).where(
        Attempt.session_id == attempt.session_id,
        Attempt.account_id == attempt.account_id,
        col(Attempt.submitted_at).is_(None),
        Attempt.id != attempt.id,
    )
    return session.exec(siblings.limit(1)).first() is not None


def announce(session: Session, clock: Clock, attempt: Attempt, action: str, actor: Actor | None) -> None:
    """Put the beginning or the end of an attempt on record, and tell whoever watches."""
    audit = Audit(session, clock, actor)
    audit.record(action, "Attempt", attempt.id, session=attempt.session_id)
    what = action.removeprefix("attempt.")
    events.append(session, clock, topic(attempt.session_id), what, {"attempt_id": attempt.id})
    events.append(session, clock, "statistics", action, {})
