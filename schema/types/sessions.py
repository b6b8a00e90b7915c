"""Training sessions as those who manage them see them."""

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Row

from schema.context import Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.contests import open_contest_counts
from schema.loaders.training import (
    attempt_counts,
    case_counts,
    cases_by_id,
    cases_of_sessions,
    enrolment_counts,
    enrolments_of_sessions,
    results_of_sessions,
)
from schema.models.training import SessionDifficulty, SessionStatus, TrainingSession
from schema.policy import Scope, may_see_case
from schema.services import results
from schema.services.attempts import Attempts
from schema.services.enrolments import Enrolments
from schema.services.sessions import shown_join_code, unavailable_reason
from schema.types.accounts import Account
from schema.types.arguments import After, Before, First, Last, page_request
from schema.types.attempts import Attempt
from schema.types.base import Connection, Node, connection, global_id
from schema.types.cases import Case
from schema.types.concepts import Concept
from schema.types.enrolments import Enrolment


@strawberry.type(description="A case of a session, as the session pins it.")
class SessionCase:
    """A pinned case."""

    row: strawberry.Private[Row[Any]]
    position: int = strawberry.field(description="Its place, counted from 1.")
    title: str = strawberry.field(description="What the case was called in the pinned revision.")
    revision_number: int = strawberry.field(description="The pinned revision.")

    @strawberry.field(
        description="The case as it is now, which may have moved on; null where the viewer may not open it."
    )
    async def case(self, info: Info) -> Case | None:
        """Load the case."""
        return await _opened(info, self.row.case_id)

    @classmethod
    def of(cls, row: Row[Any]) -> "SessionCase":
        """Return a row of `cases_of_sessions`."""
        return cls(
            row=row,
            position=row.position,
            title=row.name,
            revision_number=row.number,
        )


@strawberry.type(description="What became of one concept of the key over all submitted answers.")
class ConceptResults:
    """Counts of answers."""

    code: strawberry.Private[str]
    found: int = strawberry.field(description="Answers that state it.")
    partial: int = strawberry.field(description="Answers that state it in part.")
    missed: int = strawberry.field(description="Answers that do not speak of it.")
    contradicted: int = strawberry.field(description="Answers that contradict it.")

    @strawberry.field(description="What the key expects.")
    def concept(self, info: Info) -> Concept:
        """Look it up."""
        return Concept.coded(self.code, info.context)


@strawberry.type(description="One case of a session over all submitted attempts.")
class CaseResults:
    """A case's results."""

    case_id: strawberry.Private[int]
    position: int = strawberry.field(description="The case's place, counted from 1.")
    title: str = strawberry.field(description="What the case was called in the pinned revision.")
    average_score: float | None = strawberry.field(description="0-100; null before the first submission.")
    concepts: list[ConceptResults] = strawberry.field(description="The key's concepts, in its order.")

    @strawberry.field(description="The case as it is now; null where the viewer may not open it.")
    async def case(self, info: Info) -> Case | None:
        """Load the case."""
        return await _opened(info, self.case_id)

    @classmethod
    def of(cls, found: results.CaseResults) -> "CaseResults":
        """Return what the service counted."""
        concepts = [
            ConceptResults(
                code=each.concept_id,
                found=each.found,
                partial=each.partial,
                missed=each.missed,
                contradicted=each.contradicted,
            )
            for each in found.concepts
        ]
        return cls(
            case_id=found.case_id,
            position=found.position,
            title=found.title,
            average_score=found.average_score,
            concepts=concepts,
        )


@strawberry.type(description="A session over all submitted attempts.")
class SessionResults:
    """A session's results."""

    average_score: float | None = strawberry.field(description="0-100; null before the first submission.")
    items: list[CaseResults] = strawberry.field(description="Case by case, in order.")


