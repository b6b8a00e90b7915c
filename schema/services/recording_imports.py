"""Many ECGs made cases, one after another: what one file lacks keeps no other out.

Files wait in the store of blobs until their turn, each behind some random bytes, so that no other blob is
theirs, and are removed after it. Which ones wait is a row before they are stored; their names are never kept.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import IO, Any

from sqlmodel import Session, col, select

from ml.ecg.batch import MOST_ENTRIES, Entry, File, Grouping, TooManyError, opened
from ml.ecg.decoding import DecodeError
from schema.database import Database
from schema.errors import ConflictError, DomainError, FieldProblem, NotAllowedError, ValidationFailedError
from schema.models.cases import CaseCategory, Difficulty
from schema.models.work import Job, JobState
from schema.policy import Actor, Scope
from schema.services import bulk, jobs
from schema.services.audit import Audit
from schema.services.blobs import BlobMissingError, BlobStore, key_of
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.intake import Intake, Page, Staged, refusal_of
from schema.services.jobs import Again, Claim
from schema.services.recordings import Recordings
from schema.services.shelf import Shelf
from schema.services.text import line

LONGEST_NAME = 180
"""Of what cases are called: a number follows."""
FILES_A_TURN = 10
"""Files read before others' jobs have their turn, and a process that is to stop may."""
PATIENCE = timedelta(hours=1)
"""How long files may take to arrive before what is there of them goes; docs/operating.md says so too."""
TOGETHER, TOGETHER_BYTES = 20, 64_000_000
"""Files noted down at a time before they are stored."""
SALT_BYTES = 16
MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Waiting:
    """A file that waits: the blob it is in, or why there is nothing to read; and the group it belongs to."""

    group: int
    key: str | None = None
    code: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a file; `held` is how many of its pages wait for somebody to settle their text."""

    case: int | None = None
    recordings: int = 0
    held: int = 0
    code: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class State:
    """How far an import has come: what waits, which case each group is, what became of the first files.

    `stager` names who is sending the files; `ready` says that all have arrived.
    """

    stager: str
    ready: bool = False
    waiting: list[Waiting] = field(default_factory=list)
    cases: dict[str, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, document: dict[str, Any]) -> "State":
        """Return what was kept."""
        waiting = [Waiting(**each) for each in document["waiting"]]
        outcomes = [Outcome(**each) for each in document["outcomes"]]
        return cls(**{**document, "waiting": waiting, "outcomes": outcomes})

    @property
    def over(self) -> bool:
        """Return whether every file has had its turn."""
        return len(self.outcomes) == len(self.waiting)


class RecordingImports:
    """Takes files in, and makes cases of them. It keeps its own transactions, one for each file."""

    def __init__(
        self, database: Database, clock: Clock, blobs: BlobStore, intake: Intake, shelf: Shelf
    ) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._intake = intake
        self._shelf = shelf

    def ask(self, actor: Actor, files: Sequence[File], grouping: Grouping, name: str, key: str) -> Job:
        """Have files made cases called by a name and a number; the same again under its key is the same job.

        What an earlier call under the key left half sent is sent anew.

        Raises
        ------
        ValidationFailedError
            At `files` when there are none or very many, at `name`, and what `bulk.ask` raises.
        ConflictError
            When the files are being sent a second time meanwhile.
        """
        tidy, problems = line(name, "name", LONGEST_NAME)
        if problems:
            raise ValidationFailedError(problems)
        try:
            with opened(files, grouping) as entries:
                if not entries:
                    raise ValidationFailedError.of("files", "required")
                return self._asked(actor, entries, tidy, key)
        except TooManyError:
            raise ValidationFailedError.of("files", "too_many_files", maximum=MOST_ENTRIES) from None

    def work(self, claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any] | Again:
        """Do the job, or what another worker has left of it."""
        state = State.of(claim.checkpoint or {})
        try:
            if not state.ready:
                raise NotAllowedError("files_missing")
            for _ in range(FILES_A_TURN):
                if not state.over:
                    self._next(claim, state)
            if not state.over:
                return Again(lambda _session: self._clock())
            result = self._finished(claim, state)
        except DomainError:
            self._drop(state)
            raise
        self._drop(state)
        return result

    def _asked(self, actor: Actor, entries: Sequence[Entry], name: str, key: str) -> Job:
        mine = State(secrets.token_hex(8))
        asked = [name, [(each.group, each.digest()) for each in entries]]
        with self._database.write() as session:
            payload = {"name": name}
            job = bulk.ask(session, actor, self._clock, bulk.RECORDINGS_JOB, payload, key, asked=asked)
            before = State.of(job.checkpoint) if job.checkpoint is not None else mine
            if job.finished_at is not None or before.ready or job.attempts:
                return job
            self._note(job, mine)
            job_id = job.id or 0
        self._drop(before)
        try:
            return self._sent(job_id, mine, entries)
        except Exception:
            if not mine.ready:  # another may be sending by now: then no row names these files any more
                self._drop(mine)
            raise

    def _sent(self, job_id: int, mine: State, entries: Sequence[Entry]) -> Job:
        """Store what is sent, noted down before; raises ConflictError when another sends it meanwhile."""
        for some in _together(entries):
            mine.waiting += [waiting for waiting, _data in some]
            with self._database.write() as session:
                self._note(_sending(session, job_id, mine), mine)
            for waiting, data in some:
                if waiting.key is not None:
                    self._blobs.put(data, MEDIA_TYPE)
        with self._database.write() as session:
            job = _sending(session, job_id, mine)
            mine.ready = True
            self._note(job, mine)
            job.run_after = self._clock()
        return job

    def _note(self, job: Job, state: State) -> None:
        """Keep what is being sent; should no more come, a worker takes the job up and removes it."""
        job.checkpoint, job.run_after = asdict(state), self._clock() + PATIENCE

    def _next(self, claim: Claim, state: State) -> None:
        waiting = state.waiting[len(state.outcomes)]
        pages, problem = self._read(claim, waiting)
        with self._database.write() as session:
            job = jobs.held(session, claim)
            actor = bulk.asking(session, self._clock, claim, Scope.CASES_WRITE)
            cases = Cases(session, actor, self._clock, self._shelf.current.ontology)
            if problem is None:
                outcome = self.kept(session, cases, claim.payload["name"], state.cases, waiting.group, pages)
            else:
                outcome = Outcome(code=problem.code, values=dict(problem.values))
            state.outcomes.append(outcome)
            done = len(state.outcomes) / len(state.waiting)
            jobs.checkpoint(session, self._clock, job, asdict(state), done)
        if outcome.code:
            self.drop(pages)
        if waiting.key is not None:
            self._blobs.delete(waiting.key)

    def _read(self, claim: Claim, waiting: Waiting) -> tuple[list[Page], FieldProblem | None]:
        """Return the pages of a file, or why there are none."""
        if waiting.key is None:
            return [], FieldProblem(("file",), waiting.code, tuple(waiting.values.items()))
        try:
            with self._blobs.open(waiting.key) as stream:
                stream.read(SALT_BYTES)
                return self.read(claim.account_id or 0, stream)
        except BlobMissingError:
            return [], FieldProblem(("file",), "file_lost")

    def read(self, owner_id: int, stream: IO[bytes]) -> tuple[list[Page], FieldProblem | None]:
        """Return the pages of somebody's file as it was sent, or why there are none."""
        try:
            return self._intake.take(owner_id, stream), None
        except ValidationFailedError as error:
            return [], error.problems[0]

    def drop(self, pages: Sequence[Page]) -> None:
        """Remove what is held of a file that goes nowhere."""
        self._intake.drop(pages)

    def kept(  # noqa: PLR0913, PLR0917 - where what is to go
        self,
        session: Session,
        cases: Cases,
        name: str,
        begun: dict[str, int],
        group: int,
        pages: Sequence[Page],
    ) -> Outcome:
        """Add pages to the case of their group among those begun; the first of a group begins it."""
        case_id = begun.get(str(group))
        if case_id is None:
            numbered = f"{name} {len(begun) + 1}"
            case_id = cases.create(numbered, CaseCategory.OTHER, Difficulty.BEGINNER, "").id or 0
            begun[str(group)] = case_id
        try:
            Recordings(session, cases, self._clock).add(case_id, pages)
        except ValidationFailedError as error:
            [problem] = error.problems
            return Outcome(code=problem.code, values=dict(problem.values))
        except DomainError as error:
            return Outcome(code=getattr(error, "code", "not_found"))
        held = sum(isinstance(page, Staged) for page in pages)
        return Outcome(case_id, len(pages) - held, held)

    def _finished(self, claim: Claim, state: State) -> dict[str, Any]:
        added = sum(outcome.recordings for outcome in state.outcomes)
        faults = sum(bool(outcome.code) for outcome in state.outcomes)
        counts = {
            "files": len(state.outcomes),
            "recordings": added,
            "cases": len(state.cases),
            "held": sum(outcome.held for outcome in state.outcomes),
            "faults": faults,
        }
        with self._database.write() as session:
            job = jobs.held(session, claim)
            actor = bulk.asking(session, self._clock, claim, Scope.CASES_WRITE)
            Audit(session, self._clock, actor).record("recordings.imported", "Job", claim.id, **counts)
            jobs.checkpoint(session, self._clock, job, asdict(state), 1.0)
        return {**counts, "outcomes": [asdict(outcome) for outcome in state.outcomes]}

    def _drop(self, state: State) -> None:
        for waiting in state.waiting:
            if waiting.key is not None:
                self._blobs.delete(waiting.key)


