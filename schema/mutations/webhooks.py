"""Having addresses told of what happens; their secrets are shown once."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.errors import ValidationFailedError
from schema.models.webhooks import WebhookEvent
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.outbound import CheckedUrl
from schema.services.signing import secret_of
from schema.services.webhooks import NewSecret, Webhooks
from schema.types.base import local_key
from schema.types.webhooks import Webhook, WebhookDelivery


@strawberry.input(description="An address to tell of what happens.")
class CreateWebhookInput:
    """Where, and of what."""

    url: str = strawberry.field(description="An https address on the internet, at most 2,000 characters.")
    events: list[WebhookEvent] = strawberry.field(description="What it is told of, one at least.")


@strawberry.input(description="Changes to a webhook; what is left out stays.")
class UpdateWebhookInput:
    """A webhook and what changes."""

    id: strawberry.ID = strawberry.field(description="The webhook.")
    revision: int = strawberry.field(description="The revision the change was made on.")
    url: str | None = strawberry.field(default=None, description="Another address.")
    events: list[WebhookEvent] | None = strawberry.field(
        default=None, description="What it is told of instead."
    )
    active: bool | None = strawberry.field(
        default=None, description="False pauses it; true has it told again, what waited first."
    )


@strawberry.input(description="A webhook.")
class WebhookInput:
    """A webhook to do something with."""

    id: strawberry.ID = strawberry.field(description="The webhook.")


@strawberry.input(description="A message to send again.")
class RedeliverInput:
    """A delivery."""

    id: strawberry.ID = strawberry.field(description="The delivery.")


@strawberry.type(description="A webhook with its new secret, which is shown this once.")
class WebhookSecret:
    """The webhook and its secret."""

    webhook: Webhook = strawberry.field(description="The webhook.")
    secret: str = strawberry.field(
        description="What its messages are signed with: `whsec_` and base64, as Standard Webhooks has it."
    )


@strawberry.type(description="A webhook that is no more.")
class DeletedWebhook:
    """What is left of it."""

    webhook_id: strawberry.ID = strawberry.field(description="The id it had.")


CreateWebhookResult = Annotated[
    WebhookSecret | Refusal,
    strawberry.union("CreateWebhookResult", description="The webhook and its secret, or why there is none."),
]
UpdateWebhookResult = Annotated[
    Webhook | Refusal,
    strawberry.union("UpdateWebhookResult", description="The changed webhook, or why it stayed."),
]
RotateWebhookSecretResult = Annotated[
    WebhookSecret | Refusal,
    strawberry.union("RotateWebhookSecretResult", description="The new secret, or why there is none."),
]
DeleteWebhookResult = Annotated[
    DeletedWebhook | Refusal,
    strawberry.union("DeleteWebhookResult", description="The id it had, or why it stayed."),
]
SendTestEventResult = Annotated[
    WebhookDelivery | Refusal,
    strawberry.union("SendTestEventResult", description="The message on its way, or why there is none."),
]
RedeliverResult = Annotated[
    WebhookDelivery | Refusal,
    strawberry.union("RedeliverResult", description="The message on its way, or why it is not."),
]
RedeliverDeadResult = Annotated[
    Webhook | Refusal,
    strawberry.union("RedeliverDeadResult", description="The webhook, or why nothing was sent."),
]


@strawberry.type
class WebhookMutations:
    """Changes to the viewer's own webhooks."""

    @mutation_field(Scope.WEBHOOKS, "Has an address told of events from now on.")
    async def create_webhook(self, info: Info, input: CreateWebhookInput) -> CreateWebhookResult:  # noqa: A002
        """Make it."""
        context, viewer, services = info.context, info.context.viewer, info.context.services
        await context.read(lambda session: Webhooks(session, viewer, services.clock).check_room())
        url = await _checked(info, input.url)
        made = await context.write(
            lambda session: Webhooks(session, viewer, services.clock).create(url, input.events)
        )
        return _shown(info, made)

    @mutation_field(Scope.WEBHOOKS, "Changes a webhook, pauses it or makes it active again.")
    async def update_webhook(self, info: Info, input: UpdateWebhookInput) -> UpdateWebhookResult:  # noqa: A002
        """Change it."""
        key, viewer, services = local_key(input.id, "Webhook"), info.context.viewer, info.context.services
        await info.context.read(lambda session: Webhooks(session, viewer, services.clock).get(key))
        url = None if input.url is None else await _checked(info, input.url)
        row = await info.context.write(
            lambda session: Webhooks(session, viewer, services.clock).update(
                key, input.revision, url=url, events=input.events, active=input.active
            )
        )
        return Webhook.of(row)

    @mutation_field(Scope.WEBHOOKS, "Replaces a webhook's secret; the one before signs as well for a day.")
    async def rotate_webhook_secret(
        self,
        info: Info,
        input: WebhookInput,  # noqa: A002
    ) -> RotateWebhookSecretResult:
        """Replace it."""
        key, viewer, clock = local_key(input.id, "Webhook"), info.context.viewer, info.context.services.clock
        made = await info.context.write(lambda session: Webhooks(session, viewer, clock).rotate(key))
        return _shown(info, made)

    @mutation_field(Scope.WEBHOOKS, "Forgets a webhook with all that it was or was to be told.")
    async def delete_webhook(self, info: Info, input: WebhookInput) -> DeleteWebhookResult:  # noqa: A002
        """Delete it."""
        key, viewer, clock = local_key(input.id, "Webhook"), info.context.viewer, info.context.services.clock
        await info.context.write(lambda session: Webhooks(session, viewer, clock).delete(key))
        return DeletedWebhook(webhook_id=input.id)

    @mutation_field(Scope.WEBHOOKS, "Sends a test event; while one waits, that one is answered.")
    async def send_test_event(self, info: Info, input: WebhookInput) -> SendTestEventResult:  # noqa: A002
        """Send it."""
        key, viewer, clock = local_key(input.id, "Webhook"), info.context.viewer, info.context.services.clock
        row = await info.context.write(lambda session: Webhooks(session, viewer, clock).test(key))
        return WebhookDelivery.of(row)

    @mutation_field(Scope.WEBHOOKS, "Sends a message again, whatever became of it.")
    async def redeliver(self, info: Info, input: RedeliverInput) -> RedeliverResult:  # noqa: A002
        """Send it again."""
        key, viewer = local_key(input.id, "WebhookDelivery"), info.context.viewer
        clock = info.context.services.clock
        row = await info.context.write(lambda session: Webhooks(session, viewer, clock).redeliver(key))
        return WebhookDelivery.of(row)

    @mutation_field(Scope.WEBHOOKS, "Sends every message again that was given up.")
    async def redeliver_dead(self, info: Info, input: WebhookInput) -> RedeliverDeadResult:  # noqa: A002
        """Send them again."""
        key, viewer, clock = local_key(input.id, "Webhook"), info.context.viewer, info.context.services.clock
        row = await info.context.write(lambda session: Webhooks(session, viewer, clock).redeliver_dead(key))
        return Webhook.of(row)


async def _checked(info: Info, url: str) -> CheckedUrl:
    services, account_id = info.context.services, info.context.viewer.account_id
    if services.lookups.available_tokens < 1:
        raise ValidationFailedError.of("url", "lookups_busy")
    return await to_thread.run_sync(services.outbound.check, url, account_id, limiter=services.lookups)


def _shown(info: Info, made: NewSecret) -> WebhookSecret:
    secret = secret_of(made.webhook.salt, info.context.services.passwords)
    return WebhookSecret(webhook=Webhook.of(made.webhook), secret=secret)
