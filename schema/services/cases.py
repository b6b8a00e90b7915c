"""Teaching cases: written as drafts, validated for sessions, put away; every saved change is a revision."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, true
from sqlalchemy import case as if_else
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ml.language.normalising import plain
from ml.language.ontology import Ontology
from schema.errors import (
    ConflictError,
    FieldProblem,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.models.cases import (
    Annotation,
    AnnotationRole,
    Case,
    CaseCategory,
    CaseRevision,
    CaseStatus,
    Difficulty,
    Digitisation,
    Recording,
)
from schema.models.held_pages import HeldPage
from schema.models.predictions import Feedback, Prediction
from schema.models.training import SessionCase
from schema.pagination import Page, PageRequest
from schema.policy import Actor, may_change_case, may_see_case
from schema.services import events, revisions
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.day_books import leave
from schema.services.intake import let_go
from schema.services.loose_files import let_loose
from schema.services.once import Once, added, columns_of, made_by
from schema.services.paging import Sort, page_of
from schema.services.text import line, prose

LIMITS = {"name": ("name", 200), "description": ("description", 5_000), "draft_text": ("draftText", 20_000)}
"""Each text field's name in the API and its most characters."""
LONGEST_SEARCH = 200
SORTED_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases to list; what is None does not narrow."""

    search: str | None = None
    category: CaseCategory | None = None
    difficulty: Difficulty | None = None
    status: CaseStatus | None = None
    mine: bool = False


class CaseSort(StrEnum):
    """What cases are listed by."""

    UPDATED_AT = "updated_at"
    CREATED_AT = "created_at"
    NAME = "name"


class Cases:
    """One actor's way to the cases: their own, and the validated ones of colleagues.

    Parameters
    ----------
    ontology
        What annotations are searched by, and whose version each revision names.
    """

    def __init__(self, session: Session, actor: Actor, clock: Clock, ontology: Ontology) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock
        self._ontology = ontology

    def get(self, case_id: int) -> Case:
        """Return a case; one the actor may not see is missing."""
        return self._visible(self._session.get(Case, case_id))

    def page(
        self, chosen: CaseFilter, sort: CaseSort, request: PageRequest, *, descending: bool
    ) -> Page[Row[Any]]:
        """Return a page of what the actor may see; rows have the columns of `Case`, its search text apart."""
        rows = _ROWS.where(*self._seen(), *_narrowed(chosen, self._actor))
        order = [Sort(_SORTED[sort], descending), Sort(col(Case.id), descending)]
        return page_of(self._session, rows, order, request, sort.value)

    def create(
        self,
        name: str,
        category: CaseCategory,
        difficulty: Difficulty,
        description: str,
        idempotency_key: str | None = None,
    ) -> Case:
        """Start a draft; the same under the same key again answers with the case as it is by now.

        Raises
        ------
        ValidationFailedError
            With every text that is too long; for a key that was used for another case.
        """
        texts = _tidied({"name": name, "description": description})
        asked = [texts["name"], category, difficulty, texts["description"]]
        once = None if idempotency_key is None else Once.of(idempotency_key, asked)
        mine = col(Case.owner_id) == self._actor.account_id
        known = made_by(self._session, once, Case, mine)
        if known is not None:
            return known
        case = Case(
            **columns_of(once),
            name=texts["name"],
            description=texts["description"],
            owner_id=self._actor.account_id,
            category=category.value,
            difficulty=difficulty.value,
            revision=0,
            created_at=self._clock(),
            updated_at=self._clock(),
        )
        made = added(self._session, once, case, mine)
        return self.saved(made, "case.created") if made is case else made

    def update(self, case_id: int, revision: int, changes: Mapping[str, str]) -> Case:
        """Change some fields; changing nothing makes no revision."""
        case = self.to_change(case_id, revision)
        tidy = _tidied(changes)
        changed = {field: value for field, value in tidy.items() if getattr(case, field) != value}
        for field, value in changed.items():
            setattr(case, field, value)
        return self.saved(case, "case.updated", fields=sorted(changed)) if changed else case

    def validate(self, case_id: int, revision: int) -> Case:
        """Make a draft ready for sessions; validating twice does nothing."""
        case = self.to_change(case_id, revision)
        problems = self._problems(case_id)
        if problems:
            raise ValidationFailedError(problems)
        return self._moved(case, CaseStatus.VALIDATED, "case.validated")

    def archive(self, case_id: int) -> Case:
        """Put a case away; sessions that have it keep it. Archiving twice does nothing."""
        return self._moved(self._owned(case_id), CaseStatus.ARCHIVED, "case.archived")

    def restore(self, case_id: int) -> Case:
        """Make an archived case a draft again; any other is left as it is."""
        case = self._owned(case_id)
        if case.status != CaseStatus.ARCHIVED.value:
            return case
        return self._moved(case, CaseStatus.DRAFT, "case.restored")

    def delete(self, case_id: int) -> None:
        """Remove a draft that no session has ever had, and before long its files."""
        case = self._owned(case_id)
        if case.status != CaseStatus.DRAFT.value:
            raise NotAllowedError("only_drafts_deleted")
        if self._session.exec(select(SessionCase.id).where(SessionCase.case_id == case_id).limit(1)).first():
            raise NotAllowedError("used_in_session")
        asked = select(Prediction.id).where(Prediction.case_id == case_id)
        self._session.execute(delete(Feedback).where(col(Feedback.prediction_id).in_(asked)))
        for held in self._session.exec(select(HeldPage).where(HeldPage.case_id == case_id)).all():
            let_go(self._session, held, self._clock)
        self._session.flush()
        let_loose(self._session, self._clock, case_id)
        leave(self._session, case_id)
        its = select(Recording.id).where(Recording.case_id == case_id)
        self._session.execute(delete(Digitisation).where(col(Digitisation.recording_id).in_(its)))
        for table in (Prediction, Annotation, Recording, CaseRevision):
            self._session.execute(delete(table).where(col(table.case_id) == case_id))
        self._session.delete(case)
        self._session.flush()
        self._announce(case_id, "case.deleted")

    def manages(self, case_id: int) -> bool:
        """Return whether the actor owns a case that there is, or administers."""
        case = self._session.get(Case, case_id)
        return case is not None and may_change_case(self._actor, case.owner_id)

    def to_change(self, case_id: int, revision: int | None = None) -> Case:
        """Return a case whose content is about to change, kept from others until the transaction ends.

        Raises
        ------
        NotFoundError, NotAllowedError, ConflictError
            When the actor may not, when it is archived, when `revision` is not its latest.
        """
        case = self._owned(case_id)
        if revision is not None and revision != case.revision:
            raise ConflictError(current=case.revision)
        if case.status == CaseStatus.ARCHIVED.value:
            raise NotAllowedError("case_archived")
        return case

    def saved(self, case: Case, action: str, **detail: object) -> Case:
        """Keep the state the case has now as its next revision; a validated one must stay fit to be used."""
        key = case.id or 0
        self._session.flush()
        if case.status == CaseStatus.VALIDATED.value and self._problems(key):
            raise NotAllowedError("must_stay_valid")
        case.revision += 1
        case.updated_at = self._clock()
        case.search_text = self._search_text(case)
        self._session.add(case)
        version = self._version_of_key(case)
        revisions.record(self._session, self._clock, case, self._actor.account_id, version)
        self._session.flush()
        self._announce(key, action, revision=case.revision, **detail)
        return case

    def _version_of_key(self, case: Case) -> str:
        """Return the version of the ontology that has the key's concepts: the one before if this has not."""
        codes = [row.concept_id for row in revisions.annotations_of(self._session, case.id or 0)]
        before = revisions.version_before(self._session, case)
        return self._ontology.version if before is None or all(c in self._ontology for c in codes) else before

    def _problems(self, case_id: int) -> list[FieldProblem]:
        roles = self._session.exec(select(Annotation.role).where(Annotation.case_id == case_id)).all()
        recordings = select(Recording.id).where(Recording.case_id == case_id)
        return problems_of(recorded=self._session.exec(recordings).first() is not None, roles=roles)

    def _announce(self, case_id: int, action: str, **detail: object) -> None:
        Audit(self._session, self._clock, self._actor).record(action, "Case", case_id, **detail)
        events.append(self._session, self._clock, "statistics", action, {})

    def _moved(self, case: Case, status: CaseStatus, action: str) -> Case:
        if case.status == status.value:
            return case
        case.status = status.value
        return self.saved(case, action)

    def _owned(self, case_id: int) -> Case:
        locked = select(Case).where(Case.id == case_id).with_for_update()
        case = self._visible(self._session.exec(locked).first())
        if not may_change_case(self._actor, case.owner_id):
            raise NotAllowedError
        return case

    def _visible(self, case: Case | None) -> Case:
        if case is None or not may_see_case(self._actor, case.owner_id, case.status):
            raise NotFoundError
        return case

    def _seen(self) -> list[ColumnElement[bool]]:
        """Return `may_see_case` as a condition; the field's scope has kept those out who are no authors."""
        if self._actor.is_admin:
            return []
        mine = col(Case.owner_id) == self._actor.account_id
        # With OR, SQLite gathers all cases by two indexes and sorts them; so it walks in order, for one page.
        return [if_else((mine, true()), else_=col(Case.status) == CaseStatus.VALIDATED.value)]

    def _search_text(self, case: Case) -> str:
        codes = [row.concept_id for row in revisions.annotations_of(self._session, case.id or 0)]
        concepts = [self._ontology.concept(code) for code in codes if code in self._ontology]
        labels = [label for concept in concepts for label in (concept.label_fr, concept.label_en)]
        return "\n".join(plain(part) for part in (case.name, case.description, *labels))


