"""Attempts handed in, as lines of JSON to take away: pseudonymous, names in texts masked, for a few days.

An export is a row of parts, each some attempts: what is held in memory is one of them, and whoever takes the
job over goes on after the last. Every line names its export, so that no two exports share a part, and one's
end takes nothing from another.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from ml.language.masking import Masker
from schema.database import Database
from schema.errors import NotFoundError
from schema.models.contests import Contest
from schema.models.training import Answer, Attempt, SessionCase, TrainingSession
from schema.models.work import Job, JobState
from schema.policy import Actor, Scope
from schema.scalars import global_id
from schema.services import bulk, jobs
from schema.services.audit import Audit
from schema.services.blobs import BlobStore, key_of
from schema.services.clock import Clock
from schema.services.contests import with_rulings
from schema.services.jobs import Again, Claim
from schema.services.passwords import Passwords
from schema.services.sessions import Sessions
from schema.services.shelf import Shelf

TOGETHER = 500
"""Attempts of one part, at most."""
PART_BYTES = 8_000_000
"""Where a part ends even so, unless a single attempt is larger."""
READ_TOGETHER = 20
"""Attempts read at a time."""
PARTS_A_TURN = 10
"""Parts written before others' jobs have their turn, and a process that is to stop may."""
KEPT = timedelta(days=7)
"""How long an export is there, from when it was asked for; docs/operating.md says so too."""
MEDIA_TYPE = "application/jsonl"
PSEUDONYM = 16
"""Hexadecimal digits a participant is called by: the same in all exports of one account."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some attempts of an export: the blob they are in, and the keys of the one before and of the last."""

    key: str
    after: int
    last: int
    attempts: int
    size: int


def ask_for_export(session: Session, actor: Actor, clock: Clock, session_id: int | None, key: str) -> Job:
    """Have the attempts of a session the actor manages written out, or of all that they own."""
    if session_id is not None:
        Sessions(session, actor, clock).get(session_id)
    return bulk.ask(session, actor, clock, bulk.EXPORT_JOB, {"session_id": session_id}, key)


def parts_of(session: Session, actor: Actor, clock: Clock, job_id: int) -> list[str]:
    """Return the blobs of an export the actor asked for; raises NotFoundError, too, when it has expired."""
    job = session.get(Job, job_id)
    foreign = job is None or job.owner_id != actor.account_id
    if job is None or foreign or not available(job, clock()):
        raise NotFoundError
    return [part.key for part in _parts(job.checkpoint)]


def available(job: Job, now: datetime) -> bool:
    """Return whether an export can be taken away."""
    done = job.kind == bulk.EXPORT_JOB and job.state == JobState.SUCCEEDED.value
    return done and job.checkpoint is not None and now < expires_at(job)


def expires_at(job: Job) -> datetime:
    """Return when an export is removed."""
    return job.created_at + KEPT


def expire(database: Database, clock: Clock, blobs: BlobStore) -> int:
    """Remove what has been there long enough; return how many exports it was.

    Files go before the row forgets them, and outside its transaction: a store may be slow, or away. One that
    will not let go of a file keeps no other export; what it raised comes at the end.
    """
    past = select(Job).where(
        Job.kind == bulk.EXPORT_JOB,
        col(Job.created_at) <= clock() - KEPT,
        col(Job.checkpoint).is_not(None),
        Job.state != JobState.RUNNING.value,
    )
    with database.read() as session:
        expired = session.exec(past).all()
    removed, failed = 0, list[Exception]()
    for job in expired:
        try:
            for part in _parts(job.checkpoint):
                blobs.delete(part.key)
        except Exception as error:  # noqa: BLE001 - each store has its own
            failed.append(error)
            continue
        with database.write() as session:
            kept = past.where(Job.id == job.id).with_for_update(skip_locked=True)
            if (same := session.exec(kept).first()) is not None and same.checkpoint == job.checkpoint:
                same.checkpoint = None
                removed += 1
    if failed:
        raise failed[0]
    return removed


@dataclass(frozen=True, slots=True)
class _Marked:
    """An answer with the case it is about and the contests of its mark."""

    answer: Answer
    case_id: int
    contests: Sequence[Contest]


