"""Webhooks as the API shows them: never their secret, but once."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.context import Info
from schema.models.webhooks import DeliveryFault, DeliveryState, WebhookEvent, WebhookState
from schema.models.webhooks import Webhook as WebhookRow
from schema.models.webhooks import WebhookDelivery as DeliveryRow
from schema.services.webhooks import Webhooks
from schema.types.arguments import After, Before, First, Last, page_request
from schema.types.base import Connection, Node, connection, global_id
from schema.types.enums import describe_enum

describe_enum(
    WebhookEvent,
    "WebhookEvent",
    "What an address can be told of.",
    "An attempt was handed in, by the student or at its deadline. `data`: `attemptId`, `sessionId`.",
    "A mark was contested or ruled on. `data`: those two, `answerId`, `contestId`, and why as `cause`.",
    "Another version of a model answers. Administrators only. `data`: `modelId`, `modelVersionId`, the "
    "`alias`, and why as `cause`.",
    "Something is wrong with a model. Administrators only. `data`: `alertId`, the model's `family`, why as "
    "`cause`; of a rule `alertRuleId` and `metric` as well, of a version that cannot be loaded what "
    "`model.promoted` has.",
    "It is closed. Administrators only. `data`: as above, and why it was closed as `ending`.",
    "What `sendTestEvent` sends; not to be chosen. `data`: `webhookId`.",
)
describe_enum(
    WebhookState,
    "WebhookState",
    "Whether an address is told anything.",
    "It is told.",
    "Its owner paused it, or its token has ended: what happens meanwhile is not kept for it, what waited "
    "goes out afterwards.",
    "It answered 410: as paused, until its owner makes it active again.",
)
describe_enum(
    DeliveryState,
    "DeliveryState",
    "What became of a message.",
    "It is to be sent, for the first time or again.",
    "It was answered with a 2xx status.",
    "It was given up: after the last try, or for a 410.",
)
describe_enum(
    DeliveryFault,
    "DeliveryFault",
    "Why a message did not arrive.",
    "The host's name stands for no address, or for one that may not be posted to.",
    "There was no connection, or no sound answer.",
    "There was no answer within 10 seconds.",
    "A 3xx status was answered: redirects are not followed.",
    "Another status was answered.",
    "410 was answered.",
)


@strawberry.type(description="A message to one address.")
class WebhookDelivery(Node):
    """A delivery, without what was answered: only how."""

    event_id: str = strawberry.field(
        description="The header `webhook-id`: the same at every try, and for every address."
    )
    event: WebhookEvent = strawberry.field(description="What it tells of.")
    body: str = strawberry.field(description="What is sent: JSON, the same bytes at every try.")
    state: DeliveryState = strawberry.field(description="What became of it.")
    tries: int = strawberry.field(description="How often it was tried since it was last asked for.")
    status: int | None = strawberry.field(
        description="The last try's HTTP status; null when nothing was answered."
    )
    latency_ms: int | None = strawberry.field(
        description="How long the last try took, in milliseconds; null before the first."
    )
    fault: DeliveryFault | None = strawberry.field(
        description="Why the last try failed; null when it did not."
    )
    created_at: datetime = strawberry.field(description="When it happened.")
    tried_at: datetime | None = strawberry.field(description="When it was last tried; null before the first.")
    due_at: datetime | None = strawberry.field(
        description="Not tried again before; null when it will not be tried again by itself."
    )

    @classmethod
    def of(cls, row: DeliveryRow) -> "WebhookDelivery":
        """Return the node of a row."""
        return cls(
            id=global_id("WebhookDelivery", row.id or 0),
            event_id=row.event_id,
            event=WebhookEvent(row.event),
            body=row.body,
            state=DeliveryState(row.state),
            tries=row.tries,
            status=row.status,
            latency_ms=row.latency_ms,
            fault=DeliveryFault(row.fault) if row.fault else None,
            created_at=row.created_at,
            tried_at=row.tried_at,
            due_at=row.due_at if row.state == DeliveryState.WAITING.value else None,
        )


@strawberry.type(description="An address that is told of what happens, signed; its owner alone sees it.")
class Webhook(Node):
    """A webhook without its secret."""

    row: strawberry.Private[WebhookRow]
    url: str = strawberry.field(description="Where messages are posted.")
    events: list[WebhookEvent] = strawberry.field(description="What it is told of.")
    state: WebhookState = strawberry.field(description="Whether it is told anything.")
    failures: int = strawberry.field(description="Tries that failed since one succeeded.")
    resting_until: datetime | None = strawberry.field(
        description="Nothing is sent before: it asked for time, or failed again and again. Null otherwise."
    )
    previous_secret_until: datetime | None = strawberry.field(
        description="Until when the secret before this one signs as well; null when there is none."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    revision: int = strawberry.field(description="Number of its latest change; an update must name it.")

    @strawberry.field(description="Messages to it, newest first; kept for 30 days.")
    async def deliveries(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        state: Annotated[
            DeliveryState | None, strawberry.argument(description="Only those of which this became.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[WebhookDelivery]:
        """Load a page."""
        request = page_request(info, first, after, last, before)
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(
            lambda session: Webhooks(session, viewer, clock).deliveries(self.row.id or 0, request, state)
        )
        return connection(page, WebhookDelivery.of)

    @classmethod
    def of(cls, row: WebhookRow) -> "Webhook":
        """Return the node of a row."""
        return cls(
            id=global_id("Webhook", row.id or 0),
            row=row,
            url=row.url,
            events=[WebhookEvent(event) for event in row.events],
            state=WebhookState(row.state),
            failures=row.failures,
            resting_until=row.resting_until,
            previous_secret_until=row.previous_until,
            created_at=row.created_at,
            revision=row.revision,
        )