@strawberry.type(description="A timed set of cases that students read; only for those who manage it.")
class Session(Node):
    """A training session."""

    row: strawberry.Private[TrainingSession]
    name: str = strawberry.field(description="Its name.")
    objectives: str = strawberry.field(description="What is to be learnt.")
    difficulty: SessionDifficulty = strawberry.field(description="Whom it is meant for.")
    time_limit_minutes: int = strawberry.field(description="How long an attempt lasts, without extra time.")
    status: SessionStatus = strawberry.field(description="What the teacher decided.")
    opens_at: datetime | None = strawberry.field(description="From when it can be begun; null for at once.")
    closes_at: datetime | None = strawberry.field(description="When it ends for everyone; null for never.")
    show_feedback: bool = strawberry.field(description="Whether students see marks and feedback afterwards.")
    allow_retry: bool = strawberry.field(description="Whether a second attempt may follow a submitted one.")
    anonymise_titles: bool = strawberry.field(
        description="Whether titles are kept from students until corrected."
    )
    join_code: str = strawberry.field(description="What students type to join, as XXXX-XXXX.")
    revision: int = strawberry.field(description="Number of its latest saved change; updates must name it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @strawberry.field(description="Whether it can be begun now.")
    def available(self, info: Info) -> bool:
        """Ask the clock."""
        return unavailable_reason(self.row, info.context.services.clock()) is None

    @strawberry.field(description="Who made it.")
    async def owner(self, info: Info) -> Account:
        """Load the owner."""
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.owner_id))

    @strawberry.field(description="Its cases in order.")
    async def cases(self, info: Info) -> list[SessionCase]:
        """Load the cases."""
        rows = await info.context.loaders.of(cases_of_sessions).load(self.row.id or 0)
        return [SessionCase.of(row) for row in rows]

    @strawberry.field(description="Who takes part, in the order they came.")
    async def participants(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Enrolment]:
        """Load a page of enrolments."""
        request, key = page_request(info, first, after, last, before), self.row.id or 0
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(
            lambda session: Enrolments(session, viewer, clock).page_of_session(key, request)
        )
        return connection(page, Enrolment.of)

    @strawberry.field(
        description="Who takes part, in the order they came, all at once.",
        deprecation_reason="Since 2026-11-28: ask `participants`, which comes in pages.",
    )
    async def enrolments(self, info: Info) -> list[Enrolment]:
        """Load the enrolments."""
        rows = await info.context.loaders.of(enrolments_of_sessions).load(self.row.id or 0)
        return [Enrolment.of(row) for row in rows]

    @strawberry.field(description="Attempts, those last begun first.")
    async def attempts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Attempt]:
        """Load a page of attempts."""
        request, key = page_request(info, first, after, last, before), self.row.id or 0
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(
            lambda session: Attempts(session, viewer, clock).page_of_session(key, request)
        )
        return connection(page, Attempt.of)

    @strawberry.field(description="How many cases it has.")
    async def case_count(self, info: Info) -> int:
        """Count."""
        return await info.context.loaders.of(case_counts).load(self.row.id or 0)

    @strawberry.field(description="How many students take part.")
    async def enrolment_count(self, info: Info) -> int:
        """Count."""
        return await info.context.loaders.of(enrolment_counts).load(self.row.id or 0)

    @strawberry.field(description="How many attempts were begun.")
    async def attempt_count(self, info: Info) -> int:
        """Count."""
        return (await info.context.loaders.of(attempt_counts).load(self.row.id or 0)).begun

    @strawberry.field(description="How many attempts were handed in.")
    async def submitted_count(self, info: Info) -> int:
        """Count."""
        return (await info.context.loaders.of(attempt_counts).load(self.row.id or 0)).submitted

    @strawberry.field(description="How many contests nobody has ruled on.")
    async def open_contest_count(self, info: Info) -> int:
        """Count."""
        return await info.context.loaders.of(open_contest_counts).load(self.row.id or 0)

    @strawberry.field(description="What students found and missed.")
    async def results(self, info: Info) -> SessionResults:
        """Count over all submitted attempts."""
        found = await info.context.loaders.of(results_of_sessions).load(self.row.id or 0)
        items = [CaseResults.of(item) for item in found.items]
        return SessionResults(average_score=found.average_score, items=items)

    @classmethod
    def of(cls, row: TrainingSession) -> "Session":
        """Return the node of a row."""
        return cls(
            id=global_id("Session", row.id or 0),
            row=row,
            name=row.name,
            objectives=row.objectives,
            difficulty=SessionDifficulty(row.difficulty),
            time_limit_minutes=row.time_limit_minutes,
            status=SessionStatus(row.status),
            opens_at=row.opens_at,
            closes_at=row.closes_at,
            show_feedback=row.show_feedback,
            allow_retry=row.allow_retry,
            anonymise_titles=row.anonymise_titles,
            join_code=shown_join_code(row.join_code),
            revision=row.revision,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


async def _opened(info: Info, case_id: int) -> Case | None:
    """Return a session's case under the same conditions as by its own id."""
    viewer, row = info.context.viewer, await info.context.loaders.of(cases_by_id).load(case_id)
    seen = viewer.may(Scope.CASES_READ) and may_see_case(viewer, row.owner_id, row.status)
    return Case.of(row) if seen else None
