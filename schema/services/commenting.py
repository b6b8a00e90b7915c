"""A language model's comments on marked answers: written after an attempt is handed in, never waited for."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, col, select

from ml.language.types import Language
from schema.database import Database
from schema.models.accounts import Account
from schema.models.training import Answer, Attempt
from schema.services import events, jobs
from schema.services.attempts import topic
from schema.services.clock import Clock
from schema.services.grading import stored_grade
from schema.services.jobs import Claim
from schema.services.shelf import Shelf

COMMENT_JOB = "comment_answers"


def enqueue(session: Session, clock: Clock, attempt: Attempt) -> None:
    """Have an attempt's answers commented on soon."""
    key = f"{COMMENT_JOB}:{attempt.id}"
    jobs.enqueue(session, clock, COMMENT_JOB, {"attempt_id": attempt.id}, unique_key=key)


class Comments:
    """Writes comments beside marks. It keeps its own transactions: a model is slow."""

    def __init__(self, database: Database, clock: Clock, shelf: Shelf) -> None:
        self._database = database
        self._clock = clock
        self._shelf = shelf

    def write(self, claim: Claim, progress: Callable[[float], None]) -> dict[str, Any]:
        """Do the job: comment on each answer of an attempt that has words and no comment yet."""
        attempt_id = claim.payload["attempt_id"]
        with self._database.read() as session:
            language: Language = "en" if _language(session, attempt_id) == "en" else "fr"
            uncommented = select(Answer).where(Answer.attempt_id == attempt_id, col(Answer.comment).is_(None))
            answers = [each for each in session.exec(uncommented) if each.text.strip() and each.grade]
        written = 0
        for number, answer in enumerate(answers, start=1):
            comment = self._comment(answer, language)
            if comment is not None:
                self._keep(answer.id or 0, comment)
                written += 1
            progress(number / len(answers))
        return {"comments": written}

    def _comment(self, answer: Answer, language: Language) -> dict[str, str] | None:
        stored = stored_grade(answer.grade or {})
        loaded = self._shelf.of(stored.ontology_version)
        commenter, grade = loaded.matchers.commenter, stored.known(loaded.ontology)
        said = commenter.comment(answer.text, grade, language) if commenter else None
        return None if said is None else {"text": said.text, "model": said.model}

    def _keep(self, answer_id: int, comment: dict[str, str]) -> None:
        with self._database.write() as session:
            answer = session.get_one(Answer, answer_id)
            answer.comment = comment
            session.add(answer)
            session.flush()
            attempt = session.get_one(Attempt, answer.attempt_id)
            events.append(
                session, self._clock, topic(attempt.session_id), "commented", {"attempt_id": attempt.id}
            )


def _language(session: Session, attempt_id: int) -> str:
    student = select(Account.language).join(Attempt, col(Attempt.account_id) == Account.id)
    return session.exec(student.where(Attempt.id == attempt_id)).one()
