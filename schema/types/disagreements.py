"""What the rules and a language model read differently, as experts see it."""

from datetime import datetime

import strawberry

from ml.language.types import Polarity
from schema.context import Context, Info
from schema.loaders.audit import known_accounts
from schema.models.disagreements import Disagreement as DisagreementRow
from schema.models.disagreements import DisagreementVerdict, TextOrigin
from schema.types.accounts import Account
from schema.types.base import Node, global_id
from schema.types.concepts import Concept
from schema.types.enums import describe_enum

describe_enum(
    TextOrigin,
    "TextOrigin",
    "Who wrote a text.",
    "A teacher, describing a case.",
    "A student, in an answer.",
)
describe_enum(
    DisagreementVerdict,
    "DisagreementVerdict",
    "Which of the two readers was right.",
    "The rules.",
    "The language model.",
    "Neither.",
)


@strawberry.type(description="A concept that the rules and a language model read differently in one text.")
class MatcherDisagreement(Node):
    """A disagreement."""

    row: strawberry.Private[DisagreementRow]
    concept: Concept = strawberry.field(description="What it is about.")
    rules_polarity: Polarity | None = strawberry.field(
        description="What the rules read; null where they do not read the concept."
    )
    model_polarity: Polarity | None = strawberry.field(
        description="What the language model read; null where it does not read the concept."
    )
    origin: TextOrigin = strawberry.field(description="Who wrote the text.")
    sentence: str = strawberry.field(
        description="The sentence, masked; empty for an answer, once settled, and after 90 days."
    )
    matcher_version: str = strawberry.field(description="Model, edition of the question, rules and ontology.")
    created_at: datetime = strawberry.field(description="When it was noted.")
    verdict: DisagreementVerdict | None = strawberry.field(
        description="Who was right, as an expert settled it; null while nobody has."
    )
    settled_at: datetime | None = strawberry.field(description="When it was settled.")

    @strawberry.field(description="Who settled it.")
    async def settled_by(self, info: Info) -> Account | None:
        """Load the account."""
        if self.row.settled_by is None:
            return None
        account = await info.context.loaders.of(known_accounts).load(self.row.settled_by)
        return None if account is None else Account.of(account)

    @classmethod
    def of(cls, row: DisagreementRow, context: Context) -> "MatcherDisagreement":
        """Return the node of a row."""
        return cls(
            id=global_id("MatcherDisagreement", row.id or 0),
            row=row,
            concept=Concept.coded(row.concept_id, context),
            rules_polarity=Polarity(row.rules_polarity) if row.rules_polarity else None,
            model_polarity=Polarity(row.model_polarity) if row.model_polarity else None,
            origin=TextOrigin(row.origin),
            sentence=row.sentence,
            matcher_version=row.matcher_version,
            created_at=row.created_at,
            verdict=DisagreementVerdict(row.verdict) if row.verdict else None,
            settled_at=row.settled_at,
        )
