"""Training models anew: asked for by an administrator or by an alert, one of each family at a time."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import orjson
from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from ml.retraining import Order, lacking
from ml.training_process import Trained, TrainingClosedError, TrainingFailedError
from schema.database import Database
from schema.errors import ConflictError, DomainError, NotAllowedError, ValidationFailedError
from schema.models.alerts import Alert, AlertCause
from schema.models.models import Model, Retraining, RetrainingCause
from schema.models.predictions import ImportedFeedback, ModelFamily
from schema.models.work import Job, JobState
from schema.policy import Actor
from schema.services import jobs
from schema.services.alerts import open_alert, retraining_key, settle
from schema.services.audit import Audit
from schema.services.blobs import BlobStore
from schema.services.clock import Clock
from schema.services.corrections import correction_count, corrections, files_of
from schema.services.feedback_statistics import FeedbackFilter, Part, feedback_figures
from schema.services.jobs import Again, Claim
from schema.services.models import wake as wake_sync
from schema.services.text import line

RETRAIN_JOB, WATCH_JOB = "retrain_model", "watch_feedback"
MIN_FEEDBACK, MOST_MIN_FEEDBACK = 50, 100_000
LONGEST_NAME = 100
LONGEST_FAULT = 500
LOOK_EVERY = timedelta(minutes=5)
"""How often feedback is counted."""
CORRECTIONS = "corrections.jsonl"
ABANDONED = "its workers stopped without an answer"

log = logging.getLogger(__name__)


class RetrainingFailedError(DomainError):
    """A training ended without a version; the row says why."""


class Trainer(Protocol):
    """How a version is trained and registered: `ml.training_process.TrainingProcess`."""

    def train(self, order: Order, tell: Callable[[float], None]) -> Trained:
        """Return what was registered."""

    def close(self) -> None:
        """End what is being trained."""


@dataclass(frozen=True, slots=True)
class TrainingRules:
    """What the site says of training.

    Parameters
    ----------
    data
        The folder of what models first learnt from; None where nothing is trained.
    elsewhere
        Whether another process works off jobs, which may have what is not installed here.
    threshold
        So many opinions since the last training raise an alert.
    error_rate
        So large a share of errors among them does, 0 to 1.
    starts
        Whether an alert also starts the training.
    """

    data: Path | None = None
    elsewhere: bool = False
    threshold: int = 100
    error_rate: float = 0.15
    starts: bool = False

    def obstacle(self, family: ModelFamily) -> str | None:
        """Return the code of what keeps a family from being trained; None when nothing does."""
        match lacking(family.value, self.data):
            case "trainer":
                return "no_trainer"
            case "data":
                return "no_training_data"
            case "extra" if not self.elsewhere:
                return "no_training_extra"
        return None


class Retrainings:
    """One actor's way to have models trained: `None` is the site itself."""

    def __init__(self, session: Session, actor: Actor | None, clock: Clock, rules: TrainingRules) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock
        self._rules = rules

    def start(
        self, family: ModelFamily, run_name: str, min_feedback: int, *, include_feedback: bool
    ) -> Retraining:
        """Queue a training.

        Raises
        ------
        NotAllowedError
            Where this site cannot train it.
        ValidationFailedError
            With fewer opinions than asked for, or a name that is none.
        ConflictError
            While one of the family is under way.
        """
        if (obstacle := self._rules.obstacle(family)) is not None:
            raise NotAllowedError(obstacle)
        name, problems = line(run_name or f"{family.value} {self._clock():%Y-%m-%d}", "runName", LONGEST_NAME)
        if problems:
            raise ValidationFailedError(problems)
        if not 0 < min_feedback <= MOST_MIN_FEEDBACK:
            limits = {"minimum": 1, "maximum": MOST_MIN_FEEDBACK}
            raise ValidationFailedError.of("minFeedbackSamples", "out_of_range", **limits)
        opinions = correction_count(self._session, family) if include_feedback else min_feedback
        if opinions < min_feedback:
            told = {"count": opinions, "minimum": min_feedback}
            raise ValidationFailedError.of("minFeedbackSamples", "too_little_feedback", **told)
        model = _model(self._session, self._clock, family)  # whoever locks both locks it first
        close_abandoned(self._session, self._clock)
        made = Retraining(
            family=family.value,
            asked_by=self._actor.account_id if self._actor else None,
            run_name=name,
            include_feedback=include_feedback,
            min_feedback=min_feedback,
            created_at=self._clock(),
        )
        try:
            with self._session.begin_nested():
                self._session.add(made)
        except IntegrityError:
            raise ConflictError("training_under_way") from None
        owner = self._actor.account_id if self._actor else None
        payload = {"retraining": made.id}
        made.job_id = jobs.enqueue(self._session, self._clock, RETRAIN_JOB, payload, owner_id=owner)
        Audit(self._session, self._clock, self._actor).record(
            "model.training_started",
            "Model",
            model.id,
            family=family.value,
            feedback=include_feedback,
        )
        return made