class AttemptExports:
    """Writes exports. It keeps its own transactions, one for each part."""

    def __init__(
        self, database: Database, clock: Clock, blobs: BlobStore, passwords: Passwords, shelf: Shelf
    ) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._passwords = passwords
        self._shelf = shelf

    def work(self, claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any] | Again:
        """Do the job, or what another worker has left of it."""
        masker = Masker.of(self._shelf.current.ontology)
        parts = _parts(claim.checkpoint)
        if parts and not self._blobs.exists(parts[-1].key):
            parts.pop()  # its worker was killed before it had stored what it had written down
        total = claim.checkpoint["total"] if claim.checkpoint is not None else self._total(claim)
        for _ in range(PARTS_A_TURN):
            made = self._next(claim, parts[-1].last if parts else 0, masker)
            if made is None:
                return self._finished(claim, parts, total)
            part, data = made
            parts.append(part)
            self._keep(claim, parts, total)
            self._blobs.put(data, MEDIA_TYPE)
        return Again(lambda _session: self._clock())

    def _finished(self, claim: Claim, parts: Sequence[Part], total: int) -> dict[str, Any]:
        attempts = sum(part.attempts for part in parts)
        with self._database.write() as session:
            job = jobs.held(session, claim)
            actor = bulk.asking(session, self._clock, claim, Scope.SESSIONS_READ)
            audit = Audit(session, self._clock, actor)
            audit.record("attempts.exported", "Job", claim.id, attempts=attempts)
            jobs.checkpoint(session, self._clock, job, _document(parts, total), 1.0)
        return {"attempts": attempts, "size": sum(part.size for part in parts)}

    def _keep(self, claim: Claim, parts: Sequence[Part], total: int) -> None:
        done = sum(part.attempts for part in parts) / max(1, total)
        with self._database.write() as session:
            job = jobs.held(session, claim)
            jobs.checkpoint(session, self._clock, job, _document(parts, total), min(1.0, done))

    def _total(self, claim: Claim) -> int:
        with self._database.read() as session:
            rows = self._handed_in(session, claim).subquery()
            return session.exec(select(func.count()).select_from(rows)).one()

    def _next(self, claim: Claim, after: int, masker: Masker) -> tuple[Part, bytes] | None:
        """Return the part after an attempt; None after the last."""
        with self._database.read() as session:
            lines, size, last = list[bytes](), 0, after
            for attempt_id, line in islice(self._lines(session, claim, after, masker), TOGETHER):
                if lines and size + len(line) > PART_BYTES:
                    break
                lines.append(line)
                size, last = size + len(line), attempt_id
        data = b"".join(lines)
        return (Part(key_of(data), after, last, len(lines), size), data) if lines else None

    def _lines(
        self, session: Session, claim: Claim, after: int, masker: Masker
    ) -> Iterator[tuple[int, bytes]]:
        """Yield what is told of each attempt after one, under its key."""
        handed_in = self._handed_in(session, claim).order_by(col(Attempt.id))
        while attempts := session.exec(handed_in.where(col(Attempt.id) > after).limit(READ_TOGETHER)).all():
            after = attempts[-1].id or 0
            answers = _answers(session, [attempt.id or 0 for attempt in attempts])
            for attempt in attempts:
                told = self._told(claim, attempt, answers.get(attempt.id or 0, []), masker)
                yield attempt.id or 0, orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)

    def _handed_in(self, session: Session, claim: Claim) -> SelectOfScalar[Attempt]:
        """Return the statement of all that is exported, if whoever asked may still see it."""
        actor = bulk.asking(session, self._clock, claim, Scope.SESSIONS_READ)
        session_id = claim.payload["session_id"]
        handed_in = select(Attempt).where(col(Attempt.submitted_at).is_not(None))
        if session_id is not None:
            Sessions(session, actor, self._clock).get(session_id)
            return handed_in.where(Attempt.session_id == session_id)
        own = select(TrainingSession.id).where(TrainingSession.owner_id == actor.account_id)
        return handed_in.where(col(Attempt.session_id).in_(own))

    def _told(
        self, claim: Claim, attempt: Attempt, answers: Sequence[_Marked], masker: Masker
    ) -> dict[str, Any]:
        who = self._passwords.keyed("participant", f"{claim.account_id}:{attempt.account_id}")
        return {
            "exportId": global_id("Job", claim.id),
            "attemptId": global_id("Attempt", attempt.id or 0),
            "sessionId": global_id("Session", attempt.session_id),
            "participant": who[:PSEUDONYM],
            "number": attempt.number,
            "startedAt": attempt.started_at,
            "deadlineAt": attempt.deadline_at,
            "submittedAt": attempt.submitted_at,
            "submissionCause": attempt.submission_cause,
            "score": attempt.score,
            "answers": [_answer(each, masker) for each in answers],
        }


def _document(parts: Sequence[Part], total: int) -> dict[str, Any]:
    return {"total": total, "parts": [asdict(part) for part in parts]}


def _parts(checkpoint: dict[str, Any] | None) -> list[Part]:
    return [Part(**part) for part in checkpoint["parts"]] if checkpoint is not None else []


def _answers(session: Session, attempt_ids: Sequence[int]) -> dict[int, list[_Marked]]:
    """Return what was answered in each attempt, in order."""
    rows = (
        select(Answer, SessionCase.case_id)
        .join(SessionCase, col(SessionCase.id) == Answer.session_case_id)
        .where(col(Answer.attempt_id).in_(attempt_ids))
        .order_by(col(Answer.attempt_id), col(Answer.position))
    )
    found = session.exec(rows).all()
    contests: dict[int, list[Contest]] = defaultdict(list)
    made = (
        select(Contest)
        .join(Answer, col(Answer.id) == Contest.answer_id)
        .where(col(Answer.attempt_id).in_(attempt_ids))
    )
    for contest in session.exec(made.order_by(col(Contest.id))):
        contests[contest.answer_id].append(contest)
    marked: dict[int, list[_Marked]] = defaultdict(list)
    for answer, case_id in found:
        marked[answer.attempt_id].append(_Marked(answer, case_id, contests[answer.id or 0]))
    return marked


def _answer(marked: _Marked, masker: Masker) -> dict[str, Any]:
    answer = marked.answer
    return {
        "answerId": global_id("Answer", answer.id or 0),
        "position": answer.position,
        "caseId": global_id("Case", marked.case_id),
        "text": masker.mask(answer.text),
        "conceptIds": answer.concept_ids,
        "savedAt": answer.saved_at,
        "score": answer.score,
        "grade": _grade(marked),
    }


def _grade(marked: _Marked) -> dict[str, Any] | None:
    """Return a mark as rulings make it, which is what counts."""
    if marked.answer.grade is None:
        return None
    grade = with_rulings(marked.answer, marked.contests).grade
    return {
        "items": [
            {
                "concept": item.concept,
                "role": item.role.value,
                "coefficient": item.coefficient,
                "verdict": item.verdict.value,
                "credit": item.credit,
            }
            for item in grade.items
        ],
        "wrong": [claim.concept for claim in grade.wrong],
        "supplementary": list(grade.supplementary),
        "judgment": grade.judgment.value if grade.judgment else None,
        "contests": [
            {"concept": each.concept_id, "state": each.state, "verdict": each.verdict}
            for each in marked.contests
        ],
    }
