"""Alerts on models and their rules, as the API shows them."""

from datetime import datetime

import strawberry
from sqlmodel import Session

from schema.context import Context, Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.alerts import alert_of_rules, mails_of_alerts, rules_by_id
from schema.loaders.models import versions_by_id
from schema.models.alerts import Alert as AlertRow
from schema.models.alerts import (
    AlertCause,
    AlertComparison,
    AlertEnding,
    AlertMail,
    AlertMetric,
    AlertState,
    MailFault,
    MailState,
)
from schema.models.alerts import AlertRule as RuleRow
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily
from schema.services.alert_rules import AlertRules
from schema.services.alerts import Alerts
from schema.types.accounts import Account
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum
from schema.types.models import ModelVersion

describe_enum(
    AlertMetric,
    "AlertMetric",
    "What a rule of alerts looks at, over its days.",
    "Predictions a day, of days that are over: today is left out.",
    "The share of predictions that a model had a part in, 0 to 1.",
    "95 % of predictions took no longer, in milliseconds.",
    "The mean of the predictions' confidence, 0 to 1.",
    "The share of opinions that find a prediction wrong, 0 to 1; of 30 opinions at least, on as many "
    "predictions as an interval needs (`FeedbackErrorRate.judgedMinimum`).",
    "The share of predictions of low or insufficient quality, 0 to 1.",
    "The largest population stability index among features that are alarms of drift; 0 where none is. Of a "
    "family it is the champion's; of 50 predictions at least, of days that are over, and only above a "
    "threshold.",
)
describe_enum(
    AlertComparison,
    "AlertComparison",
    "Which side of its threshold a rule does not want.",
    "Above it.",
    "Below it.",
)
describe_enum(
    AlertCause,
    "AlertCause",
    "What opened an alert.",
    "A rule.",
    "Many opinions since a model last learnt.",
    "Readers find a model wrong too often.",
    "A version of a model cannot be loaded.",
)
describe_enum(
    AlertState,
    "AlertState",
    "What became of an alert.",
    "Nobody looks after it yet.",
    "Somebody does.",
    "It is over. What is wrong later, or again, opens another one.",
)
describe_enum(
    AlertEnding,
    "AlertEnding",
    "Why an alert was closed.",
    "Somebody closed it. While its condition goes on, its rule opens no other one.",
    "All was well again for an hour.",
    "Its rule was changed.",
    "Its rule was deleted.",
    "The version it is about is withdrawn, and answers no more.",
    "The model was trained, or another version was put to use.",
)
describe_enum(
    MailFault,
    "MailFault",
    "Why a letter did not leave.",
    "The mail server does not answer.",
    "It does not encrypt, or its certificate cannot be trusted.",
    "It does not let this site in.",
    "It refuses the letter.",
    "The account has no usable address, or may see alerts no more.",
)


@strawberry.type(description="How many readers were written to about an alert.")
class AlertMailing:
    """Letters, counted."""

    sent: int = strawberry.field(description="Letters that the mail server took.")
    waiting: int = strawberry.field(description="Those that are to be sent, for the first time or again.")
    failed: int = strawberry.field(description="Those that were given up.")
    fault: MailFault | None = strawberry.field(
        description="Why the last one did not leave; null where each did."
    )

    @classmethod
    def of(cls, rows: list[AlertMail]) -> "AlertMailing":
        """Count."""
        states = [row.state for row in rows]
        faults = [row.fault for row in rows if row.fault]
        return cls(
            sent=states.count(MailState.SENT.value),
            waiting=states.count(MailState.WAITING.value),
            failed=states.count(MailState.DEAD.value),
            fault=MailFault(faults[-1]) if faults else None,
        )


@strawberry.type(description="What is to be told of a family of models, or of one version.")
class AlertRule(Node):
    """A rule and its last figure."""

    row: strawberry.Private[RuleRow]
    name: str = strawberry.field(description="What people call it.")
    family: ModelFamily = strawberry.field(description="Which models it is about.")
    metric: AlertMetric = strawberry.field(description="What it looks at.")
    comparison: AlertComparison = strawberry.field(description="Which side of the threshold is not wanted.")
    threshold: float = strawberry.field(description="In the metric's own unit.")
    days: int = strawberry.field(
        description="Over so many days in UTC, today the last, unless it says otherwise."
    )
    minimum: int = strawberry.field(
        description="Of fewer predictions, or opinions, it says nothing; has no part in a volume."
    )
    webhooks: bool = strawberry.field(description="Whether administrators' webhooks are told as well.")
    value: float | None = strawberry.field(description="The figure of the last look; null of too few.")
    count: int | None = strawberry.field(description="Of how many it is; null before the first look.")
    looked_at: datetime | None = strawberry.field(
        description="When it was looked at; null before the first time."
    )
    quiet: bool = strawberry.field(
        description="Whether somebody closed its alert while the condition goes on: until then none opens."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    revision: int = strawberry.field(description="Number of its latest change; an update must name it.")

    @strawberry.field(description="The one version it is about; null for all of the family.")
    async def model_version(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        return await _version(info, self.row.version_id)

    @strawberry.field(description="Who is written to, beside what everybody who sees alerts sees.")
    async def readers(self, info: Info) -> list[Account]:
        """Load the accounts."""
        rows = await info.context.loaders.of(accounts_by_id).load_many(self.row.readers)
        return [Account.of(row) for row in rows]

    @strawberry.field(description="Who made it.")
    async def created_by(self, info: Info) -> Account:
        """Load the account."""
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.created_by))

    @strawberry.field(description="Its alert that is not closed; null when there is none.")
    async def alert(self, info: Info) -> "Alert | None":
        """Load the alert."""
        row = await info.context.loaders.of(alert_of_rules).load(self.row.id or 0)
        return None if row is None else Alert.of(row)

    @classmethod
    def of(cls, row: RuleRow) -> "AlertRule":
        """Return the node of a row."""
        return cls(
            id=global_id("AlertRule", row.id or 0),
            row=row,
            name=row.name,
            family=ModelFamily(row.family),
            metric=AlertMetric(row.metric),
            comparison=AlertComparison(row.comparison),
            threshold=row.threshold,
            days=row.days,
            minimum=row.minimum,
            webhooks=row.webhooks,
            value=row.value,
            count=row.count,
            looked_at=row.looked_at,
            quiet=row.quiet,
            created_at=row.created_at,
            revision=row.revision,
        )