def retrainings_of(session: Session, family: str, most: int) -> Sequence[tuple[Retraining, Job | None]]:
    """Return the latest trainings of a family, newest first, with their jobs as long as these are kept."""
    rows = select(Retraining, Job).outerjoin(Job, col(Job.id) == Retraining.job_id)
    wanted = rows.where(Retraining.family == family).order_by(col(Retraining.id).desc()).limit(most)
    return [(row, job) for row, job in session.exec(wanted)]


def close_abandoned(session: Session, clock: Clock) -> None:
    """Close what is under way by the rows only: its job was given up with its workers."""
    ended = or_(col(Job.id).is_(None), col(Job.state).in_([JobState.FAILED.value, JobState.SUCCEEDED.value]))
    rows = select(Retraining).outerjoin(Job, col(Job.id) == Retraining.job_id)
    for row in session.exec(rows.where(col(Retraining.finished_at).is_(None), ended)):
        row.finished_at, row.fault = clock(), ABANDONED
    session.flush()


class RetrainingJobs:
    """Does what was asked for. It keeps its own transactions, and none is open while a model learns.

    Parameters
    ----------
    folder
        Where it is worked in: what a killed worker left there is gone on with.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a training needs
        self,
        database: Database,
        clock: Clock,
        blobs: BlobStore,
        trainer: Trainer,
        rules: TrainingRules,
        folder: Path,
    ) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._trainer = trainer
        self._rules = rules
        self._folder = folder

    def work(self, claim: Claim, progress: Callable[[float], None]) -> Again | None:
        """Train, or go on with what another worker has left."""
        with self._database.read() as session:
            row = session.get(Retraining, claim.payload["retraining"])
        if row is None or row.finished_at is not None:
            return None
        self._forget_others()
        folder = self._folder / str(row.id)
        try:
            trained = self._trainer.train(self._order(row, folder), progress)
        except TrainingClosedError:
            return Again(lambda _session: self._clock())
        except (TrainingFailedError, OSError) as error:
            self._fail(claim, row, str(error))
            raise RetrainingFailedError from error
        with self._database.write() as session:
            jobs.held(session, claim)
            wake_sync(session, self._clock)
            kept = session.get_one(Retraining, row.id)
            kept.number, kept.run, kept.finished_at = trained.version, trained.run, self._clock()
            model = _model(session, self._clock, ModelFamily(row.family))
            model.due = model.due_since = None
            settle(session, self._clock, retraining_key(row.family))
            said = {"family": row.family, "version": trained.version, "opinions": kept.opinions}
            Audit(session, self._clock, None).record(
                "model.trained", "Model", model.id, **said, feedback=kept.feedback_hash
            )
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def close(self) -> None:
        """End what is being trained; another process goes on with the job."""
        self._trainer.close()

    def _order(self, row: Retraining, folder: Path) -> Order:
        if self._rules.data is None:
            raise TrainingFailedError("no training data is configured here")
        learnt = self._snapshot(row, folder) if row.include_feedback else None
        return Order(row.family, self._rules.data, learnt, row.min_feedback, folder, row.run_name)

    def _snapshot(self, row: Retraining, folder: Path) -> Path:
        """Return the file of corrections, written once for each training."""
        path = folder / CORRECTIONS
        if not path.exists():
            with self._database.read() as session:
                write_corrections(session, self._blobs, ModelFamily(row.family), path)
        content = path.read_bytes()
        with self._database.write() as session:
            kept = session.get_one(Retraining, row.id)
            kept.opinions, kept.feedback_hash = _telling(content), hashlib.sha256(content).hexdigest()
        return path

    def _fail(self, claim: Claim, row: Retraining, fault: str) -> None:
        with self._database.write() as session:
            jobs.held(session, claim)
            kept = session.get_one(Retraining, row.id)
            kept.fault, kept.finished_at = fault[:LONGEST_FAULT], self._clock()
        shutil.rmtree(self._folder / str(row.id), ignore_errors=True)

    def _forget_others(self) -> None:
        """Remove the folders of trainings that are over: they hold visits."""
        with self._database.read() as session:
            going = select(Retraining.id).where(col(Retraining.finished_at).is_(None))
            kept = {str(each) for each in session.exec(going)}
        for path in self._folder.glob("*"):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


def write_corrections(session: Session, blobs: BlobStore, family: ModelFamily, path: Path) -> int:
    """Write the corrections of a family to a file, whole or not at all, and return how many it has.

    The signals, images and label maps that they are about come to lie beside it; so do opinions that tell
    nothing to learn, without a label, which do not count.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    files = dict[tuple[str, str], None]()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for each in corrections(session, family):
            file.write(orjson.dumps(each) + b"\n")
            files |= dict.fromkeys(files_of(each))
    for folder, key in files:
        target = path.parent / folder / key
        target.parent.mkdir(exist_ok=True)
        with blobs.open(key) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    partial.replace(path)
    return _telling(path.read_bytes())


