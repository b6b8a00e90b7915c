"""Training triage: authored patients, one's answers to them, and what these are worth."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from ml.triage.patients import Patient, patients, score
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.predictions import TriageLevel
from schema.models.triage import TriageAnswer
from schema.pagination import Page, PageRequest
from schema.policy import Actor, may_act_for
from schema.services.clock import Clock
from schema.services.paging import Sort, page_of

LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """How one's first answers to patients of a level came out."""

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
        """Keep an answer with what it is worth; the same key again changes nothing.

        Raises
        ------
        NotFoundError
            For an unknown patient, or a participant of another's.
        """
        account_id = self._whose(student_id)
        if idempotency_key is not None and not 0 < len(idempotency_key) <= LONGEST_KEY:
            problem = FieldProblem(("idempotencyKey",), "too_long", (("maximum", str(LONGEST_KEY)),))
            raise ValidationFailedError([problem])
        its = (TriageAnswer.account_id == account_id,)
        if idempotency_key is not None:
            same = select(TriageAnswer).where(*its, TriageAnswer.idempotency_key == idempotency_key)
            if (known := self._session.exec(same).first()) is not None:
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
            idempotency_key=idempotency_key,
            created_at=self._clock(),
        )
        try:
            with self._session.begin_nested():
                self._session.add(made)
        except IntegrityError:  # the same key was used at the same moment
            raise ValidationFailedError.of("idempotencyKey", "key_used") from None
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

        def of(expected: TriageLevel, way: int) -> int:
            """Count answers that are right (0), too urgent (1) or not urgent enough (-1)."""
            return sum(
                times for key, level, times, _ in rows if key is expected and _way(level, expected) == way
            )

        answered = sum(times for _, _, times, _ in rows)
        return TrainingFigures(
            [LevelFigures(level, of(level, 0), of(level, 1), of(level, -1)) for level in TriageLevel],
            sum(worth for *_, worth in rows) / answered if answered else None,
        )

    def _whose(self, student_id: int | None) -> int:
        if student_id is None:
            return self._actor.account_id
        account = self._session.get(Account, student_id)
        if account is None or not may_act_for(self._actor, student_id, account.managed_by):
            raise NotFoundError
        return student_id


def _way(given: TriageLevel, expected: TriageLevel) -> int:
    steps = given.urgency_over(expected)
    return (steps > 0) - (steps < 0)


def _shuffled(account_id: int, patient: str) -> bytes:
    return hashlib.sha256(f"{account_id}:{patient}".encode()).digest()
