"""Training sessions: timed sets of cases, each pinned to the revision the session was built from."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert
from sqlmodel import Session, col, select

from ml.language.normalising import plain
from schema.errors import ConflictError, FieldProblem, NotFoundError, ValidationFailedError
from schema.models.cases import Case, CaseRevision, CaseStatus
from schema.models.training import (
    Attempt,
    SessionCase,
    SessionDifficulty,
    SessionStatus,
    TrainingSession,
)
from schema.pagination import Page, PageRequest
from schema.policy import Actor, may_manage_session, may_see_case
from schema.services import deadlines, events
from schema.services.audit import Audit
from schema.services.cases import SORTED_CHARACTERS, contains_words
from schema.services.clock import Clock
from schema.services.once import Once, added, columns_of, made_by, read_key
from schema.services.paging import Sort, page_of
from schema.services.text import line, prose

LONGEST_NAME = 200
LONGEST_OBJECTIVES = 5_000
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 180
MOST_CASES = 500
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8


class UnavailableReason(StrEnum):
    """Why nobody can begin a session now."""

    NOT_OPEN_YET = "not_open_yet"
    CLOSED = "closed"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class SessionFields:
    """What a teacher decides about a session, besides its cases and its status."""

    name: str
    difficulty: SessionDifficulty
    time_limit_minutes: int
    objectives: str = ""
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    show_feedback: bool = True
    allow_retry: bool = False
    anonymise_titles: bool = True


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to list; what is None does not narrow."""

    search: str | None = None
    difficulty: SessionDifficulty | None = None
    status: SessionStatus | None = None
    mine: bool = False


class SessionSort(StrEnum):
    """What sessions are listed by."""

    UPDATED_AT = "updated_at"
    CREATED_AT = "created_at"
    NAME = "name"


def unavailable_reason(training: TrainingSession, now: datetime) -> UnavailableReason | None:
    """Return why nobody can begin the session at an instant; None when one can."""
    if training.status == SessionStatus.ARCHIVED.value:
        return UnavailableReason.ARCHIVED
    if training.status == SessionStatus.CLOSED.value:
        return UnavailableReason.CLOSED
    if training.closes_at is not None and now >= training.closes_at:
        return UnavailableReason.CLOSED
    if training.opens_at is not None and now < training.opens_at:
        return UnavailableReason.NOT_OPEN_YET
    return None


def shown_join_code(code: str) -> str:
    """Return a join code as people read it: XXXX-XXXX."""
    return f"{code[:4]}-{code[4:]}"


def stored_join_code(typed: str) -> str:
    """Return a join code as it is stored, whatever case, blanks and dashes it was typed with."""
    return "".join(letter for letter in typed[:40].upper() if letter.isalnum())