def _telling(content: bytes) -> int:
    """Return how many lines of corrections have a label."""
    return sum(orjson.loads(line)["label"] is not None for line in content.splitlines())


@dataclass(frozen=True, slots=True)
class Due:
    """Why a family is to learn anew.

    Parameters
    ----------
    threshold
        What was reached: so many opinions, or so large a share of errors.
    opinions, readers, judged
        Since the last training, imported ones included; the predictions that they are about.
    error_rate
        Of the opinions of this site; None of too few.
    """

    cause: RetrainingCause
    threshold: float
    opinions: int
    readers: int
    judged: int
    error_rate: float | None


class FeedbackWatch:
    """The standing job that counts feedback, and says once when a model should learn anew."""

    def __init__(self, database: Database, clock: Clock, rules: TrainingRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Look at each family."""
        for family in ModelFamily:
            with self._database.write() as session:
                close_abandoned(session, self._clock)
                self._look(session, family)
        return Again(lambda _session: self._clock() + LOOK_EVERY)

    def _look(self, session: Session, family: ModelFamily) -> None:
        due = self._due(session, family)
        if due is None:
            return
        model = _model(session, self._clock, family)
        if model.due is not None:
            return
        model.due, model.due_since = due.cause.value, self._clock()
        alert = Alert(
            key=retraining_key(family.value),
            cause=AlertCause(due.cause.value).value,
            family=family.value,
            threshold=due.threshold,
            value=due.error_rate,
            count=due.opinions,
            readers=due.readers,
            judged=due.judged,
            opened_at=self._clock(),
        )
        open_alert(session, self._clock, alert, Model=model.id)
        if self._rules.starts and self._rules.obstacle(family) is None:
            retrainings = Retrainings(session, None, self._clock, self._rules)
            try:
                with session.begin_nested():
                    retrainings.start(family, "", MIN_FEEDBACK, include_feedback=True)
            except (ConflictError, ValidationFailedError) as error:
                log.warning("no training of %s is started: %s", family.value, error)

    def _due(self, session: Session, family: ModelFamily) -> Due | None:
        """Say why a family is to learn anew, by errors only where they are of enough predictions."""
        last = select(func.max(Retraining.created_at)).where(
            Retraining.family == family.value, col(Retraining.number).is_not(None)
        )
        since = session.exec(last).one()
        rate = feedback_figures(session, FeedbackFilter(family, since), Part.ALL).error_rate
        imported, visits, nurses = (
            _imported_since(session, since) if family is ModelFamily.TRIAGE else (0, 0, 0)
        )
        judged, readers = (rate.spread.judged, rate.spread.readers) if rate.spread else (0, 0)
        opinions = rate.total + imported
        told = opinions, readers + nurses, judged + visits, rate.share
        if opinions >= self._rules.threshold:
            return Due(RetrainingCause.FEEDBACK, self._rules.threshold, *told)
        if rate.share is not None and rate.share >= self._rules.error_rate and rate.firm:
            return Due(RetrainingCause.ERROR_RATE, self._rules.error_rate, *told)
        return None


def wake_watch(session: Session, clock: Clock) -> None:
    """Have feedback counted soon, and from then on."""
    jobs.wake(session, clock, WATCH_JOB, {}, WATCH_JOB)


def _imported_since(session: Session, since: datetime | None) -> tuple[int, int, int]:
    """Return how many opinions were imported, on how many visits, and of how many readers."""
    visits = func.count(func.distinct(ImportedFeedback.reference))
    counted = select(func.count(), visits, func.count(func.distinct(ImportedFeedback.reader))).select_from(
        ImportedFeedback
    )
    if since is not None:
        counted = counted.where(ImportedFeedback.created_at >= since)
    return session.exec(counted).one()


def _model(session: Session, clock: Clock, family: ModelFamily) -> Model:
    """Return the row of a family, made where there is none yet."""
    found = session.exec(select(Model).where(Model.family == family.value).with_for_update()).first()
    if found is None:
        found = Model(family=family.value, created_at=clock())
        session.add(found)
        session.flush()
    return found
