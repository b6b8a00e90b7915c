"""Contests: a student disagrees with what a mark says of one concept, a teacher's ruling settles it.

The kept document of a mark stays what the engine gave; rulings are applied to it wherever it is read, so that
they outlive a new automatic mark. Only the scores of the answer and of its attempt are stored anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, case
from sqlalchemy import select as columns
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from ml.language.masking import Masker
from ml.language.ruling import RuledVerdict, choices, favours, verdict_on
from schema.errors import ConflictError, FieldProblem, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.contests import Contest, ContestState
from schema.models.training import Answer, Attempt, SessionStatus, TrainingSession
from schema.models.webhooks import WebhookEvent
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services import events
from schema.services.attempts import Standing, another_open, topic
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.grading import StoredGrade, mean_score, stored_grade
from schema.services.paging import Sort, page_of
from schema.services.text import prose
from schema.services.webhooks import emit

LONGEST_STATEMENT = 1_000
LONGEST_EXPLANATION = 1_000


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a teacher decides: what the answer says about the concept, and why."""

    verdict: RuledVerdict
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class ContestFilter:
    """Which contests to list; what is None does not narrow."""

    state: ContestState | None = None
    session_id: int | None = None


class ContestSort(StrEnum):
    """What contests are listed by."""

    STATE = "state"
    CREATED_AT = "created_at"


@dataclass(frozen=True, slots=True)
class _Place:
    """An answer with all that says who may see its mark."""

    answer: Answer
    attempt: Attempt
    training: TrainingSession
    standing: Standing

    def sees_mark(self, session: Session) -> bool:
        """Return whether the actor may see the mark."""
        another = another_open(session, self.attempt)
        return self.standing.sees_key(self.attempt, self.training, another_open=another)


