"""What students contest and what teachers rule; it tells no more of a key than the mark it is about."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from ml.language.ruling import RuledVerdict, choices, verdict_on
from schema.context import Info
from schema.loaders.accounts import accounts_by_id
from schema.models.contests import Contest as ContestRow
from schema.models.contests import ContestState
from schema.services.grading import stored_grade
from schema.types.accounts import Account
from schema.types.base import Node, global_id
from schema.types.concepts import Concept, Span
from schema.types.enums import describe_enum
from schema.types.languages import spoken

if TYPE_CHECKING:
    from schema.types.attempts import Answer

describe_enum(
    ContestState,
    "ContestState",
    "Where a contest stands.",
    "Nobody has ruled on it yet.",
    "The ruling is more favourable to the student than the automatic mark.",
    "The ruling is not.",
)
describe_enum(
    RuledVerdict,
    "RuledVerdict",
    "What an answer says about a concept: the first four of what is expected, the others of what is not.",
    "It states it.",
    "It states it in part.",
    "It does not speak of it.",
    "It denies it, or states what excludes it.",
    "It does not state it after all.",
    "It states it, which costs nothing.",
    "It states it, and it cannot be true beside the key.",
)


@strawberry.type(description="A concept of a mark that the student contests, and a teacher's ruling on it.")
class Contest(Node):
    """A contest; made once for each concept of an answer."""

    row: strawberry.Private[ContestRow]
    answer: Annotated["Answer", strawberry.lazy("schema.types.attempts")] = strawberry.field(
        description="The answer whose mark it is about."
    )
    state: ContestState = strawberry.field(description="Where it stands.")
    statement: str = strawberry.field(description="What the student says; may be empty.")
    created_at: datetime = strawberry.field(description="When it was made.")
    verdict: RuledVerdict | None = strawberry.field(description="The ruling; null while there is none.")
    explanation: str = strawberry.field(description="What the teacher says to it; may be empty.")
    ruled_at: datetime | None = strawberry.field(description="When it was last ruled on; null before that.")
    revision: int = strawberry.field(description="Number of its latest change; a ruling must name it.")

    @strawberry.field(description="The contested concept.")
    def concept(self, info: Info) -> Concept:
        """Look it up."""
        return Concept.coded(self.row.concept_id, info.context)

    @strawberry.field(description="What the automatic mark says of the concept.")
    def automatic_verdict(self) -> RuledVerdict | None:
        """Read the kept mark."""
        return self._automatic()

    @strawberry.field(description="Why, in the viewer's language; may be empty.")
    def automatic_feedback(self, info: Info) -> str:
        """Word the kept mark."""
        stored = stored_grade(self.answer.row.grade or {})
        ontology = info.context.services.shelf.of(stored.ontology_version).ontology
        told = stored.automatic_feedback(ontology, spoken(info.context))
        return told.get(self.row.concept_id, "")

    @strawberry.field(description="The words of the answer that it rests on.")
    def automatic_spans(self) -> list[Span]:
        """Read the kept mark."""
        row = self.answer.row
        spans = stored_grade(row.grade or {}).automatic_spans(self.row.concept_id)
        return [Span.of(span, row.text) for span in spans]

    @strawberry.field(description="What may be ruled, the most favourable first.")
    def choices(self) -> list[RuledVerdict]:
        """Tell an expected concept from a claim."""
        automatic = self._automatic()
        return [] if automatic is None else list(choices(automatic))

    @strawberry.field(description="Who ruled; null before that.")
    async def ruled_by(self, info: Info) -> Account | None:
        """Load the teacher."""
        if self.row.ruled_by_id is None:
            return None
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.ruled_by_id))

    def _automatic(self) -> RuledVerdict | None:
        return verdict_on(stored_grade(self.answer.row.grade or {}).automatic, self.row.concept_id)

    @classmethod
    def of(cls, row: ContestRow, answer: "Answer") -> "Contest":
        """Return the node of a row, which holds the answer it is about."""
        return cls(
            id=global_id("Contest", row.id or 0),
            row=row,
            answer=answer,
            state=ContestState(row.state),
            statement=row.statement,
            created_at=row.created_at,
            verdict=RuledVerdict(row.verdict) if row.verdict is not None else None,
            explanation=row.explanation,
            ruled_at=row.ruled_at,
            revision=row.revision,
        )
