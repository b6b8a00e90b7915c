"""Enrolling many at once, line by line: what one line lacks keeps no other out."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from schema.database import Database
from schema.errors import DomainError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.training import Enrolment
from schema.models.work import Job
from schema.policy import Actor, Scope
from schema.scalars import local_key
from schema.services import bulk, jobs
from schema.services.accounts import normal_email
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.enrolments import Enrolments
from schema.services.jobs import Again, Claim
from schema.services.participant_files import LineFault, Participant, ParticipantFile
from schema.services.sessions import Sessions

TOGETHER = 100
"""Lines of one transaction: others never wait for long."""
CHUNKS_A_TURN = 10
"""Transactions before others' jobs have their turn, and a process that is to stop may."""
SHOWN_FAULTS = 100


@dataclass
class Tally:
    """How far an import has come, and what came of it."""

    next: int = 0
    enrolled: int = 0
    present: int = 0
    fault_count: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)

    def add(self, fault: LineFault) -> None:
        """Count a fault, and keep it while there are few."""
        self.fault_count += 1
        if len(self.faults) < SHOWN_FAULTS:
            self.faults.append(asdict(fault))


def ask_for_import(  # noqa: PLR0913, PLR0917 - what to import, where, and for whom
    session: Session,
    actor: Actor,
    clock: Clock,
    session_id: int,
    file: ParticipantFile,
    key: str,
    *,
    dry_run: bool,
) -> Job:
    """Have a file's participants enrolled in a session the actor manages, or found out what would happen."""
    Sessions(session, actor, clock).get(session_id)
    payload = {"session_id": session_id, "dry_run": dry_run, **file.document()}
    return bulk.ask(session, actor, clock, bulk.IMPORT_JOB, payload, key)


class ParticipantImports:
    """Enrols. It keeps its own transactions, each of some lines with how far it has come by then."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def work(self, claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any] | Again:
        """Do the job, or what another worker has left of it."""
        file = ParticipantFile.of(claim.payload)
        tally = Tally(**claim.checkpoint) if claim.checkpoint is not None else Tally()
        if claim.checkpoint is None:
            for fault in file.faults:
                tally.add(fault)
        for _ in range(CHUNKS_A_TURN):
            if tally.next < len(file.participants):
                self._some(claim, file.participants, tally)
        if tally.next < len(file.participants):
            return Again(lambda _session: self._clock())
        result = {key: value for key, value in asdict(tally).items() if key != "next"}
        lines = len(file.participants) + len(file.faults)
        return {**result, "lines": lines, "dry_run": claim.payload["dry_run"]}

    def _some(self, claim: Claim, participants: Sequence[Participant], tally: Tally) -> None:
        dry_run, total = claim.payload["dry_run"], len(participants)
        with self._database.write() as session:
            job = jobs.held(session, claim)
            actor = bulk.asking(session, self._clock, claim, Scope.SESSIONS_WRITE)
            together = session.begin_nested()
            for participant in participants[tally.next : tally.next + TOGETHER]:
                self._one(session, actor, claim.payload["session_id"], participant, tally)
            tally.next = min(tally.next + TOGETHER, total)
            if dry_run:
                together.rollback()
            else:
                together.commit()
            if tally.next == total and not dry_run:
                detail = {"enrolled": tally.enrolled, "present": tally.present, "faults": tally.fault_count}
                audit = Audit(session, self._clock, actor)
                audit.record("participants.imported", "Session", claim.payload["session_id"], **detail)
            jobs.checkpoint(session, self._clock, job, asdict(tally), tally.next / total)

    def _one(
        self, session: Session, actor: Actor, session_id: int, participant: Participant, tally: Tally
    ) -> None:
        try:
            with session.begin_nested():
                if participant.sessionId:
                    session_id = local_key(participant.sessionId, "Session")
                known = _takes_part(session, actor, session_id, participant)
                enrolments = Enrolments(session, actor, self._clock)
                if participant.externalId:
                    enrolments.enrol_external(session_id, participant.externalId, participant.displayName)
                else:
                    enrolments.enrol_student(session_id, participant.email)
        except DomainError as error:
            tally.add(_fault_of(participant.line, error))
        else:
            tally.present += known
            tally.enrolled += not known


def _takes_part(session: Session, actor: Actor, session_id: int, participant: Participant) -> bool:
    row = select(Enrolment.id).join(Account, col(Account.id) == Enrolment.account_id)
    if participant.externalId:
        row = row.where(Account.managed_by == actor.account_id, Account.external_id == participant.externalId)
    else:
        row = row.where(Account.email == normal_email(participant.email))
    return session.exec(row.where(Enrolment.session_id == session_id)).first() is not None


def _fault_of(line: int, error: DomainError) -> LineFault:
    if isinstance(error, ValidationFailedError):
        problem = error.problems[0]
        return LineFault(line, problem.path[0], problem.code, dict(problem.values))
    if isinstance(error, NotFoundError):
        return LineFault(line, "sessionId", "not_found")
    return LineFault(line, "", getattr(error, "code", "not_allowed"))
