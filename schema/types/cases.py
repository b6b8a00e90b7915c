"""Cases as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Row
from sqlmodel import Session

from schema.context import Context, Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.annotations import annotations_of_cases
from schema.loaders.cases import revisions_of_cases
from schema.loaders.held_pages import held_pages_of_cases
from schema.loaders.recordings import recordings_of_cases
from schema.messages import text_of
from schema.models import cases as models
from schema.models import held_pages
from schema.models.cases import CaseCategory, CaseStatus
from schema.models.cases import Difficulty as CaseDifficulty
from schema.policy import may_change_case
from schema.services.cases import Cases, problems_of
from schema.types.accounts import Account
from schema.types.annotations import Annotation
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum
from schema.types.held_pages import HeldPage
from schema.types.recordings import Recording
from schema.types.selection import names_below

describe_enum(
    CaseCategory,
    "CaseCategory",
    "What a case teaches.",
    "Rhythm disorders.",
    "Infarction.",
    "Conduction blocks.",
    "Hypertrophy.",
    "Normal tracings.",
    "Anything else.",
)
describe_enum(
    CaseDifficulty,
    "CaseDifficulty",
    "How hard a case is to read.",
    "For beginners.",
    "For those who have some practice.",
    "For those who read ECGs often.",
    "For specialists.",
)
describe_enum(
    CaseStatus,
    "CaseStatus",
    "Where a case stands.",
    "Being written.",
    "Ready for sessions.",
    "Put away.",
)
_CATEGORIES = {each.value: each for each in CaseCategory}
_DIFFICULTIES = {each.value: each for each in CaseDifficulty}
_STATUSES = {each.value: each for each in CaseStatus}
"""A quarter of the cost of calling the enum."""


@strawberry.type(description="What still keeps a case from being validated.")
class CaseProblem:
    """One thing missing."""

    code: str = strawberry.field(description="Stable, machine-readable.")
    message: str = strawberry.field(description="What to do, in the viewer's language.")


@strawberry.type(description="A case as one saved change left it.")
class CaseRevision(Node):
    """A numbered state; sessions pin one."""

    row: strawberry.Private[Row[Any]]
    number: int = strawberry.field(description="Counted from 1 within the case.")
    created_at: datetime = strawberry.field(description="When the change was saved.")
    name: str = strawberry.field(description="What the case was called then.")
    recording_count: int = strawberry.field(description="How many recordings it had.")
    annotation_count: int = strawberry.field(description="How many annotations it had.")

    @strawberry.field(description="Who saved the change.")
    def author(self, info: Info) -> Account:
        """Load the author."""
        return info.context.loaders.then(accounts_by_id, self.row.author_id, Account.of)

    @classmethod
    def of(cls, row: Row[Any]) -> "CaseRevision":
        """Return the node of a row of `revisions_of_cases`."""
        return cls(
            id=global_id("CaseRevision", row.id),
            row=row,
            number=row.number,
            created_at=row.created_at,
            name=row.name,
            recording_count=row.recording_count,
            annotation_count=row.annotation_count,
        )


@strawberry.type(description="A teaching case: ECGs, and what an expert says they show.")
class Case(Node):
    """A case, for those who write cases."""

    row: strawberry.Private[Row[Any] | models.Case]
    name: str = strawberry.field(description="Its title, which often is its diagnosis.")
    category: CaseCategory = strawberry.field(description="What it teaches.")
    difficulty: CaseDifficulty = strawberry.field(description="How hard it is to read.")
    description: str = strawberry.field(description="The clinical setting, as students see it.")
    draft_text: str = strawberry.field(description="The expert's free text that concepts are proposed from.")
    status: CaseStatus = strawberry.field(description="Where it stands.")
    revision: int = strawberry.field(description="Number of its latest saved change; updates must name it.")
    created_at: datetime = strawberry.field(description="When it was begun.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @strawberry.field(description="Who wrote it.")
    def owner(self, info: Info) -> Account:
        """Load the owner."""
        return info.context.loaders.then(accounts_by_id, self.row.owner_id, Account.of)

    @strawberry.field(description="Its ECGs, in order.")
    def recordings(self, info: Info) -> list[Recording]:
        """Load the recordings."""
        return info.context.loaders.then(recordings_of_cases, self.row.id or 0, _recordings)

    @strawberry.field(
        description="Pages the viewer sent that are no recordings yet, since text in them may name somebody."
    )
    def held_pages(self, info: Info) -> list[HeldPage]:
        """Load what waits to be settled."""
        mine = info.context.viewer.account_id

        def convert(rows: list[held_pages.HeldPage]) -> list[HeldPage]:
            return [HeldPage.of(row) for row in rows if row.owner_id == mine]

        return info.context.loaders.then(held_pages_of_cases, self.row.id or 0, convert)

    @strawberry.field(description="What the expert says it shows, in order.")
    def annotations(self, info: Info) -> list[Annotation]:
        """Load the annotations."""
        context = info.context

        def convert(rows: list[Row[Any]]) -> list[Annotation]:
            return [Annotation.of(row, context) for row in rows]

        return context.loaders.then(annotations_of_cases, self.row.id or 0, convert)

    @strawberry.field(description="Its latest hundred saved changes, newest first.")
    def revisions(self, info: Info) -> list[CaseRevision]:
        """Load the revisions."""
        return info.context.loaders.then(revisions_of_cases, self.row.id or 0, _revisions)

    @strawberry.field(description="Whether the viewer may change it.")
    def viewer_can_edit(self, info: Info) -> bool:
        """Ask the policy."""
        return may_change_case(info.context.viewer, self.row.owner_id)

    @strawberry.field(description="What still keeps it from being validated; empty when nothing does.")
    async def problems(self, info: Info) -> list[CaseProblem]:
        """Look at its recordings and annotations."""
        recordings = await info.context.loaders.of(recordings_of_cases).load(self.row.id or 0)
        annotations = await info.context.loaders.of(annotations_of_cases).load(self.row.id or 0)
        found = problems_of(recorded=bool(recordings), roles=[row.role for row in annotations])
        say = info.context.translate
        return [CaseProblem(code=problem.code, message=say(text_of(problem)[0])) for problem in found]

    @classmethod
    def of(cls, row: Row[Any] | models.Case) -> "Case":
        """Return the node of a row."""
        return cls(
            id=global_id("Case", row.id or 0),
            row=row,
            name=row.name,
            category=_CATEGORIES[row.category],
            difficulty=_DIFFICULTIES[row.difficulty],
            description=row.description,
            draft_text=row.draft_text,
            status=_STATUSES[row.status],
            revision=row.revision,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _recordings(rows: list[Row[Any]]) -> list[Recording]:
    return [Recording.of(row) for row in rows]


def _revisions(rows: list[Row[Any]]) -> list[CaseRevision]:
    return [CaseRevision.of(row) for row in rows]


def fetch_related(info: Info, session: Session, rows: Sequence[Row[Any]]) -> None:
    """Load at once what a page of cases selects of its recordings, annotations and owners."""
    selected, loaders = names_below(info), info.context.loaders
    for name, batch in (("recordings", recordings_of_cases), ("annotations", annotations_of_cases)):
        if name in selected:
            loaders.fetch(session, batch, (row.id for row in rows))
    if "owner" in selected:
        loaders.fetch(session, accounts_by_id, (row.owner_id for row in rows))


def cases_for(session: Session, context: Context) -> Cases:
    """Return the viewer's way to the cases."""
    services = context.services
    return Cases(session, context.viewer, services.clock, services.ontology)
