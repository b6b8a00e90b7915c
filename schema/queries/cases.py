"""Which cases there are, and one of them."""

from typing import Annotated, Any

import strawberry
from sqlalchemy import Row
from sqlmodel import Session

from schema.context import Info
from schema.models.cases import CaseCategory, CaseStatus
from schema.models.cases import Difficulty as CaseDifficulty
from schema.pagination import Page, PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.cases import CaseFilter as Filter
from schema.services.cases import CaseSort as CaseOrderField
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.cases import Case, cases_for, fetch_related
from schema.types.enums import OrderDirection, describe_enum

describe_enum(
    CaseOrderField,
    "CaseOrderField",
    "What cases are listed by.",
    "When they were last changed.",
    "When they were begun.",
    "Their names, whatever the case and the accents.",
)


@strawberry.input(description="Which cases to list; what is left out does not narrow.")
class CaseFilter:
    """Conditions that all hold."""

    search: str | None = strawberry.field(
        default=None, description="Words of the name, the description or the concepts, whatever the accents."
    )
    category: CaseCategory | None = strawberry.field(default=None, description="What they teach.")
    difficulty: CaseDifficulty | None = strawberry.field(default=None, description="How hard they are.")
    status: CaseStatus | None = strawberry.field(default=None, description="Where they stand.")
    mine: bool | None = strawberry.field(default=None, description="True for the viewer's own only.")


@strawberry.input(description="In what order to list cases.")
class CaseOrder:
    """A field and a direction."""

    field: CaseOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(description="Which way.")


NEWEST_FIRST = CaseOrder(field=CaseOrderField.UPDATED_AT, direction=OrderDirection.DESC)


@strawberry.type
class CaseQueries:
    """Queries about cases."""

    @query_field(Scope.CASES_READ, "One case; null when there is none the viewer may see.")
    async def case(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The case's id.")],  # noqa: A002
    ) -> Case | None:
        """Return one case."""
        key = local_key(id, "Case")
        return Case.of(await info.context.read(lambda session: cases_for(session, info.context).get(key)))

    @query_field(Scope.CASES_READ, "The viewer's own cases and the validated ones of colleagues.")
    async def cases(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            CaseFilter | None, strawberry.argument(description="Which cases; all when left out.")
        ] = None,
        order_by: Annotated[
            CaseOrder | None, strawberry.argument(description="Last changed first when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Case]:
        """Return a page of cases."""
        order = order_by or NEWEST_FIRST
        request = PageRequest.of(first, after, last, before)
        descending = order.direction is OrderDirection.DESC

        def read(session: Session) -> Page[Row[Any]]:
            cases = cases_for(session, info.context)
            page = cases.page(_conditions(filter), order.field, request, descending=descending)
            fetch_related(info, session, page.rows)
            return page

        return connection(await info.context.read(read), Case.of)


def _conditions(given: CaseFilter | None) -> Filter:
    if given is None:
        return Filter()
    return Filter(given.search, given.category, given.difficulty, given.status, mine=bool(given.mine))
