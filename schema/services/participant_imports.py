"""Enrolling many at once, line by line: what one line lacks keeps no other out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlmodel import Session

from schema.database import Database
from schema.errors import DomainError, NotFoundError, ValidationFailedError
from schema.models.work import Job
from schema.policy import Actor, Scope
from schema.scalars import local_key
from schema.services import bulk, jobs
from schema.services.audit import Audit, HeldAudit
from schema.services.clock import Clock
from schema.services.enrolments import Enrolments
from schema.services.jobs import Again, Claim
from schema.services.participant_files import LineFault, Participant, ParticipantFile
from schema.services.sessions import Sessions

TOGETHER = 10
"""Lines of one transaction: others never wait for long."""
PAUSE_S = 0.2
"""Between two transactions: who waits to write on SQLite looks every 0.1 s, and must find it free then."""
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
    """Enrols. It keeps its own transactions, each of some lines with how far it has come by then.

    Parameters
    ----------
    pause
        Waits for so many seconds.
    """

    def __init__(
        self, database: Database, clock: Clock, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._database = database
        self._clock = clock
        self._pause = pause

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
            if tally.next < len(file.participants) and not claim.payload["dry_run"]:
                self._pause(PAUSE_S)
        if tally.next < len(file.participants):
            return Again(lambda _session: self._clock())
        result = {key: value for key, value in asdict(tally).items() if key != "next"}
        lines = len(file.participants) + len(file.faults)
        return {**result, "lines": lines, "dry_run": claim.payload["dry_run"]}

    def _some(self, claim: Claim, participants: Sequence[Participant], tally: Tally) -> None:
        dry_run, total = claim.payload["dry_run"], len(participants)
        some = participants[tally.next : tally.next + TOGETHER]
        if dry_run:
            with self._database.read() as session:
                self._lines(session, claim, some, tally)
        with self._database.write() as session:
            job = jobs.held(session, claim)
            enrolled = [] if dry_run else self._lines(session, claim, some, tally)
            tally.next += len(some)
            audit = Audit(
                session, self._clock, bulk.asking(session, self._clock, claim, Scope.SESSIONS_WRITE)
            )
            for told in enrolled:
                told.append_to(audit)
            if tally.next == total:
                action = "participants.tried" if dry_run else "participants.imported"
                detail = {"enrolled": tally.enrolled, "present": tally.present, "faults": tally.fault_count}
                audit.record(action, "Session", claim.payload["session_id"], **detail)
            jobs.checkpoint(session, self._clock, job, asdict(tally), tally.next / total)

    def _lines(
        self, session: Session, claim: Claim, some: Sequence[Participant], tally: Tally
    ) -> list[HeldAudit]:
        """Enrol, or in a dry run only look; return what is to be told of each line that was no fault."""
        actor = bulk.asking(session, self._clock, claim, Scope.SESSIONS_WRITE)
        done = []
        for participant in some:
            told = HeldAudit()
            enrolments = Enrolments(session, actor, self._clock, told)
            try:
                with session.begin_nested():
                    new = _enrol(enrolments, participant, claim.payload)
            except DomainError as error:
                tally.add(_fault_of(participant.line, error))
            else:
                tally.enrolled += new
                tally.present += not new
                done.append(told)
        return done


def _enrol(enrolments: Enrolments, participant: Participant, payload: dict[str, Any]) -> bool:
    """Enrol a participant who does not take part yet, unless it is a dry run; return whether it is one."""
    who, name = participant.externalId or participant.email, participant.displayName
    where = local_key(participant.sessionId, "Session") if participant.sessionId else payload["session_id"]
    if participant.externalId:
        new = enrolments.external_is_new(where, who, name)
    else:
        new = enrolments.student_is_new(where, who)
    if new and not payload["dry_run"]:
        if participant.externalId:
            enrolments.enrol_external(where, who, name)
        else:
            enrolments.enrol_student(where, who)
    return new


def _fault_of(line: int, error: DomainError) -> LineFault:
    if isinstance(error, ValidationFailedError):
        problem = error.problems[0]
        return LineFault(line, problem.path[0], problem.code, dict(problem.values))
    if isinstance(error, NotFoundError):
        return LineFault(line, "sessionId", "not_found")
    return LineFault(line, "", getattr(error, "code", "not_allowed"))
