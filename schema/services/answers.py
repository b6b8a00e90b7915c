"""Saving what a student writes: the busiest path, two statements and one commit."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col, select

from schema.errors import ConflictError, FieldProblem, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.training import Answer, Attempt, SubmissionCause, TrainingSession
from schema.policy import Actor
from schema.services import events
from schema.services.attempts import Standing, topic
from schema.services.clock import Clock
from schema.services.text import prose

LONGEST_TEXT = 20_000
MOST_CONCEPTS = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """What a student wrote about one case, and the concepts they picked."""

    text: str
    concept_ids: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Return whether there is nothing in it."""
        return not self.text.strip() and not self.concept_ids

    @classmethod
    def of(cls, answer: Answer) -> "Draft":
        """Return what an answer holds."""
        return cls(answer.text, tuple(answer.concept_ids))

    @classmethod
    def checked(cls, text: str, concept_ids: Sequence[str], known: Container[str]) -> "Draft":
        """Return what a student sent as it is stored; raises ValidationFailedError.

        Parameters
        ----------
        known
            Codes that may be picked.
        """
        tidy, problems = prose(text, "text", LONGEST_TEXT)
        picked = tuple(dict.fromkeys(concept_ids))
        if len(picked) > MOST_CONCEPTS:
            too_many = (("maximum", str(MOST_CONCEPTS)),)
            problems.append(FieldProblem(("conceptIds",), "too_many_concepts", too_many))
        problems += [
            FieldProblem(("conceptIds", str(concept_ids.index(code))), "unknown_concept")
            for code in picked[:MOST_CONCEPTS]
            if code not in known
        ]
        if problems:
            raise ValidationFailedError(problems)
        return cls(tidy, picked)


class Answers:
    """One actor's way to the answers of an attempt they work on."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def save(self, attempt_id: int, position: int, draft: Draft, revision: int) -> Answer:
        """Keep a draft of one answer; repeating a save whose acknowledgement was lost does nothing.

        Raises
        ------
        ConflictError
            When it was saved elsewhere since `revision`, submitted, or when its time is up.
        """
        answer, attempt = self._own(attempt_id, position)
        now = self._clock()
        if attempt.submitted_at is not None:
            by_deadline = attempt.submission_cause == SubmissionCause.DEADLINE.value
            raise ConflictError("deadline_passed" if by_deadline else "already_submitted")
        if now >= attempt.deadline_at:
            raise ConflictError("deadline_passed")
        before = Draft.of(answer)
        if answer.revision == revision + 1 and before == draft:
            return answer
        saved = {
            "text": draft.text,
            "concept_ids": list(draft.concept_ids),
            "revision": revision + 1,
            "saved_at": now,
        }
        if answer.revision != revision or not self._stored(answer, saved):
            raise ConflictError("answer_changed", self._newest(answer))
        if before.is_blank != draft.is_blank:
            events.append(
                self._session, self._clock, topic(attempt.session_id), "saved", {"attempt_id": attempt_id}
            )
        return Answer(**answer.model_dump() | saved)

    def _stored(self, answer: Answer, saved: dict[str, object]) -> bool:
        unchanged = (col(Answer.id) == answer.id) & (col(Answer.revision) == answer.revision)
        result = self._session.execute(update(Answer).where(unchanged).values(saved))
        return isinstance(result, CursorResult) and result.rowcount == 1

    def _newest(self, answer: Answer) -> int:
        return self._session.exec(select(Answer.revision).where(Answer.id == answer.id)).one()

    def _own(self, attempt_id: int, position: int) -> tuple[Answer, Attempt]:
        """Return an answer and its attempt, which nobody can submit before this transaction ends."""
        row = (
            select(Answer, Attempt, Account.managed_by, TrainingSession.owner_id)
            .join(Attempt, col(Attempt.id) == Answer.attempt_id)
            .join(Account, col(Account.id) == Attempt.account_id)
            .join(TrainingSession, col(TrainingSession.id) == Attempt.session_id)
            .where(Answer.attempt_id == attempt_id, Answer.position == position)
            .with_for_update(read=True, of=Attempt)
        )
        found = self._session.exec(row).first()
        if found is None:
            raise NotFoundError
        answer, attempt, managed_by, owner_id = found
        Standing.of(self._actor, attempt.account_id, managed_by, owner_id).require_acting()
        return answer, attempt
