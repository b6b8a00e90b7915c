"""A teaching hospital in a database: cases with their key, sessions, students at work."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from ml.language.ontology import Ontology
from schema.database import Database
from schema.errors import DomainError
from schema.models.accounts import Account
from schema.models.cases import AnnotationRole, Case, CaseCategory, Difficulty, Recording
from schema.models.training import (
    Answer,
    Attempt,
    Enrolment,
    SessionDifficulty,
    SessionStatus,
    TrainingSession,
)
from schema.policy import Actor, Role
from schema.services.annotations import Annotations, NewAnnotation
from schema.services.answers import Answers, Draft
from schema.services.attempts import Attempts
from schema.services.cache import LocalCache
from schema.services.cases import Cases
from schema.services.deadlines import SUBMIT_JOB
from schema.services.enrolments import Enrolments
from schema.services.grading import Grader
from schema.services.jobs import run_due
from schema.services.matching import CachedMatcher
from schema.services.sessions import SessionFields, Sessions
from schema.services.submission import Submissions
from tests.schema.people import StoppedClock, actor_of, person
from tests.schema.shelves import fixed_shelf
from tests.support.language import the_matcher, the_ontology


@dataclass
class Hospital:
    """What the tests of training share; every step goes through the services.

    Parameters
    ----------
    folder
        Where the readings' cache lies.
    """

    database: Database
    clock: StoppedClock
    folder: Path
    _names: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.ontology: Ontology = the_ontology()
        self.readings = LocalCache(self.folder / "cache.db")
        self.matcher = CachedMatcher(the_matcher(), self.ontology, self.readings)
        self.submissions = Submissions(
            self.database, self.clock, Grader(fixed_shelf(self.matcher, self.ontology))
        )
        self.teacher = self.actor(Role.TEACHER)

    def close(self) -> None:
        self.readings.close()

    def account(self, role: Role) -> Account:
        return person(self.database, self.clock, role, f"{role.value.title()} {next(self._names)}")

    def actor(self, role: Role, **options: object) -> Actor:
        return actor_of(self.account(role), **options)

    def student(self) -> Actor:
        return self.actor(Role.STUDENT)

    def case(
        self,
        name: str = "Bloc de branche gauche",
        concepts: Sequence[str | NewAnnotation] = ("LBBB",),
        *,
        owner: Actor | None = None,
        validated: bool = True,
    ) -> Case:
        """Make a case with one recording and these annotations."""
        with self.database.write() as session:
            cases = Cases(session, owner or self.teacher, self.clock, self.ontology)
            case = cases.create(
                name, CaseCategory.CONDUCTION_BLOCK, Difficulty.BEGINNER, "Homme de 62 ans, syncope."
            )
            session.add(recording(case.id or 0, f"{name} initial"))
            wanted = [NewAnnotation(each) if isinstance(each, str) else each for each in concepts]
            Annotations(session, cases, self.clock, self.ontology).add(case.id or 0, wanted)
            return cases.validate(case.id or 0, case.revision) if validated else case

    def training(
        self, cases: Sequence[Case] | None = None, *, owner: Actor | None = None, **fields: Any
    ) -> TrainingSession:
        """Make a session of these cases, or of one case with a left bundle-branch block."""
        chosen = [self.case(owner=owner)] if cases is None else cases
        with self.database.write() as session:
            made = Sessions(session, owner or self.teacher, self.clock)
            return made.create(session_fields(**fields), [case.id or 0 for case in chosen])

    def enrolled(self, training: TrainingSession, student: Actor) -> Enrolment:
        with self.database.write() as session:
            return Enrolments(session, student, self.clock).join(training.join_code)

    def started(self, training: TrainingSession, student: Actor) -> Attempt:
        """Enrol a student and begin."""
        enrolment = self.enrolled(training, student)
        with self.database.write() as session:
            return Attempts(session, student, self.clock).start(enrolment.id or 0)

    def save(
        self,
        student: Actor,
        attempt: Attempt,
        text: str,
        *,
        picked: Sequence[str] = (),
        position: int = 1,
        revision: int = 0,
    ) -> Answer:
        draft = Draft.checked(text, picked, self.ontology)
        with self.database.write() as session:
            answers = Answers(session, student, self.clock)
            return answers.save(attempt.id or 0, position, draft, revision)

    def attempt(self, attempt: Attempt) -> Attempt:
        """Return an attempt as it is stored now."""
        with self.database.read() as session:
            found = session.get(Attempt, attempt.id)
            assert found is not None
            return found


def session_fields(**fields: Any) -> SessionFields:
    """Return a session's fields, with those that do not matter filled in."""
    usual: dict[str, Any] = {
        "name": "Lundi matin",
        "difficulty": SessionDifficulty.BEGINNER,
        "time_limit_minutes": 20,
    }
    return SessionFields(**usual | fields)


def descriptive(concept: str) -> NewAnnotation:
    """Return an annotation that does not count in the mark."""
    return NewAnnotation(concept, role=AnnotationRole.DESCRIPTIVE)


def weighted(concept: str, coefficient: float) -> NewAnnotation:
    """Return an annotation of some weight."""
    return NewAnnotation(concept, coefficient=coefficient)


def recording(case_id: int, label: str) -> Recording:
    """Return a recording without its files."""
    return Recording(
        case_id=case_id,
        label=label,
        timing="initial",
        position=0,
        kind="signal",
        media_type="application/dicom",
        original_key="o" * 64,
        rendering_key="r" * 64,
        rendering_media_type="image/png",
        thumbnail_key="t" * 64,
        width=2000,
        height=1200,
        pixels_per_mm=8.0,
        sampling_rate_hz=500.0,
        duration_s=10.0,
        leads=["I", "II"],
        created_at=StoppedClock().at,
    )


def answers(hospital: Hospital, attempt: Attempt) -> list[Answer]:
    """Return an attempt's answers in order."""
    with hospital.database.read() as session:
        rows = select(Answer).where(Answer.attempt_id == attempt.id)
        return list(session.exec(rows.order_by(col(Answer.position))))


def start(hospital: Hospital, enrolment_id: int | None, actor: Actor) -> Attempt:
    """Begin an attempt."""
    with hospital.database.write() as session:
        return Attempts(session, actor, hospital.clock).start(enrolment_id or 0)


def set_status(hospital: Hospital, training: TrainingSession, status: SessionStatus) -> None:
    """Open, close or put away a session."""
    with hospital.database.write() as session:
        Sessions(session, hospital.teacher, hospital.clock).set_status(training.id or 0, status)


def work_off_jobs(hospital: Hospital) -> int:
    """Do what a worker does; return how many jobs were due."""
    handlers = {SUBMIT_JOB: hospital.submissions.at_deadline}
    return run_due(hospital.database, handlers, hospital.clock, 10)


def all_at_once(work: Callable[[int], object], count: int = 8) -> tuple[list[object], list[DomainError]]:
    """Return what eight threads got and what they were refused with."""
    begin, results, refusals = threading.Barrier(count), list[object](), list[DomainError]()

    def run(number: int) -> None:
        begin.wait()
        try:
            results.append(work(number))
        except DomainError as error:
            refusals.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) + len(refusals) == count
    return results, refusals
