"""Models in figures, as the API shows them."""

from collections.abc import Mapping
from datetime import date

import strawberry

from schema.context import Info
from schema.loaders.models import versions_by_id
from schema.services.day_books import Slice
from schema.services.monitoring import Figures
from schema.services.spending import SpentDay
from schema.types.feedback import FeedbackErrorRate
from schema.types.models import ModelVersion

CONFIDENCE_PARTS = 10


@strawberry.type(description="How many predictions have something.")
class NamedCount:
    """A name and a number."""

    name: str = strawberry.field(description="What, such as a class, a verdict or a problem.")
    count: int = strawberry.field(description="How many predictions; of classes of beats, how many beats.")

    @classmethod
    def all_of(cls, counts: Mapping[str, int]) -> list["NamedCount"]:
        """Return the counts by name."""
        return [cls(name=name, count=count) for name, count in sorted(counts.items())]


@strawberry.type(description="Predictions of one group of patients or recordings.")
class MonitoredSlice:
    """A group."""

    name: str = strawberry.field(
        description="`sex:F`, `age:65` (from 65 to where the next group begins: 0, 2, 18, 65, 80), `leads:1`."
    )
    count: int = strawberry.field(description="Predictions with a confidence.")
    mean_confidence: float = strawberry.field(description="0 to 1.")

    @classmethod
    def all_of(cls, slices: Mapping[str, Slice]) -> list["MonitoredSlice"]:
        """Return the groups by name."""
        return [
            cls(name=name, count=each.count, mean_confidence=each.confidence / each.count)
            for name, each in sorted(slices.items())
        ]


@strawberry.type(description="What a family of models answered, and what readers think of it.")
class MonitoredFigures:
    """Figures of a day, or of several."""

    count: int = strawberry.field(description="Predictions.")
    answered_count: int = strawberry.field(description="Those that a model had a part in.")
    success_rate: float | None = strawberry.field(description="Their share, 0 to 1; null of none.")
    latency_p50_ms: float | None = strawberry.field(
        name="latencyP50Ms", description="Half of them took no longer, within 1 %; null of none."
    )
    latency_p95_ms: float | None = strawberry.field(
        name="latencyP95Ms", description="95 % of them took no longer, within 1 %; null of none."
    )
    confidence: list[float] = strawberry.field(
        description="The shares with a confidence of 0 to 0.1, 0.1 to 0.2, …; empty of none."
    )
    classes: list[NamedCount] = strawberry.field(description="Beats by class, visits by level.")
    quality: list[NamedCount] = strawberry.field(description="By how much the answer can be relied on.")
    problems: list[NamedCount] = strawberry.field(description="Why no model answered.")
    slices: list[MonitoredSlice] = strawberry.field(description="By group of patients or recordings.")
    error_rate: FeedbackErrorRate = strawberry.field(
        description="How often readers found predictions wrong, by feedback that was given in these days."
    )

    @classmethod
    def of(cls, figures: Figures) -> "MonitoredFigures":
        """Return the figures."""
        tally = figures.tally
        return cls(
            count=tally.total,
            answered_count=tally.answered,
            success_rate=tally.answered / tally.total if tally.total else None,
            latency_p50_ms=tally.latency.quantile(0.5),
            latency_p95_ms=tally.latency.quantile(0.95),
            confidence=list(tally.confidence.shares(CONFIDENCE_PARTS)) if tally.confidence.total else [],
            classes=NamedCount.all_of(tally.classes),
            quality=NamedCount.all_of(tally.quality),
            problems=NamedCount.all_of(tally.problems),
            slices=MonitoredSlice.all_of(tally.slices),
            error_rate=FeedbackErrorRate.of(figures.error_rate),
        )


@strawberry.type(description="A day of a family of models.")
class MonitoredDay:
    """A day and its figures."""

    day: date = strawberry.field(description="In UTC.")
    figures: MonitoredFigures = strawberry.field(description="What there was.")

    @classmethod
    def of(cls, figures: Figures, day: date) -> "MonitoredDay":
        """Return the day."""
        return cls(day=day, figures=MonitoredFigures.of(figures))


@strawberry.type(description="A family of models over some days.")
class MonitoredPeriod:
    """Days and their figures together."""

    since: date = strawberry.field(description="The first day, in UTC.")
    until: date = strawberry.field(description="The last day.")
    figures: MonitoredFigures = strawberry.field(description="Of all days together.")


@strawberry.type(description="A version of a model over some days.")
class MonitoredVersion:
    """A version and its figures."""

    version_id: strawberry.Private[int | None]
    figures: MonitoredFigures = strawberry.field(description="Of all days together.")

    @strawberry.field(description="The version; null of answers that no model had a part in.")
    async def version(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        if self.version_id is None:
            return None
        return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(self.version_id))


@strawberry.type(description="What a language model was asked and cost in a day.")
class LanguageModelDay:
    """A day and its cost."""

    day: date = strawberry.field(description="Where the platform is, not in UTC.")
    calls: int = strawberry.field(description="Questions asked.")
    euros: float = strawberry.field(description="Euros spent.")

    @classmethod
    def of(cls, spent: SpentDay) -> "LanguageModelDay":
        """Return the day."""
        return cls(day=spent.day, calls=spent.calls, euros=spent.euros)