_COLUMNS: list[Any] = [column for column in Case.__table__.c if column.name != "search_text"]  # type: ignore[attr-defined]
_ROWS = columns(*_COLUMNS)
_SORTED: dict[CaseSort, Any] = {
    CaseSort.UPDATED_AT: col(Case.updated_at),
    CaseSort.CREATED_AT: col(Case.created_at),
    # The search text starts with the name without case and accents: « Épanchement » stands at E.
    CaseSort.NAME: func.substr(col(Case.search_text), 1, SORTED_CHARACTERS),
}


def problems_of(*, recorded: bool, roles: Collection[str]) -> list[FieldProblem]:
    """Return what keeps a case from being validated.

    Parameters
    ----------
    recorded
        Whether it has a recording.
    roles
        The role of each of its annotations.
    """
    problems = []
    if not recorded:
        problems.append(FieldProblem(("recordings",), "needs_recording"))
    if not roles:
        problems.append(FieldProblem(("annotations",), "needs_annotation"))
    elif AnnotationRole.SCORED.value not in roles:
        problems.append(FieldProblem(("annotations",), "needs_scored_annotation"))
    return problems


def contains_words(column: Any, search: str) -> list[ColumnElement[bool]]:
    """Return the conditions that a search text holds every word, whatever its case and accents."""
    return [column.contains(word, autoescape=True) for word in plain(search[:LONGEST_SEARCH]).split()]


def _narrowed(chosen: CaseFilter, actor: Actor) -> list[ColumnElement[bool]]:
    conditions = contains_words(col(Case.search_text), chosen.search or "")
    for field in ("category", "difficulty", "status"):
        value = getattr(chosen, field)
        if value is not None:
            conditions.append(col(getattr(Case, field)) == value.value)
    if chosen.mine:
        conditions.append(col(Case.owner_id) == actor.account_id)
    return conditions


def _tidied(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields as they are stored; raises ValidationFailedError for all that are too long."""
    tidy, problems = dict(values), []
    for field, (path, maximum) in LIMITS.items():
        if field in values:
            tidied = line if field == "name" else prose
            tidy[field], found = tidied(values[field], path, maximum)
            problems += found
    if problems:
        raise ValidationFailedError(problems)
    return tidy
