"""Who takes part in a session: students with an account, by join code, or of an outside system."""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from schema.errors import ConflictError, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.training import Attempt, Enrolment, EnrolmentOrigin, TrainingSession
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Role, may_act_for, may_manage_session
from schema.services import deadlines
from schema.services.accounts import Accounts, normal_email
from schema.services.audit import Audit, Trail
from schema.services.clock import Clock
from schema.services.paging import Sort, page_of
from schema.services.sessions import (
    Sessions,
    UnavailableReason,
    stored_join_code,
    unavailable_reason,
)
from schema.services.text import line

LONGEST_EXTERNAL_ID = 200
MOST_EXTRA_MINUTES = 180


class Enrolments:
    """One actor's way to enrolments: a student's own, or those of the sessions one manages.

    Parameters
    ----------
    trail
        What changes are told to, if not to the audit trail at once.
    """

    def __init__(self, session: Session, actor: Actor, clock: Clock, trail: Trail | None = None) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock
        self._trail = trail or Audit(session, clock, actor)

    def get(self, enrolment_id: int) -> Enrolment:
        """Return an enrolment the actor takes part by, or whose session they manage."""
        enrolment, _ = self._visible(enrolment_id)
        return enrolment

    def page(self, request: PageRequest) -> Page[Enrolment]:
        """Return a page of the actor's own enrolments, newest first."""
        rows = select(Enrolment).where(Enrolment.account_id == self._actor.account_id)
        order = [Sort(col(Enrolment.created_at), descending=True), Sort(col(Enrolment.id), descending=True)]
        return page_of(self._session, rows, order, request)

    def page_of_session(self, session_id: int, request: PageRequest) -> Page[Enrolment]:
        """Return a page of a session's enrolments, oldest first; the session's managers may ask."""
        rows = select(Enrolment).where(Enrolment.session_id == session_id)
        return page_of(self._session, rows, [Sort(col(Enrolment.id))], request)

    def enrol_student(self, session_id: int, email: str) -> Enrolment:
        """Enrol a student who has an account; enrolling twice does nothing.

        Raises
        ------
        ValidationFailedError
            When no student in service signs in with this address.
        """
        training, student = self._managed(session_id), self._student(email)
        return self._enrolled(training, student.id or 0, EnrolmentOrigin.TEACHER)

    def student_is_new(self, session_id: int, email: str) -> bool:
        """Return whether `enrol_student` would enrol someone; raises what it would."""
        training, student = self._managed(session_id), self._student(email)
        return self._present(training, student.id or 0) is None

    def enrol_external(self, session_id: int, external_id: str, display_name: str) -> Enrolment:
        """Enrol a participant of an outside system under that system's own name; twice does nothing.

        Raises
        ------
        NotAllowedError
            When the actor is a person in a browser rather than a system with a token.
        """
        training, identifier = self._managed(session_id), self._identifier(external_id)
        participant = self._participant(identifier, display_name)
        return self._enrolled(training, participant.id or 0, EnrolmentOrigin.EXTERNAL)

    def external_is_new(self, session_id: int, external_id: str, display_name: str) -> bool:
        """Return whether `enrol_external` would enrol someone; raises what it would."""
        training, identifier = self._managed(session_id), self._identifier(external_id)
        known = self._known(identifier)
        if known is None:
            accounts = Accounts(self._session, self._clock, self._actor)
            accounts.checked(display_name, Role.STUDENT, managed_by=self._actor.account_id)
            return True
        return self._present(training, known.id or 0) is None

    def join(self, join_code: str) -> Enrolment:
        """Enrol the student who asks, while the session is open; joining twice does nothing."""
        if self._actor.role is not Role.STUDENT:
            raise NotAllowedError("students_only")
        code = stored_join_code(join_code)
        training = self._session.exec(
            select(TrainingSession).where(TrainingSession.join_code == code)
        ).first()
        if training is None:
            raise ValidationFailedError.of("joinCode", "unknown_join_code")
        present = self._present(training, self._actor.account_id)
        reason = unavailable_reason(training, self._clock())
        if present is None and reason not in {None, UnavailableReason.NOT_OPEN_YET}:
            raise ValidationFailedError.of("joinCode", "session_closed")
        return present or self._enrolled(training, self._actor.account_id, EnrolmentOrigin.JOIN_CODE)

    def set_extra_time(self, enrolment_id: int, minutes: int) -> Enrolment:
        """Grant extra time, an attempt under way included."""
        enrolment = self._to_manage(enrolment_id)
        if not 0 <= minutes <= MOST_EXTRA_MINUTES:
            raise ValidationFailedError.of(
                "extraMinutes", "out_of_range", minimum=0, maximum=MOST_EXTRA_MINUTES
            )
        if enrolment.extra_minutes != minutes:
            enrolment.extra_minutes = minutes
            self._session.add(enrolment)
            self._session.flush()
            deadlines.move(self._session, self._clock, enrolment.session_id, enrolment.account_id)
            self._record("enrolment.extra_time_set", enrolment, minutes=minutes)
        return enrolment

    def remove(self, enrolment_id: int) -> None:
        """Take a student out of a session they have not begun."""
        enrolment = self._to_manage(enrolment_id)
        begun = select(Attempt.id).where(
            Attempt.session_id == enrolment.session_id, Attempt.account_id == enrolment.account_id
        )
        if self._session.exec(begun.limit(1)).first() is not None:
            raise ConflictError("attempts_exist")
        self._session.delete(enrolment)
        self._session.flush()
        self._record("enrolment.removed", enrolment)

    def _managed(self, session_id: int) -> TrainingSession:
        return Sessions(self._session, self._actor, self._clock).get(session_id)

    def _visible(self, enrolment_id: int, *, lock: bool = False) -> tuple[Enrolment, TrainingSession]:
        rows = (
            select(Enrolment, TrainingSession, Account.managed_by)
            .join(TrainingSession, col(TrainingSession.id) == Enrolment.session_id)
            .join(Account, col(Account.id) == Enrolment.account_id)
            .where(Enrolment.id == enrolment_id)
        )
        found = self._session.exec(rows.with_for_update(of=Enrolment) if lock else rows).first()
        if found is None:
            raise NotFoundError
        enrolment, training, managed_by = found
        if not (
            may_act_for(self._actor, enrolment.account_id, managed_by)
            or may_manage_session(self._actor, training.owner_id)
        ):
            raise NotFoundError
        return enrolment, training

    def _to_manage(self, enrolment_id: int) -> Enrolment:
        """Return an enrolment locked against a beginning attempt, for whoever manages its session."""
        enrolment, training = self._visible(enrolment_id, lock=True)
        if not may_manage_session(self._actor, training.owner_id):
            raise NotAllowedError
        return enrolment

    def _student(self, email: str) -> Account:
        known = select(Account).where(
            Account.email == normal_email(email),
            Account.role == Role.STUDENT.value,
            col(Account.disabled_at).is_(None),
        )
        student = self._session.exec(known).first()
        if student is None:
            raise ValidationFailedError.of("email", "no_such_student")
        return student

    def _identifier(self, external_id: str) -> str:
        if self._actor.token_id is None:
            raise NotAllowedError("tokens_only")
        identifier, problems = line(external_id, "externalId", LONGEST_EXTERNAL_ID)
        if problems:
            raise ValidationFailedError(problems)
        return identifier

    def _known(self, external_id: str) -> Account | None:
        mine = select(Account).where(
            Account.managed_by == self._actor.account_id, Account.external_id == external_id
        )
        return self._session.exec(mine).first()

    def _participant(self, external_id: str, display_name: str) -> Account:
        known = self._known(external_id)
        if known is not None:
            return known
        try:
            return Accounts(self._session, self._clock, self._actor, self._trail).create(
                display_name, Role.STUDENT, managed_by=self._actor.account_id, external_id=external_id
            )
        except ValidationFailedError:
            raced = self._known(external_id)  # another request of the same system was faster
            if raced is None:
                raise
            return raced

    def _present(self, training: TrainingSession, account_id: int) -> Enrolment | None:
        mine = select(Enrolment).where(
            Enrolment.session_id == training.id, Enrolment.account_id == account_id
        )
        return self._session.exec(mine).first()

    def _enrolled(self, training: TrainingSession, account_id: int, origin: EnrolmentOrigin) -> Enrolment:
        present = self._present(training, account_id)
        if present is not None:
            return present
        enrolment = Enrolment(
            session_id=training.id or 0, account_id=account_id, origin=origin.value, created_at=self._clock()
        )
        try:
            with self._session.begin_nested():
                self._session.add(enrolment)
        except IntegrityError:  # the same student was enrolled at the same moment
            raced = self._present(training, account_id)
            if raced is None:
                raise
            return raced
        self._record("enrolment.created", enrolment, origin=origin.value)
        return enrolment

    def _record(self, action: str, enrolment: Enrolment, **detail: object) -> None:
        self._trail.record(action, "Enrolment", enrolment.id, session=enrolment.session_id, **detail)