class Contests:
    """One actor's way to contests: a student's own, or those of the sessions one manages."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, contest_id: int) -> tuple[Contest, Answer]:
        """Return a contest and its answer; one whose mark the actor may not see is missing."""
        contest = self._session.get(Contest, contest_id)
        if contest is None:
            raise NotFoundError
        place = self._place(contest.answer_id)
        if not place.sees_mark(self._session):
            raise NotFoundError
        return contest, place.answer

    def page(
        self, chosen: ContestFilter, sort: ContestSort, request: PageRequest, *, descending: bool
    ) -> Page[Row[Any]]:
        """Return a page of (contest, answer) of the sessions the actor manages."""
        rows: Any = (
            columns(Contest, Answer)
            .join(Answer, col(Answer.id) == Contest.answer_id)
            .join(Attempt, col(Attempt.id) == Answer.attempt_id)
            .join(TrainingSession, col(TrainingSession.id) == Attempt.session_id)
        )
        if not self._actor.is_admin:
            rows = rows.where(col(TrainingSession.owner_id) == self._actor.account_id)
        if chosen.state is not None:
            rows = rows.where(col(Contest.state) == chosen.state.value)
        if chosen.session_id is not None:
            rows = rows.where(col(TrainingSession.id) == chosen.session_id)
        settled = case((col(Contest.state) == ContestState.OPEN.value, 0), else_=1)
        newest = [Sort(col(Contest.created_at), descending=True), Sort(col(Contest.id), descending=True)]
        order = {
            ContestSort.STATE: [Sort(settled, descending), *newest],
            ContestSort.CREATED_AT: [Sort(part.column, descending) for part in newest],
        }[sort]
        return page_of(self._session, rows, order, request, sort.value)

    def contest(self, answer_id: int, concept_id: str, statement: str) -> tuple[Contest, Answer]:
        """Contest a concept of a mark the student can see; saying the same again does nothing.

        Raises
        ------
        ConflictError
            When it was contested before in other words.
        """
        place = self._place(answer_id)
        if not place.standing.acts:
            raise NotAllowedError("not_your_mark")
        if place.answer.grade is None or not place.sees_mark(self._session):
            raise NotAllowedError("not_corrected")
        if place.training.status == SessionStatus.ARCHIVED.value:
            raise NotAllowedError("session_archived")
        said, problems = prose(statement.strip(), "statement", LONGEST_STATEMENT)
        if verdict_on(stored_grade(place.answer.grade).automatic, concept_id) is None:
            problems.append(FieldProblem(("conceptId",), "not_in_grade"))
        if problems:
            raise ValidationFailedError(problems)
        return self._kept(place, concept_id, said), place.answer

    def rule(self, contest_id: int, revision: int, ruling: Ruling) -> tuple[Contest, Answer]:
        """Settle a contest, or settle it otherwise; repeating a ruling does nothing.

        Raises
        ------
        ConflictError
            When it was ruled on since `revision`.
        ValidationFailedError
            When the verdict is none for this concept, or the mark stays without a word of explanation.
        """
        contest, place = self._to_rule(contest_id)
        explanation, problems = prose(ruling.explanation.strip(), "explanation", LONGEST_EXPLANATION)
        before = contest.verdict, contest.explanation
        if contest.revision == revision + 1 and before == (ruling.verdict.value, explanation):
            return contest, place.answer
        if contest.revision != revision:
            raise ConflictError(current=contest.revision)
        automatic = verdict_on(stored_grade(place.answer.grade or {}).automatic, contest.concept_id)
        if automatic is None or ruling.verdict not in choices(automatic):
            problems.append(FieldProblem(("verdict",), "unknown_choice"))
            raise ValidationFailedError(problems)
        upheld = favours(ruling.verdict, automatic)
        if not upheld and not explanation:
            problems.append(FieldProblem(("explanation",), "explain_dismissal"))
        if problems:
            raise ValidationFailedError(problems)
        contest.state = (ContestState.UPHELD if upheld else ContestState.DISMISSED).value
        contest.verdict, contest.explanation = ruling.verdict.value, explanation
        contest.ruled_by_id, contest.ruled_at = self._actor.account_id, self._clock()
        contest.revision += 1
        self._session.add(contest)
        self._session.flush()
        self._score_anew(place)
        self._tell(contest, place, "ruling")
        said = {"verdict": ruling.verdict.value, "automatic": automatic.value, "state": contest.state}
        self._announce("contest.ruled", contest, place.attempt, score=place.attempt.score, **said)
        return contest, place.answer

    def _place(self, answer_id: int) -> _Place:
        """Return where an answer stands; raises NotFoundError for a stranger."""
        row = (
            select(Answer, Attempt, TrainingSession, Account.managed_by)
            .join(Attempt, col(Attempt.id) == Answer.attempt_id)
            .join(TrainingSession, col(TrainingSession.id) == Attempt.session_id)
            .join(Account, col(Account.id) == Attempt.account_id)
            .where(Answer.id == answer_id)
        )
        found = self._session.exec(row).first()
        if found is None:
            raise NotFoundError
        answer, attempt, training, managed_by = found
        standing = Standing.of(self._actor, attempt.account_id, managed_by, training.owner_id)
        return _Place(answer, attempt, training, standing)

    def _to_rule(self, contest_id: int) -> tuple[Contest, _Place]:
        """Return a contest of a session the actor manages; nobody else rules on the attempt meanwhile."""
        attempt = (
            select(Attempt.id)
            .join(Answer, col(Answer.attempt_id) == Attempt.id)
            .join(Contest, col(Contest.answer_id) == Answer.id)
            .where(Contest.id == contest_id)
            .with_for_update(of=Attempt)
        )
        if self._session.exec(attempt).first() is None:
            raise NotFoundError
        contest = self._session.get_one(Contest, contest_id)
        place = self._place(contest.answer_id)
        if not place.sees_mark(self._session):
            raise NotFoundError
        if not place.standing.manages:
            raise NotAllowedError
        return contest, place

    def _kept(self, place: _Place, concept_id: str, statement: str) -> Contest:
        present = self._present(place.answer, concept_id)
        if present is None:
            contest = Contest(
                answer_id=place.answer.id or 0,
                concept_id=concept_id,
                statement=statement,
                created_at=self._clock(),
            )
            try:
                with self._session.begin_nested():
                    self._session.add(contest)
            except IntegrityError:  # the same concept was contested at the same moment
                present = self._present(place.answer, concept_id)
                if present is None:
                    raise
            else:
                self._tell(contest, place, "contest")
                self._announce("contest.made", contest, place.attempt)
                return contest
        if present.statement != statement:
            raise ConflictError("already_contested", present.revision)
        return present

    def _present(self, answer: Answer, concept_id: str) -> Contest | None:
        same = select(Contest).where(Contest.answer_id == answer.id, Contest.concept_id == concept_id)
        return self._session.exec(same).first()

    def _score_anew(self, place: _Place) -> None:
        """Store the scores that an answer and its attempt have by all rulings on them."""
        made = self._session.exec(select(Contest).where(Contest.answer_id == place.answer.id)).all()
        place.answer.score = with_rulings(place.answer, made).grade.score
        self._session.add(place.answer)
        self._session.flush()
        scores = select(Answer.score).where(Answer.attempt_id == place.attempt.id)
        place.attempt.score = mean_score(self._session.exec(scores).all())
        self._session.add(place.attempt)

    def _tell(self, contest: Contest, place: _Place, cause: str) -> None:
        """Tell outside systems that a mark has changed, or that it is contested."""
        concerned = {
            "Answer": place.answer.id,
            "Attempt": place.attempt.id,
            "Session": place.training.id,
            "Contest": contest.id,
        }
        holder, event = place.training.owner_id, WebhookEvent.GRADE_CHANGED
        emit(self._session, self._clock, event, concerned, holder_id=holder, cause=cause)

    def _announce(self, action: str, contest: Contest, attempt: Attempt, **detail: object) -> None:
        audit = Audit(self._session, self._clock, self._actor)
        audit.record(
            action, "Contest", contest.id, session=attempt.session_id, concept=contest.concept_id, **detail
        )
        what = {"contest.made": "contested", "contest.ruled": "ruled"}[action]
        events.append(self._session, self._clock, topic(attempt.session_id), what, {"attempt_id": attempt.id})


def with_rulings(answer: Answer, contests: Iterable[Contest]) -> StoredGrade:
    """Return an answer's mark with what was ruled on the contests made against it."""
    rulings = {each.concept_id: RuledVerdict(each.verdict) for each in contests if each.verdict is not None}
    return stored_grade(answer.grade or {}, rulings)


