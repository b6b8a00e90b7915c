"""Settling what the rules and a language model read differently."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.models.disagreements import DisagreementVerdict
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.disagreements import Disagreements
from schema.types.base import local_key
from schema.types.disagreements import MatcherDisagreement


@strawberry.input(description="A disagreement and who was right.")
class SettleDisagreementInput:
    """An expert's word."""

    id: strawberry.ID = strawberry.field(description="The disagreement.")
    verdict: DisagreementVerdict = strawberry.field(description="Who was right.")


SettleDisagreementResult = Annotated[
    MatcherDisagreement | Refusal,
    strawberry.union("SettleDisagreementResult", description="The settled disagreement, or why it was left."),
]


@strawberry.type
class DisagreementMutations:
    """Mutations of disagreements."""

    @mutation_field(Scope.DISAGREEMENTS, "Say who read a text rightly; a later word replaces an earlier one.")
    async def settle_disagreement(
        self,
        info: Info,
        input: SettleDisagreementInput,  # noqa: A002
    ) -> SettleDisagreementResult:
        """Settle it."""
        viewer, clock = info.context.viewer, info.context.services.clock
        key = local_key(input.id, "MatcherDisagreement")
        row = await info.context.write(
            lambda session: Disagreements(session, clock, viewer).settle(key, input.verdict)
        )
        return MatcherDisagreement.of(row, info.context)