class Sessions:
    """One actor's way to the training sessions they own, or to all for an administrator."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, session_id: int) -> TrainingSession:
        """Return a session; one the actor does not manage is missing."""
        return self._managed(self._session.get(TrainingSession, session_id))

    def page(
        self, chosen: SessionFilter, sort: SessionSort, request: PageRequest, *, descending: bool
    ) -> Page[TrainingSession]:
        """Return a page of the sessions the actor manages."""
        rows = select(TrainingSession).where(*self._narrowed(chosen))
        order = [Sort(_SORTED[sort], descending), Sort(col(TrainingSession.id), descending)]
        return page_of(self._session, rows, order, request, sort.value)

    def create(
        self, fields: SessionFields, case_ids: Sequence[int], idempotency_key: str | None = None
    ) -> TrainingSession:
        """Make a session of validated cases in the order given, open for students from its opening time on.

        The same under the same key again answers with the session as it is by now.

        Raises
        ------
        ValidationFailedError
            With every field that is wrong, each case by its place in the list; for a key that was used for
            another session.
        """
        tidy, problems = _checked(fields)
        key, bad_key = read_key(idempotency_key)
        problems += bad_key
        once = None if key is None or problems else Once.of(key, [tidy, case_ids])
        mine = col(TrainingSession.owner_id) == self._actor.account_id
        known = made_by(self._session, once, TrainingSession, mine)
        if known is not None:
            return known
        pins, wrong_cases = self._pins(case_ids, {})
        if problems or wrong_cases:
            raise ValidationFailedError(problems + wrong_cases)
        now = self._clock()
        training = TrainingSession(
            **_columns(tidy),
            **columns_of(once),
            owner_id=self._actor.account_id,
            join_code=self._free_code(),
            created_at=now,
            updated_at=now,
        )
        made = added(self._session, once, training, mine)
        if made is not training:
            return made
        self._store_cases(training, case_ids, pins)
        self._announce(training, "session.created", cases=len(case_ids))
        return training

    def update(
        self,
        session_id: int,
        revision: int,
        changes: Mapping[str, Any],
        case_ids: Sequence[int] | None = None,
    ) -> TrainingSession:
        """Change some fields, named as in `SessionFields`, and the cases where a list is given.

        Cases that stay keep their pinned revision. Whoever is at work gets the new deadline.

        Raises
        ------
        ConflictError
            When `revision` is not the latest, or the cases would change after a student has begun.
        ValidationFailedError
            With every field that is wrong.
        """
        training = self._to_change(session_id)
        if revision != training.revision:
            raise ConflictError(current=training.revision)
        tidy, problems = _checked(replace(_fields_of(training), **changes))
        problems += self._replace_cases(training, case_ids)
        if problems:
            raise ValidationFailedError(problems)
        for name, value in _columns(tidy).items():
            setattr(training, name, value)
        return self._changed(training, "session.updated", fields=sorted(changes))

    def set_status(self, session_id: int, status: SessionStatus) -> TrainingSession:
        """Open, close or put away a session; whoever is at work may finish. Doing it twice does nothing."""
        training = self._to_change(session_id)
        if training.status == status.value:
            return training
        training.status = status.value
        return self._changed(training, "session.status_changed", status=status.value)

    def _managed(self, training: TrainingSession | None) -> TrainingSession:
        if training is None or not may_manage_session(self._actor, training.owner_id):
            raise NotFoundError
        return training

    def _to_change(self, session_id: int) -> TrainingSession:
        """Return a session locked to the transaction's end: nobody begins it meanwhile."""
        locked = select(TrainingSession).where(TrainingSession.id == session_id).with_for_update()
        return self._managed(self._session.exec(locked).first())

    def _changed(self, training: TrainingSession, action: str, **detail: object) -> TrainingSession:
        training.revision += 1
        training.updated_at = self._clock()
        self._session.add(training)
        self._session.flush()
        deadlines.move(self._session, self._clock, session_id=training.id or 0)
        self._announce(training, action, **detail)
        return training

    def _announce(self, training: TrainingSession, action: str, **detail: object) -> None:
        Audit(self._session, self._clock, self._actor).record(action, "Session", training.id, **detail)
        events.append(self._session, self._clock, "statistics", action, {})

    def _narrowed(self, chosen: SessionFilter) -> list[ColumnElement[bool]]:
        conditions = contains_words(col(TrainingSession.search_text), chosen.search or "")
        if chosen.mine or not self._actor.is_admin:
            conditions.append(col(TrainingSession.owner_id) == self._actor.account_id)
        if chosen.difficulty is not None:
            conditions.append(col(TrainingSession.difficulty) == chosen.difficulty.value)
        if chosen.status is not None:
            conditions.append(col(TrainingSession.status) == chosen.status.value)
        return conditions

    def _replace_cases(self, training: TrainingSession, case_ids: Sequence[int] | None) -> list[FieldProblem]:
        """Pin another list of cases, unless it is the same; return what is wrong with it."""
        if case_ids is None:
            return []
        rows = select(SessionCase).where(SessionCase.session_id == training.id)
        present = self._session.exec(rows.order_by(col(SessionCase.position))).all()
        if [row.case_id for row in present] == list(case_ids):
            return []
        begun = select(Attempt.id).where(Attempt.session_id == training.id).limit(1)
        if self._session.exec(begun).first() is not None:
            raise ConflictError("attempts_exist")
        pins, problems = self._pins(case_ids, {row.case_id: row.case_revision_id for row in present})
        if not problems:
            former = col(SessionCase.session_id) == training.id
            self._session.execute(delete(SessionCase).where(former))
            self._store_cases(training, case_ids, pins)
        return problems

    def _pins(
        self, case_ids: Sequence[int], kept: Mapping[int, int]
    ) -> tuple[dict[int, int], list[FieldProblem]]:
        """Return the revision to pin of each case, and what is wrong with the list."""
        if not case_ids:
            return {}, [FieldProblem(("caseIds",), "needs_case")]
        if len(case_ids) > MOST_CASES:
            return {}, [FieldProblem(("caseIds",), "too_many_cases", (("maximum", str(MOST_CASES)),))]
        current = (
            select(Case.id, Case.owner_id, Case.status, CaseRevision.id)
            .where(col(Case.id).in_(set(case_ids)))
            .join(
                CaseRevision, (col(CaseRevision.case_id) == Case.id) & (CaseRevision.number == Case.revision)
            )
        )
        pins, codes = dict(kept), dict[int, str]()
        for case_id, owner_id, status, revision_id in self._session.exec(current):
            if case_id is None or case_id in kept or not may_see_case(self._actor, owner_id, status):
                continue
            if status != CaseStatus.VALIDATED.value:
                codes[case_id] = "case_not_validated"
            pins[case_id] = revision_id or 0
        return pins, _case_problems(case_ids, pins, codes)

    def _store_cases(
        self, training: TrainingSession, case_ids: Sequence[int], pins: Mapping[int, int]
    ) -> None:
        rows = [
            {
                "session_id": training.id,
                "case_id": case_id,
                "case_revision_id": pins[case_id],
                "position": position,
            }
            for position, case_id in enumerate(case_ids, start=1)
        ]
        self._session.execute(insert(SessionCase), rows)

    def _free_code(self) -> str:
        while True:
            code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
            taken = select(TrainingSession.id).where(TrainingSession.join_code == code)
            if self._session.exec(taken).first() is None:
                return code


