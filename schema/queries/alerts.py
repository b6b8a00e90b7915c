"""Alerts on models and their rules."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.models.alerts import AlertState
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.alerts import open_alert_count
from schema.types.accounts import Account
from schema.types.alerts import Alert, AlertRule, alerts_for, rules_for
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key

States = Annotated[
    list[AlertState] | None,
    strawberry.argument(description="Those in any of these states; all when left out."),
]


@strawberry.type
class AlertQueries:
    """Queries about alerts."""

    @query_field(Scope.ALERTS, "One alert; null when there is none.")
    async def alert(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The alert's id.")],  # noqa: A002
    ) -> Alert | None:
        """Return one alert."""
        key, context = local_key(id, "Alert"), info.context
        return Alert.of(await context.read(lambda session: alerts_for(session, context).get(key)))

    @query_field(Scope.ALERTS, "Alerts on models, newest first.")
    async def alerts(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        states: States = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Alert]:
        """Return a page of alerts."""
        request, context = PageRequest.of(first, after, last, before), info.context
        page = await context.read(lambda session: alerts_for(session, context).page(states, request))
        return connection(page, Alert.of)

    @query_field(Scope.ALERTS, "How many alerts nobody looks after yet.")
    async def open_alert_count(self, info: Info) -> int:
        """Count."""
        return await info.context.read(open_alert_count)

    @query_field(Scope.ALERTS, "One rule of alerts; null when there is none.")
    async def alert_rule(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The rule's id.")],  # noqa: A002
    ) -> AlertRule | None:
        """Return one rule."""
        key, context = local_key(id, "AlertRule"), info.context
        return AlertRule.of(await context.read(lambda session: rules_for(session, context).get(key)))

    @query_field(Scope.ALERTS, "Rules of alerts, newest first.")
    async def alert_rules(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AlertRule]:
        """Return a page of rules."""
        request, context = PageRequest.of(first, after, last, before), info.context
        page = await context.read(lambda session: rules_for(session, context).page(request))
        return connection(page, AlertRule.of)

    @query_field(
        Scope.ALERTS,
        "Whom the viewer may have written to about alerts: themselves, and as an administrator every analyst "
        "and administrator with an address. Nobody where the site has no mail server.",
    )
    async def alert_readers(self, info: Info) -> list[Account]:
        """Return the accounts."""
        context = info.context
        if context.services.alert_mails is None:
            return []
        rows = await context.read(lambda session: rules_for(session, context).choosable())
        return [Account.of(row) for row in rows]