def ruled_examples(session: Session, masker: Masker) -> Iterator[dict[str, Any]]:
    """Yield every ruling as an example to measure reading by: what was written, and nothing of who wrote it.

    Names and identifiers in the text are masked as far as rules find them. `ml.language.agreement` reads the
    examples.
    """
    rows = (
        select(Contest, Answer, Account.language)
        .join(Answer, col(Answer.id) == Contest.answer_id)
        .join(Attempt, col(Attempt.id) == Answer.attempt_id)
        .join(Account, col(Account.id) == Attempt.account_id)
        .where(col(Contest.verdict).is_not(None))
        .order_by(col(Contest.id))
    )
    for contest, answer, language in session.exec(rows):
        stored = stored_grade(answer.grade or {})
        said = verdict_on(stored.automatic, contest.concept_id)
        yield {
            "text": masker.mask(answer.text),
            "picked": list(answer.concept_ids),
            "language": language,
            "key": [
                {"concept": item.concept, "coefficient": item.coefficient, "role": item.role.value}
                for item in stored.automatic.items
            ],
            "concept": contest.concept_id,
            "engine": None if said is None else said.value,
            "ruled": contest.verdict,
            "ontology_version": stored.ontology_version,
            "matcher_version": stored.matcher_version,
            "grader_version": stored.automatic.grader_version,
        }


def record_export(session: Session, clock: Clock, rulings: int) -> None:
    """Put on record that so many examples have left the platform."""
    Audit(session, clock, None).record("rulings.exported", "Contest", None, rulings=rulings)
