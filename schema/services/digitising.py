"""Pictures of paper read as signals: proposed to the owner of the case, who corrects and keeps them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import Session, select

from ml.ecg.decoding import DecodeError, DecoderPool
from ml.ecg.digitising.layouts import LAYOUTS, LayoutName
from ml.ecg.leads import CODE_NUMBERS
from schema.database import Database
from schema.errors import ConflictError, FieldProblem, NotFoundError, ValidationFailedError
from schema.models.cases import Case, Digitisation, Recording
from schema.models.work import Job
from schema.policy import Actor, Scope
from schema.services import bulk, jobs
from schema.services.audit import Audit
from schema.services.blobs import BlobMissingError, BlobStore, lying
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.intake import refusal_of, stored
from schema.services.jobs import Claim
from schema.services.recordings import Recordings, content_of
from schema.services.shelf import Shelf

PICTURE = "image"
LEADS = tuple(CODE_NUMBERS)
"""What a lead on paper may be called."""
SPEEDS_MM_S, GAINS_MM_MV = (5.0, 100.0), (1.0, 40.0)
"""The least and the most that paper is printed at."""
MOST_POINTS, MOST_ROWS = 200, 15
_BEGUN, _READ = 0.1, 0.8


@dataclass(frozen=True, slots=True)
class Told:
    """What whoever asks knows of the paper; the rest is told from the picture.

    Parameters
    ----------
    leads
        The lead of every stretch, row by row and then the strips; needs a layout.
    points
        Row counted from 0 at the top, and place in pixels of the picture, that curves go through.
    """

    layout: LayoutName | None = None
    cabrera: bool = False
    leads: Sequence[str] | None = None
    speed_mm_s: float = 25.0
    gain_mm_mv: float | None = None
    points: Sequence[tuple[int, float, float]] = ()

    def checked(self, width: int, height: int) -> dict[str, Any]:
        """Return it as it is kept; raises ValidationFailedError."""
        problems = [
            *_beyond("speed", self.speed_mm_s, SPEEDS_MM_S),
            *_beyond("gain", self.gain_mm_mv, GAINS_MM_MV),
            *self._of_leads(),
        ]
        if len(self.points) > MOST_POINTS:
            problems.append(_problem("points", "too_many", maximum=MOST_POINTS))
        elif not all(_within(point, width, height) for point in self.points):
            problems.append(_problem("points", "point_outside"))
        if problems:
            raise ValidationFailedError(problems)
        leads = None if self.leads is None else list(self.leads)
        return {**asdict(self), "leads": leads, "points": [list(point) for point in self.points]}

    def _of_leads(self) -> list[FieldProblem]:
        if self.leads is None:
            return []
        if self.layout is None:
            return [_problem("layout", "leads_need_layout")]
        plan = LAYOUTS[self.layout]
        if len(self.leads) != plan.stretches:
            return [_problem("leads", "leads_of_layout", number=plan.stretches)]
        if not set(self.leads) <= set(LEADS):
            return [_problem("leads", "unknown_choice")]
        grid = self.leads[: plan.rows * plan.columns]
        return [_problem("leads", "lead_twice")] if len(set(grid)) < len(grid) else []


class Digitisations:
    """One actor's way to what their pictures were read as."""

    def __init__(self, session: Session, actor: Actor, cases: Cases, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._cases = cases
        self._clock = clock
        self._recordings = Recordings(session, cases, clock)

    def get(self, recording_id: int) -> tuple[Digitisation, Recording]:
        """Return the latest reading of a picture, and the picture; missing for all but its owner."""
        row = select(Digitisation, Recording).join(Recording)
        found = self._session.exec(row.where(Recording.id == recording_id)).first()
        if found is None or not self._cases.manages(found[1].case_id):
            raise NotFoundError
        return found[0], found[1]

    def ask(self, recording_id: int, told: Told, key: str) -> Job:
        """Have a picture read; the same under the same key again answers with the same job.

        Raises
        ------
        ValidationFailedError
            For a signal, for what no paper is, and what `bulk.ask` raises.
        """
        recording, _case = self._recordings.to_change(recording_id)
        if recording.kind != PICTURE:
            raise ValidationFailedError.of("recordingId", "not_a_picture")
        asked = told.checked(recording.width, recording.height)
        payload = {"recording_id": recording_id, "picture_key": recording.rendering_key, "asked": asked}
        job = bulk.ask(
            self._session,
            self._actor,
            self._clock,
            bulk.DIGITISE_JOB,
            payload,
            key,
            asked=[recording_id, asked],
        )
        if job.payload.get("recording_id") == recording_id:  # one that has ended has forgotten it
            self._replace(recording_id, job)
        return job

    def keep(self, recording_id: int, job_id: int) -> Case:
        """Add a reading to the case as a recording; raises ConflictError when there is a later one."""
        self._recordings.to_change(recording_id)
        proposal, _picture = self.get(recording_id)
        if proposal.job_id != job_id:
            raise ConflictError("read_anew")
        return self._recordings.keep(proposal)

    def _replace(self, recording_id: int, job: Job) -> None:
        known = select(Digitisation).where(Digitisation.recording_id == recording_id)
        row = self._session.exec(known).first() or Digitisation(
            recording_id=recording_id, job_id=0, picture_key="", asked={}, created_at=self._clock()
        )
        if row.job_id == job.id:
            return
        row.job_id, row.picture_key = job.id or 0, job.payload["picture_key"]
        row.asked, row.found, row.failure = job.payload["asked"], None, None
        row.created_at = self._clock()
        self._session.add(row)
        self._session.flush()


class Digitising:
    """Reads pictures, away from this process. It keeps its own transactions."""

    def __init__(
        self, database: Database, clock: Clock, blobs: BlobStore, decoder: DecoderPool, shelf: Shelf
    ) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._decoder = decoder
        self._shelf = shelf

    def work(self, claim: Claim, progress: Callable[[float], None]) -> dict[str, Any]:
        """Do the job; that a picture cannot be read is its result."""
        progress(_BEGUN)
        asked, recording_id = claim.payload["asked"], claim.payload["recording_id"]
        found, problem = self._read(claim.payload["picture_key"], asked)
        progress(_READ)
        failure = problem.code if problem else None
        with self._database.write() as session:
            jobs.held(session, claim)
            actor = bulk.asking(session, self._clock, claim, Scope.CASES_WRITE)
            cases = Cases(session, actor, self._clock, self._shelf.current.ontology)
            _recording, case = Recordings(session, cases, self._clock).to_change(recording_id)
            row = session.exec(select(Digitisation).where(Digitisation.job_id == claim.id)).first()
            if row is not None:  # it is being read anew by now otherwise
                row.found, row.failure = found, failure
                session.add(row)
            Audit(session, self._clock, actor).record(
                "recording.digitised", "Recording", recording_id, failure=failure, points=len(asked["points"])
            )
            return {
                "case": case.id,
                "recording": recording_id,
                "code": failure or "",
                "values": dict(problem.values) if problem else {},
            }

    def _read(self, key: str, asked: dict[str, Any]) -> tuple[dict[str, Any] | None, FieldProblem | None]:
        """Return the columns of the recording that a picture would be, or why it cannot be read."""
        try:
            with lying(self._blobs, key) as path:
                page = self._decoder.digitise(path, asked)
        except BlobMissingError:
            return None, FieldProblem(("file",), "file_lost")
        except DecodeError as error:
            return None, refusal_of(error).problems[0]
        content = content_of(stored(self._blobs, page))
        return {**content, "paper": {**content["paper"], "points": asked["points"]}}, None


def _beyond(field: str, value: float | None, limits: tuple[float, float]) -> list[FieldProblem]:
    least, most = limits
    if value is None or least <= value <= most:
        return []
    return [_problem(field, "out_of_range", minimum=int(least), maximum=int(most))]


def _problem(field: str, code: str, **values: int) -> FieldProblem:
    return ValidationFailedError.of(field, code, **values).problems[0]


def _within(point: tuple[int, float, float], width: int, height: int) -> bool:
    row, x, y = point
    return 0 <= row < MOST_ROWS and 0 <= x <= width and 0 <= y <= height
