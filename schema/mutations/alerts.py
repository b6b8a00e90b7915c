"""Rules of alerts, and settling alerts."""

from typing import Annotated, Any

import strawberry

from schema.context import Info
from schema.errors import NotFoundError
from schema.models.alerts import AlertComparison, AlertMetric
from schema.models.predictions import ModelFamily
from schema.permissions import Refusal, mutation_field
from schema.policy import Actor, Scope
from schema.services.alert_rules import RuleFields
from schema.services.feedback_statistics import LEAST
from schema.types.alerts import Alert, AlertRule, alerts_for, rules_for
from schema.types.base import local_key


@strawberry.input(description="A rule of alerts.")
class CreateAlertRuleInput:
    """What a rule is made of."""

    name: str = strawberry.field(description="What people call it, at most 100 characters.")
    family: ModelFamily = strawberry.field(description="Which models it is about.")
    metric: AlertMetric = strawberry.field(description="What it looks at.")
    comparison: AlertComparison = strawberry.field(description="Which side of the threshold is not wanted.")
    threshold: float = strawberry.field(description="In the metric's own unit: shares from 0 to 1.")
    days: int = strawberry.field(default=1, description="Over so many days in UTC, 1 to 90.")
    minimum: int = strawberry.field(
        default=LEAST,
        description="Of fewer predictions, or opinions (30 at least), it says nothing; no part in a volume.",
    )
    model_version_id: strawberry.ID | None = strawberry.field(
        default=None, description="One version; all of the family when left out."
    )
    reader_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Whom to write to, among `alertReaders`; at most 20."
    )
    webhooks: bool = strawberry.field(
        default=False,
        description="Whether administrators' webhooks are told (`alert.opened`, `alert.closed`).",
    )


@strawberry.input(description="Fields of a rule to change; what is left out stays.")
class UpdateAlertRuleInput:
    """Changes to a rule."""

    id: strawberry.ID = strawberry.field(description="The rule.")
    revision: int = strawberry.field(description="The revision the change was made on.")
    name: str | None = strawberry.field(default=None, description="At most 100 characters.")
    family: ModelFamily | None = strawberry.field(default=None, description="Which models it is about.")
    metric: AlertMetric | None = strawberry.field(default=None, description="What it looks at.")
    comparison: AlertComparison | None = strawberry.field(
        default=None, description="Which side of the threshold is not wanted."
    )
    threshold: float | None = strawberry.field(default=None, description="In the metric's own unit.")
    days: int | None = strawberry.field(default=None, description="Over so many days, 1 to 90.")
    minimum: int | None = strawberry.field(default=None, description="Of fewer it says nothing.")
    model_version_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="One version; null for all of the family."
    )
    reader_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Whom to write to instead; an empty list writes to nobody."
    )
    webhooks: bool | None = strawberry.field(default=None, description="Whether webhooks are told.")


@strawberry.input(description="A rule to forget.")
class DeleteAlertRuleInput:
    """A rule."""

    id: strawberry.ID = strawberry.field(description="The rule.")
    revision: int = strawberry.field(description="The revision that was read.")


@strawberry.input(description="An alert that somebody looks after.")
class AcknowledgeAlertInput:
    """An alert."""

    id: strawberry.ID = strawberry.field(description="The alert.")
    revision: int = strawberry.field(description="The revision that was read.")


@strawberry.input(description="An alert to close.")
class CloseAlertInput:
    """An alert and a note."""

    id: strawberry.ID = strawberry.field(description="The alert.")
    revision: int = strawberry.field(description="The revision that was read.")
    note: str = strawberry.field(
        default="", description="What is to be remembered, at most 1,000 characters; names are overwritten."
    )


@strawberry.type(description="A rule that is no more.")
class DeletedAlertRule:
    """What is left of it."""

    alert_rule_id: strawberry.ID = strawberry.field(description="The id it had.")