_SORTED: dict[SessionSort, Any] = {
    SessionSort.UPDATED_AT: col(TrainingSession.updated_at),
    SessionSort.CREATED_AT: col(TrainingSession.created_at),
    # The search text starts with the name without case and accents.
    SessionSort.NAME: func.substr(col(TrainingSession.search_text), 1, SORTED_CHARACTERS),
}


def _checked(fields: SessionFields) -> tuple[SessionFields, list[FieldProblem]]:
    """Return the fields as they are stored and what is wrong with them."""
    name, problems = line(fields.name, "name", LONGEST_NAME)
    objectives, too_long = prose(fields.objectives, "objectives", LONGEST_OBJECTIVES)
    problems += too_long
    if not SHORTEST_MINUTES <= fields.time_limit_minutes <= LONGEST_MINUTES:
        bounds = (("minimum", str(SHORTEST_MINUTES)), ("maximum", str(LONGEST_MINUTES)))
        problems.append(FieldProblem(("timeLimitMinutes",), "out_of_range", bounds))
    if fields.opens_at and fields.closes_at and fields.closes_at <= fields.opens_at:
        problems.append(FieldProblem(("closesAt",), "closes_before_opening"))
    return replace(fields, name=name, objectives=objectives), problems


def _case_problems(
    case_ids: Sequence[int], pins: Mapping[int, int], codes: Mapping[int, str]
) -> list[FieldProblem]:
    problems, seen = [], set[int]()
    for place, case_id in enumerate(case_ids):
        code = "case_not_found" if case_id not in pins else codes.get(case_id)
        code = "case_twice" if case_id in seen else code
        if code is not None:
            problems.append(FieldProblem(("caseIds", str(place)), code))
        seen.add(case_id)
    return problems


def _fields_of(training: TrainingSession) -> SessionFields:
    values = {name: getattr(training, name) for name in SessionFields.__slots__}
    return SessionFields(**values | {"difficulty": SessionDifficulty(training.difficulty)})


def _columns(fields: SessionFields) -> dict[str, Any]:
    search_text = "\n".join((plain(fields.name), plain(fields.objectives)))
    return asdict(fields) | {"difficulty": fields.difficulty.value, "search_text": search_text}
