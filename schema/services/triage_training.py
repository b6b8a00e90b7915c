"""Training triage: authored patients, one's answers to them, their worth, and those of all students."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from ml.triage.patients import Patient, patients, score
from schema.errors import NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.predictions import TriageLevel
from schema.models.triage import TriageAnswer
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Role, may_act_for
from schema.services.clock import Clock
from schema.services.once import FIELD, read_key
from schema.services.paging import Sort, page_of

FEWEST_STUDENTS = 5
"""How many students must have triaged a patient before anything is told of them together."""


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """How first answers to patients of a level came out."""

    level: TriageLevel
    exact: int
    over: int
    under: int

    @property
    def answered(self) -> int:
        """How many there are."""
        return self.exact + self.over + self.under


@dataclass(frozen=True, slots=True)
class TrainingFigures:
    """How somebody triages.

    Parameters
    ----------
    by_level
        Each level of the scale, by the expected one.
    average_score
        Of first answers; None before the first.
    """

    by_level: Sequence[LevelFigures]
    average_score: float | None

    def count(self, outcome: str) -> int:
        """Return how many first answers are `exact`, `over` or `under`, or `answered` in all."""
        return sum(getattr(each, outcome) for each in self.by_level)


@dataclass(frozen=True, slots=True)
class PatientFigures:
    """How students' first answers to a patient came out; the score is 0 to 100."""

    patient: Patient
    outcome: LevelFigures
    average_score: float


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How students triage.

    Parameters
    ----------
    students
        How many have triaged anybody.
    by_patient
        Patients that enough of them have triaged, the worst score first.
    """

    students: int
    by_patient: Sequence[PatientFigures]


def class_figures(session: Session) -> ClassFigures:
    """Judge the first answers of all students by the levels that this release's patients have."""
    first = (Account.role == Role.STUDENT.value, TriageAnswer.number == 1)
    joined = (Account, col(Account.id) == TriageAnswer.account_id)
    students = select(func.count(func.distinct(TriageAnswer.account_id))).join(*joined).where(*first)
    counted = (
        select(TriageAnswer.patient, TriageAnswer.level, func.count())
        .join(*joined)
        .where(*first)
        .group_by(col(TriageAnswer.patient), col(TriageAnswer.level))
    )
    given: dict[str, list[tuple[TriageLevel, int]]] = defaultdict(list)
    for code, level, times in session.exec(counted).all():
        given[code].append((TriageLevel(level), times))
    figures = [_of_patient(patient, given[code]) for code, patient in patients().items() if code in given]
    told = [each for each in figures if each.outcome.answered >= FEWEST_STUDENTS]
    told.sort(key=lambda each: each.average_score)
    return ClassFigures(session.exec(students).one(), told)


def _of_patient(patient: Patient, given: Sequence[tuple[TriageLevel, int]]) -> PatientFigures:
    outcome = _outcome(TriageLevel(patient.level), given)
    worth = sum(times * score(level.value, patient.level) for level, times in given)
    return PatientFigures(patient, outcome, worth / outcome.answered)


class TriageTraining:
    """One actor's way to the training: their own, and that of participants their outside system enrolled."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def following(self, student_id: int | None) -> Patient:
        """Return the patient to triage next: one not seen yet, in an order of one's own.

        Once all are, the one whose last answer is the oldest.
        """
        account_id = self._whose(student_id)
        latest = (
            select(TriageAnswer.patient, func.max(TriageAnswer.id))
            .where(TriageAnswer.account_id == account_id)
            .group_by(col(TriageAnswer.patient))
        )
        seen = dict(self._session.exec(latest).all())
        return min(
            patients().values(), key=lambda each: (seen.get(each.id, 0), _shuffled(account_id, each.id))
        )

    def answer(
        self, patient: str, level: TriageLevel, student_id: int | None, idempotency_key: str | None
    ) -> TriageAnswer:
        """Keep an answer with what it is worth; the same under the same key again changes nothing.

        Raises
        ------
        NotFoundError
            For an unknown patient, or a participant of another's.
        ValidationFailedError
            When the key is none, or was used for another answer.
        """
        account_id = self._whose(student_id)
        key, problems = read_key(idempotency_key)
        if problems:
            raise ValidationFailedError(problems)
        its = (TriageAnswer.account_id == account_id,)
        if key is not None:
            same = select(TriageAnswer).where(*its, TriageAnswer.idempotency_key == key)
            if (known := self._session.exec(same).first()) is not None:
                if (known.patient, known.level) != (patient, level.value):
                    raise ValidationFailedError.of(FIELD, "key_used")
                return known
        found = patients().get(patient)
        if found is None:
            raise NotFoundError
        self._session.exec(select(Account.id).where(Account.id == account_id).with_for_update()).one()
        before = select(func.max(TriageAnswer.number)).where(*its, TriageAnswer.patient == patient)
        made = TriageAnswer(
            account_id=account_id,
            patient=patient,
            number=(self._session.exec(before).one() or 0) + 1,
            level=level.value,
            expected=found.level,
            score=score(level.value, found.level),
            idempotency_key=key,
            created_at=self._clock(),
        )
        try:
            with self._session.begin_nested():
                self._session.add(made)
        except IntegrityError:  # the same key was used at the same moment
            raise ValidationFailedError.of(FIELD, "key_used") from None
        return made

    def get(self, answer_id: int) -> TriageAnswer:
        """Return an answer of one's own, or of a participant one's outside system enrolled."""
        found = self._session.get(TriageAnswer, answer_id)
        if found is None:
            raise NotFoundError
        self._whose(found.account_id)
        return found

    def page(self, student_id: int | None, request: PageRequest) -> Page[TriageAnswer]:
        """Return a page of answers, newest first."""
        rows = select(TriageAnswer).where(TriageAnswer.account_id == self._whose(student_id))
        return page_of(self._session, rows, [Sort(col(TriageAnswer.id), descending=True)], request)

    def figures(self, student_id: int | None) -> TrainingFigures:
        """Sum first answers up: later ones have seen the key."""
        counted = (TriageAnswer.account_id == self._whose(student_id), TriageAnswer.number == 1)
        grouped = (
            select(TriageAnswer.expected, TriageAnswer.level, func.count(), func.sum(TriageAnswer.score))
            .where(*counted)
            .group_by(col(TriageAnswer.expected), col(TriageAnswer.level))
        )
        rows = [
            (TriageLevel(expected), TriageLevel(level), times, worth)
            for expected, level, times, worth in self._session.exec(grouped).all()
        ]

        answered = sum(times for _, _, times, _ in rows)
        return TrainingFigures(
            [
                _outcome(key, ((level, times) for expected, level, times, _ in rows if expected is key))
                for key in TriageLevel
            ],
            sum(worth for *_, worth in rows) / answered if answered else None,
        )

    def _whose(self, student_id: int | None) -> int:
        if student_id is None:
            return self._actor.account_id
        account = self._session.get(Account, student_id)
        if account is None or not may_act_for(self._actor, student_id, account.managed_by):
            raise NotFoundError
        return student_id


def _outcome(expected: TriageLevel, given: Iterable[tuple[TriageLevel, int]]) -> LevelFigures:
    """Count levels that were given so many times by how they stand to the expected one."""
    steps = [(level.urgency_over(expected), times) for level, times in given]
    return LevelFigures(
        expected,
        exact=sum(times for way, times in steps if way == 0),
        over=sum(times for way, times in steps if way > 0),
        under=sum(times for way, times in steps if way < 0),
    )


def _shuffled(account_id: int, patient: str) -> bytes:
    return hashlib.sha256(f"{account_id}:{patient}".encode()).digest()