def forget(database: Database, blobs: BlobStore) -> int:
    """Remove what files an import has left that came to an end without its worker; return how many it was."""
    ended = select(Job).where(
        Job.kind == bulk.RECORDINGS_JOB,
        col(Job.finished_at).is_not(None),
        col(Job.checkpoint).is_not(None),
    )
    with database.read() as session:
        found = session.exec(ended).all()
    for job in found:
        for waiting in State.of(job.checkpoint or {}).waiting:
            if waiting.key is not None:
                blobs.delete(waiting.key)
        with database.write() as session:
            session.get_one(Job, job.id).checkpoint = None
    return len(found)


def _sending(session: Session, job_id: int, mine: State) -> Job:
    """Return the job whose files are being sent, unless somebody else sends them by now."""
    job = session.get_one(Job, job_id, with_for_update=True)
    if job.state != JobState.QUEUED.value or (job.checkpoint or {}).get("stager") != mine.stager:
        raise ConflictError("sent_twice")
    return job


def _together(entries: Iterable[Entry]) -> Iterator[list[tuple[Waiting, bytes]]]:
    """Read files, some at a time."""
    some, size = list[tuple[Waiting, bytes]](), 0
    for entry in entries:
        some.append(_salted(entry))
        size += len(some[-1][1])
        if len(some) == TOGETHER or size > TOGETHER_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _salted(entry: Entry) -> tuple[Waiting, bytes]:
    try:
        data = secrets.token_bytes(SALT_BYTES) + entry.data()
    except DecodeError as error:
        [problem] = refusal_of(error).problems
        return Waiting(entry.group, None, problem.code, dict(problem.values)), b""
    return Waiting(entry.group, key_of(data)), data