@strawberry.type(description="Something that is or was wrong with a model.")
class Alert(Node):
    """An alert; what its rule said as it opened stays."""

    row: strawberry.Private[AlertRow]
    cause: AlertCause = strawberry.field(description="What opened it.")
    family: ModelFamily = strawberry.field(description="Which models it is about.")
    alias: ModelAlias | None = strawberry.field(
        description="Under which alias a version cannot be loaded; null of other causes."
    )
    name: str = strawberry.field(description="The rule's name; empty of other causes.")
    metric: AlertMetric | None = strawberry.field(
        description="What the rule looked at; null of other causes."
    )
    comparison: AlertComparison | None = strawberry.field(description="Which side was not wanted; the same.")
    threshold: float | None = strawberry.field(
        description="The rule's threshold; of `FEEDBACK` the opinions that were enough, of `ERROR_RATE` the "
        "share of errors that was too large."
    )
    days: int | None = strawberry.field(description="Over so many days; null of other causes.")
    value: float | None = strawberry.field(
        description="The figure as it opened; of `FEEDBACK` and `ERROR_RATE` how often it was found wrong."
    )
    count: int | None = strawberry.field(description="Of how many predictions, or opinions.")
    latest: float | None = strawberry.field(description="The figure of the last look; null of other causes.")
    reader_count: int | None = strawberry.field(
        description="Whose opinions they were, of `FEEDBACK` and `ERROR_RATE`; null of others."
    )
    judged_count: int | None = strawberry.field(
        description="On how many predictions (recordings, visits) they were; null likewise."
    )
    state: AlertState = strawberry.field(description="What became of it.")
    opened_at: datetime = strawberry.field(description="When it opened.")
    normal_since: datetime | None = strawberry.field(
        description="Since when all is well again; null while it is not. After an hour it closes by itself."
    )
    acknowledged_at: datetime | None = strawberry.field(description="When somebody acknowledged it.")
    closed_at: datetime | None = strawberry.field(description="When it was closed; null while it is not.")
    ending: AlertEnding | None = strawberry.field(description="Why it was closed; null while it is not.")
    note: str = strawberry.field(description="What whoever closed it had to say, names overwritten.")
    revision: int = strawberry.field(
        description="Number of its latest change; whoever settles it must name it."
    )

    @strawberry.field(
        description="The rule that opened it; null of other causes, and of one that is deleted."
    )
    async def rule(self, info: Info) -> AlertRule | None:
        """Load the rule."""
        if self.row.rule_id is None:
            return None
        row = await info.context.loaders.of(rules_by_id).load(self.row.rule_id)
        return None if row is None else AlertRule.of(row)

    @strawberry.field(description="The one version it is about; null where it is about all.")
    async def model_version(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        return await _version(info, self.row.version_id)

    @strawberry.field(description="Who acknowledged it; null while nobody has.")
    async def acknowledged_by(self, info: Info) -> Account | None:
        """Load the account."""
        return await _account(info, self.row.acknowledged_by)

    @strawberry.field(description="Who closed it; null where nobody had to.")
    async def closed_by(self, info: Info) -> Account | None:
        """Load the account."""
        return await _account(info, self.row.closed_by)

    @strawberry.field(description="What became of letters about it.")
    async def mailing(self, info: Info) -> AlertMailing:
        """Count the letters."""
        return AlertMailing.of(await info.context.loaders.of(mails_of_alerts).load(self.row.id or 0))

    @classmethod
    def of(cls, row: AlertRow) -> "Alert":
        """Return the node of a row."""
        return cls(
            id=global_id("Alert", row.id or 0),
            row=row,
            cause=AlertCause(row.cause),
            family=ModelFamily(row.family),
            alias=ModelAlias(row.alias) if row.alias else None,
            name=row.name,
            metric=AlertMetric(row.metric) if row.metric else None,
            comparison=AlertComparison(row.comparison) if row.comparison else None,
            threshold=row.threshold,
            days=row.days,
            value=row.value,
            count=row.count,
            latest=row.latest,
            reader_count=row.readers,
            judged_count=row.judged,
            state=AlertState(row.state),
            opened_at=row.opened_at,
            normal_since=row.normal_since,
            acknowledged_at=row.acknowledged_at,
            closed_at=row.closed_at,
            ending=AlertEnding(row.ending) if row.ending else None,
            note=row.note,
            revision=row.revision,
        )


async def _version(info: Info, key: int | None) -> ModelVersion | None:
    if key is None:
        return None
    return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(key))


async def _account(info: Info, key: int | None) -> Account | None:
    if key is None:
        return None
    return Account.of(await info.context.loaders.of(accounts_by_id).load(key))


def alerts_for(session: Session, context: Context) -> Alerts:
    """Return the viewer's way to alerts."""
    services = context.services
    return Alerts(session, context.viewer, services.clock, services.shelf.current.masker)


def rules_for(session: Session, context: Context) -> AlertRules:
    """Return the viewer's way to rules."""
    return AlertRules(session, context.viewer, context.services.clock)
