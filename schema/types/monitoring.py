"""Models in figures, as the API shows them."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING

import strawberry

from schema.context import Info
from schema.loaders.models import versions_by_id
from schema.services.day_books import Slice
from schema.services.drift import DriftReport, DriftState, ErrorChange, of_quality
from schema.services.feedback_statistics import LEAST_JUDGED
from schema.services.forecasts import ForecastMetric, MetricForecast
from schema.services.monitoring import Figures
from schema.services.spending import SpentDay
from schema.types.enums import describe_enum
from schema.types.feedback import FeedbackErrorRate
from schema.types.models import ModelVersion

if TYPE_CHECKING:
    from ml.monitoring.drift import FeatureDrift as Compared

CONFIDENCE_PARTS = 10


class DriftTest(StrEnum):
    """A test of whether two samples may be of one population."""

    KS = "ks"
    G = "g"


describe_enum(
    DriftTest,
    "DriftTest",
    "A test of whether two samples may be of one population.",
    "The largest distance between the shares up to a value (Kolmogorov and Smirnov), of measured features.",
    "The likelihood ratio, of named ones.",
)
describe_enum(
    DriftState,
    "DriftState",
    "Whether drift can be told.",
    "It is.",
    "Fewer than 50 predictions say nothing.",
    "The version came without the figures of what it learnt from.",
    "No version is watched, nor deployed as champion.",
)
describe_enum(
    ForecastMetric,
    "ForecastMetric",
    "What is foreseen.",
    "The share of opinions that find predictions wrong.",
    "The population stability index of each feature, without what days of few predictions have by chance.",
)


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
        description="`sex:F`, `age:65` (from 65 to where the next group begins: 0, 2, 18, 65, 80), "
        "`leads:1`, `segment:edema` (label maps that have it)."
    )
    count: int = strawberry.field(description="Predictions with a confidence.")
    mean_confidence: float = strawberry.field(description="0 to 1.")

    @classmethod
    def all_of(cls, slices: Mapping[str, Slice]) -> list["MonitoredSlice"]:
        """Return the groups that are of enough predictions, by name."""
        return [
            cls(name=name, count=each.count, mean_confidence=each.confidence / each.count)
            for name, each in sorted(slices.items())
            if each.count >= LEAST_JUDGED
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
    classes: list[NamedCount] = strawberry.field(
        description="Beats by class, visits by level, segmentations by what became of them."
    )
    quality: list[NamedCount] = strawberry.field(description="By how much the answer can be relied on.")
    problems: list[NamedCount] = strawberry.field(description="Why no model answered.")
    slices: list[MonitoredSlice] = strawberry.field(
        description="By group of patients or recordings; those of fewer predictions than "
        f"{LEAST_JUDGED} are left out."
    )
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


@strawberry.type(description="A feature of what a model is asked, held against what it learnt from.")
class FeatureDrift:
    """One line of a report."""

    feature: str = strawberry.field(
        description="What is watched: of visits what was measured, of recordings such as `heart_rate`, of "
        "both the answer: `confidence`, `class`, `level`, `quality`."
    )
    signal_quality: bool = strawberry.field(description="Whether it says how good a recording is.")
    psi: float = strawberry.field(description="Population stability index.")
    psi_threshold: float | None = strawberry.field(
        description="What that has to pass in a window of this size; null where it cannot."
    )
    test: DriftTest = strawberry.field(description="Which two samples' test.")
    statistic: float = strawberry.field(description="What it found.")
    statistic_threshold: float | None = strawberry.field(
        description="What that has to pass in a window of this size; null where it cannot."
    )
    p_value: float = strawberry.field(
        description="How often a random division of all rows has a feature that stands out as much."
    )
    missing_before: float = strawberry.field(description="The share that was missing in what it learnt from.")
    missing_now: float = strawberry.field(description="The share that is missing in these days.")
    drifted: bool = strawberry.field(description="Whether it is an alarm.")

    @classmethod
    def of(cls, told: "Compared") -> "FeatureDrift":
        """Return the figures."""
        before, now = told.missing
        return cls(
            feature=told.name,
            signal_quality=of_quality(told.name),
            psi=told.psi,
            psi_threshold=_finite(told.psi_threshold),
            test=DriftTest(told.test),
            statistic=told.statistic,
            statistic_threshold=_finite(told.statistic_threshold),
            p_value=told.p,
            missing_before=before,
            missing_now=now,
            drifted=told.drifted,
        )


@strawberry.type(description="A change of how often readers find predictions wrong (ADWIN).")
class ErrorRateChange:
    """A change."""

    since: date = strawberry.field(description="The day after which it seems to have come, in UTC.")
    found: date = strawberry.field(
        description="The day of the first opinion on the prediction it was found with."
    )
    before: float | None = strawberry.field(
        description="The share before, 0 to 1: the mean over predictions of how many of the opinions on each "
        "find it wrong; null of too few predictions."
    )
    after: float | None = strawberry.field(description="The share after; null of too few predictions.")

    @classmethod
    def of(cls, told: ErrorChange) -> "ErrorRateChange":
        """Return the change."""
        return cls(since=told.since, found=told.found, before=told.before, after=told.after)


@strawberry.type(
    description="What a version was asked in some days, held against what it learnt from, and its errors."
)
class MonitoredDrift:
    """A report."""

    version_id: strawberry.Private[int | None]
    state: DriftState = strawberry.field(description="Whether it can be told.")
    since: date = strawberry.field(description="The first day, in UTC.")
    until: date = strawberry.field(description="The last day.")
    row_count: int = strawberry.field(description="Predictions that are compared.")
    false_alarms: float | None = strawberry.field(
        description="How often days like what it learnt from raise any alarm, 0 to 1; null of none told."
    )
    drifted: bool | None = strawberry.field(description="Whether any feature is an alarm; null of none told.")
    signal_quality_drifted: bool | None = strawberry.field(
        description="Whether recordings are of another quality than those it learnt from; null where that is "
        "not told, and of other families than beats."
    )
    features: list[FeatureDrift] = strawberry.field(description="Feature by feature; empty of none told.")
    error_changes: list[ErrorRateChange] = strawberry.field(
        description="When readers began to find predictions wrong more often or less, the oldest first."
    )

    @strawberry.field(description="The version: the champion where none is asked for; null where none is.")
    async def model_version(self, info: Info) -> ModelVersion | None:
        """Load it."""
        if self.version_id is None:
            return None
        return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(self.version_id))

    @classmethod
    def of(cls, report: DriftReport) -> "MonitoredDrift":
        """Return the report."""
        compared = report.compared
        return cls(
            version_id=report.version_id,
            state=report.state,
            since=report.since,
            until=report.until,
            row_count=report.rows,
            false_alarms=compared.false_alarms if compared else None,
            drifted=bool(report.drifted) if compared else None,
            signal_quality_drifted=report.signal_quality_drifted,
            features=[FeatureDrift.of(each) for each in report.features],
            error_changes=[ErrorRateChange.of(each) for each in report.error_changes],
        )


@strawberry.type(
    description="When the level of a figure will be beyond a threshold, with an interval of 80 %."
)
class ForecastCrossing:
    """A forecast; a straight line, with the pattern of the week, so a turn is not foreseen."""

    earliest: date | None = strawberry.field(
        description="Where the interval begins; null where it does not within 90 days."
    )
    expected: date | None = strawberry.field(description="As likely before as after; null likewise.")
    latest: date | None = strawberry.field(description="Where the interval ends; null likewise: it is open.")
    probability: float = strawberry.field(description="The chance that it is beyond in 90 days.")
    slope: float = strawberry.field(description="How much the level changes a day.")


@strawberry.type(description="What is foreseen of a figure.")
class MonitoredForecast:
    """A figure, its threshold and its forecast."""

    metric: ForecastMetric = strawberry.field(description="Which figure.")
    feature: str | None = strawberry.field(
        description="Of whose index, as in `FeatureDrift`; null of the error rate."
    )
    threshold: float = strawberry.field(description="What the level is to pass.")
    day_count: int = strawberry.field(
        description="Days with enough to tell from: 10 opinions, or 50 predictions."
    )
    crossing: ForecastCrossing | None = strawberry.field(description="When; null of fewer than 14 such days.")

    @classmethod
    def of(cls, told: MetricForecast) -> "MonitoredForecast":
        """Return the forecast."""
        crossing = told.crossing
        return cls(
            metric=told.metric,
            feature=told.feature,
            threshold=told.threshold,
            day_count=told.days,
            crossing=None
            if crossing is None
            else ForecastCrossing(
                earliest=crossing.earliest,
                expected=crossing.expected,
                latest=crossing.latest,
                probability=crossing.probability,
                slope=crossing.slope,
            ),
        )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


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