CreateAlertRuleResult = Annotated[
    AlertRule | Refusal,
    strawberry.union("CreateAlertRuleResult", description="The new rule, or why there is none."),
]
UpdateAlertRuleResult = Annotated[
    AlertRule | Refusal,
    strawberry.union("UpdateAlertRuleResult", description="The changed rule, or why it stayed."),
]
DeleteAlertRuleResult = Annotated[
    DeletedAlertRule | Refusal,
    strawberry.union("DeleteAlertRuleResult", description="The id it had, or why it stayed."),
]
AcknowledgeAlertResult = Annotated[
    Alert | Refusal, strawberry.union("AcknowledgeAlertResult", description="The alert, or why it was left.")
]
CloseAlertResult = Annotated[
    Alert | Refusal, strawberry.union("CloseAlertResult", description="The alert, or why it stayed open.")
]


@strawberry.type
class AlertMutations:
    """What analysts and administrators decide about alerts."""

    @mutation_field(Scope.ALERTS, "Has figures of a model looked after from now on.")
    async def create_alert_rule(self, info: Info, input: CreateAlertRuleInput) -> CreateAlertRuleResult:  # noqa: A002
        """Make the rule."""
        context = info.context
        fields = RuleFields(
            name=input.name,
            family=input.family,
            metric=input.metric,
            comparison=input.comparison,
            threshold=input.threshold,
            days=input.days,
            minimum=input.minimum,
            version_id=_version_key(context.viewer, input.model_version_id),
            readers=[_account_key(each) for each in input.reader_ids],
            webhooks=input.webhooks,
        )
        return AlertRule.of(await context.write(lambda session: rules_for(session, context).create(fields)))

    @mutation_field(Scope.ALERTS, "Changes a rule; another condition closes the alert of the one before.")
    async def update_alert_rule(self, info: Info, input: UpdateAlertRuleInput) -> UpdateAlertRuleResult:  # noqa: A002
        """Change what was given."""
        key, context = local_key(input.id, "AlertRule"), info.context
        changes = _changes(context.viewer, input)
        row = await context.write(
            lambda session: rules_for(session, context).update(key, input.revision, changes)
        )
        return AlertRule.of(row)

    @mutation_field(Scope.ALERTS, "Forgets a rule; its alerts stay, and the one that is not closed is.")
    async def delete_alert_rule(self, info: Info, input: DeleteAlertRuleInput) -> DeleteAlertRuleResult:  # noqa: A002
        """Delete it."""
        key, context = local_key(input.id, "AlertRule"), info.context
        await context.write(lambda session: rules_for(session, context).delete(key, input.revision))
        return DeletedAlertRule(alert_rule_id=input.id)

    @mutation_field(Scope.ALERTS, "Says that the viewer looks after an alert.")
    async def acknowledge_alert(self, info: Info, input: AcknowledgeAlertInput) -> AcknowledgeAlertResult:  # noqa: A002
        """Acknowledge it."""
        key, context = local_key(input.id, "Alert"), info.context
        row = await context.write(
            lambda session: alerts_for(session, context).acknowledge(key, input.revision)
        )
        return Alert.of(row)

    @mutation_field(
        Scope.ALERTS, "Closes an alert; while its condition goes on, its rule opens no other one."
    )
    async def close_alert(self, info: Info, input: CloseAlertInput) -> CloseAlertResult:  # noqa: A002
        """Close it."""
        key, context = local_key(input.id, "Alert"), info.context
        row = await context.write(
            lambda session: alerts_for(session, context).close(key, input.revision, input.note)
        )
        return Alert.of(row)


def _changes(viewer: Actor, given: UpdateAlertRuleInput) -> dict[str, Any]:
    """Return what was given, by the names of `RuleFields`."""
    plain = ("name", "family", "metric", "comparison", "threshold", "days", "minimum", "webhooks")
    changes = {name: getattr(given, name) for name in plain if getattr(given, name) is not None}
    if given.model_version_id is not strawberry.UNSET:
        changes["version_id"] = _version_key(viewer, given.model_version_id)
    if given.reader_ids is not None:
        changes["readers"] = [_account_key(each) for each in given.reader_ids]
    return changes


def _version_key(viewer: Actor, identifier: strawberry.ID | None) -> int | None:
    """Return a version's key; raises NotFoundError for who may see none, as for none."""
    if identifier is None:
        return None
    if not viewer.may(Scope.MODELS_READ):
        raise NotFoundError
    return local_key(identifier, "ModelVersion")


def _account_key(identifier: strawberry.ID) -> int:
    """Return an account's key; what is no account's id becomes 0, which is no account's key either."""
    try:
        return local_key(identifier, "Account")
    except NotFoundError:
        return 0
