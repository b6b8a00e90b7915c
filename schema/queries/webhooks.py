"""The viewer's own webhooks."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.webhooks import Webhooks
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.webhooks import Webhook


@strawberry.type
class WebhookQueries:
    """Queries about webhooks."""

    @query_field(Scope.WEBHOOKS, "One of the viewer's webhooks; null when there is none.")
    async def webhook(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The webhook's id.")],  # noqa: A002
    ) -> Webhook | None:
        """Return one webhook."""
        key, viewer, clock = local_key(id, "Webhook"), info.context.viewer, info.context.services.clock
        return Webhook.of(await info.context.read(lambda session: Webhooks(session, viewer, clock).get(key)))

    @query_field(Scope.WEBHOOKS, "The viewer's own webhooks, newest first.")
    async def webhooks(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Webhook]:
        """Return a page of webhooks."""
        request = PageRequest.of(first, after, last, before)
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(lambda session: Webhooks(session, viewer, clock).page(request))
        return connection(page, Webhook.of)
