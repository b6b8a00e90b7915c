"""What of the viewer's imports waits to be settled."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.held_pages import held_page, page_of_held
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.held_pages import HeldPage


@strawberry.type
class HeldPageQueries:
    """Queries about held pages."""

    @query_field(Scope.CASES_WRITE, "One page that is held; null when there is none that the viewer sent.")
    async def held_page(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The page's id.")],  # noqa: A002
    ) -> HeldPage | None:
        """Return one page."""
        key, viewer = local_key(id, "HeldPage"), info.context.viewer
        return HeldPage.of(await info.context.read(lambda session: held_page(session, viewer, key)))

    @query_field(Scope.CASES_WRITE, "The pages the viewer sent that are held, first what was sent first.")
    async def held_pages(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[HeldPage]:
        """Return a page of them."""
        request, viewer = PageRequest.of(first, after, last, before), info.context.viewer
        page = await info.context.read(lambda session: page_of_held(session, viewer, request))
        return connection(page, HeldPage.of)
