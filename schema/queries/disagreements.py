"""What the rules and a language model read differently."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.models.disagreements import DisagreementVerdict
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.disagreements import Disagreements
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection
from schema.types.disagreements import MatcherDisagreement


@strawberry.input(description="Which disagreements to list; what is left out does not narrow.")
class DisagreementFilter:
    """Conditions that all hold."""

    settled: bool | None = strawberry.field(
        default=None, description="Only those that are settled, or that are not."
    )
    verdict: DisagreementVerdict | None = strawberry.field(default=None, description="Only those settled so.")


@strawberry.type
class DisagreementQueries:
    """Queries about disagreements."""

    @query_field(
        Scope.DISAGREEMENTS,
        "What the rules and a language model read differently, newest first; for experts and administrators.",
    )
    async def matcher_disagreements(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            DisagreementFilter | None, strawberry.argument(description="Which ones; all when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[MatcherDisagreement]:
        """Return a page of them."""
        request, clock = PageRequest.of(first, after, last, before), info.context.services.clock
        viewer, asked = info.context.viewer, filter or DisagreementFilter()
        page = await info.context.read(
            lambda session: Disagreements(session, clock, viewer).page(
                request, asked.verdict, settled=asked.settled
            )
        )
        return connection(page, lambda row: MatcherDisagreement.of(row, info.context))
