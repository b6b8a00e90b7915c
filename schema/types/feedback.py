"""Feedback in figures, and what came of importing it."""

from datetime import date

import strawberry

from schema.context import Info
from schema.errors import FieldProblem
from schema.loaders.models import versions_by_id
from schema.messages import text_of
from schema.models.predictions import BeatClass, FeedbackType, ModelFamily, TriageLevel
from schema.services.feedback_files import FeedbackTally
from schema.services.feedback_statistics import (
    LEAST,
    LEAST_JUDGED,
    ErrorRate,
    FeedbackFigures,
    FeedbackFilter,
    feedback_by_group,
)
from schema.types.jobs import ImportFault
from schema.types.models import ModelVersion


@strawberry.type(description="How often readers find predictions wrong.")
class FeedbackErrorRate:
    """A share with what it is of."""

    total: int = strawberry.field(description="Opinions.")
    errors: int = strawberry.field(description="Those that are not `CORRECT`.")
    minimum: int = strawberry.field(description="Of fewer opinions no share is told.")
    share: float | None = strawberry.field(description="Errors among all, 0 to 1; null of too few opinions.")
    low: float | None = strawberry.field(
        description="Where the share begins, by Wilson's interval of 95 % on the effective sample size: "
        "opinions on one prediction are alike. Null of fewer predictions than `judgedMinimum`, of as many "
        "where a few have most of the opinions, and of days."
    )
    high: float | None = strawberry.field(description="Where it ends; null likewise.")
    judged_count: int | None = strawberry.field(
        description="Predictions (recordings, visits) that these opinions are about; null of days."
    )
    reader_count: int | None = strawberry.field(description="Readers whose they are; null of days.")
    judged_minimum: int = strawberry.field(
        description="With fewer predictions judged no interval is told; unevenly judged ones count for less "
        "(Kish's effective number: opinions squared, over the sum of each prediction's squared)."
    )

    @classmethod
    def of(cls, rate: ErrorRate) -> "FeedbackErrorRate":
        """Return the rate."""
        low, high = rate.interval or (None, None)
        return cls(
            total=rate.total,
            errors=rate.errors,
            minimum=LEAST,
            share=rate.share,
            low=low,
            high=high,
            judged_count=rate.spread.judged if rate.spread else None,
            reader_count=rate.spread.readers if rate.spread else None,
            judged_minimum=LEAST_JUDGED,
        )


@strawberry.type(description="How many opinions are of a type.")
class FeedbackTypeCount:
    """A type and a number."""

    type: FeedbackType = strawberry.field(description="What readers think.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="How many opinions have one thing for another.")
class FeedbackCell:
    """A cell of the matrix; what was confirmed is on its diagonal."""

    original: str = strawberry.field(description="What was said: a value of `BeatClass` or `TriageLevel`.")
    corrected: str | None = strawberry.field(
        description="What it should have been; null where a reader does not tell."
    )
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="Feedback on what one version said.")
class VersionFeedback:
    """A version and its error rate."""

    version_id: strawberry.Private[int | None]
    error_rate: FeedbackErrorRate = strawberry.field(description="How often it was found wrong.")

    @strawberry.field(description="The version; null of answers that no model had a part in.")
    async def version(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        if self.version_id is None:
            return None
        return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(self.version_id))


@strawberry.type(description="Feedback on predictions of one group of patients or recordings.")
class GroupFeedback:
    """A group and its error rate."""

    name: str = strawberry.field(description="As in `MonitoredSlice`.")
    error_rate: FeedbackErrorRate = strawberry.field(description="How often they were found wrong.")


@strawberry.type(description="Feedback of one week.")
class WeekFeedback:
    """A week and its error rate."""

    week: date = strawberry.field(description="Its Monday, in UTC.")
    error_rate: FeedbackErrorRate = strawberry.field(description="How often predictions were found wrong.")


@strawberry.type(description="What readers think of the predictions of a family, in figures.")
class FeedbackStatistics:
    """Opinions in force, counted."""

    chosen: strawberry.Private[FeedbackFilter]
    family: ModelFamily = strawberry.field(description="Of what kind of question.")
    total: int = strawberry.field(description="Opinions in force.")
    error_rate: FeedbackErrorRate = strawberry.field(description="How often predictions are found wrong.")
    by_type: list[FeedbackTypeCount] = strawberry.field(description="How many there are of each type.")
    matrix: list[FeedbackCell] = strawberry.field(
        description="What was said × what it should have been; whole recordings have no part in it. Withheld "
        "(empty) while no interval could be told of what it counts (`judgedMinimum`)."
    )
    matrix_withheld: bool = strawberry.field(
        description="Whether the matrix is empty because it would be of too few predictions."
    )
    by_version: list[VersionFeedback] = strawberry.field(description="Of each version, the newest first.")
    by_week: list[WeekFeedback] = strawberry.field(description="Of each week with feedback, the first first.")

    @strawberry.field(
        description="Of each group of patients or recordings that an interval can be told of (`low`), by "
        "name; a prediction may belong to several. Of many groups one stands out by chance."
    )
    async def by_group(self, info: Info) -> list[GroupFeedback]:
        """Count by group."""
        rates = await info.context.read(lambda session: feedback_by_group(session, self.chosen))
        return [
            GroupFeedback(name=name, error_rate=FeedbackErrorRate.of(rate))
            for name, rate in sorted(rates.items())
        ]

    @classmethod
    def of(cls, chosen: FeedbackFilter, figures: FeedbackFigures) -> "FeedbackStatistics":
        """Return the figures."""
        family = chosen.family
        matrix = figures.matrix()
        versions = sorted(figures.by_version().items(), key=lambda each: -(each[0] or 0))
        return cls(
            chosen=chosen,
            family=family,
            total=figures.total,
            error_rate=FeedbackErrorRate.of(figures.error_rate),
            by_type=[FeedbackTypeCount(type=kind, count=count) for kind, count in figures.by_type().items()],
            matrix=[
                FeedbackCell(
                    original=_name(family, said), corrected=right and _name(family, right), count=count
                )
                for (said, right), count in (matrix or {}).items()
            ],
            matrix_withheld=matrix is None,
            by_version=[
                VersionFeedback(version_id=key, error_rate=FeedbackErrorRate.of(rate))
                for key, rate in versions
            ],
            by_week=[
                WeekFeedback(week=week, error_rate=FeedbackErrorRate.of(rate))
                for week, rate in figures.by_week().items()
            ],
        )


@strawberry.type(description="What came of importing feedback.")
class FeedbackImport:
    """Counts, and the first faults."""

    line_count: int = strawberry.field(description="Lines that are not blank.")
    stored_count: int = strawberry.field(description="Opinions put in force on predictions of this site.")
    kept_count: int = strawberry.field(description="Opinions on another program's, kept to learn from.")
    unchanged_count: int = strawberry.field(description="Lines that were known.")
    fault_count: int = strawberry.field(description="Lines that were left out.")
    faults: list[ImportFault] = strawberry.field(description="What is wrong with the first 100 of them.")

    @classmethod
    def of(cls, tally: FeedbackTally, info: Info) -> "FeedbackImport":
        """Return the counts, faults in the viewer's language."""
        faults = []
        for each in tally.faults:
            problem = FieldProblem((each.column,), each.code, tuple(each.values.items()))
            sentence, named = text_of(problem)
            said = info.context.translate(sentence).format(**named)
            faults.append(ImportFault(line=each.line, column=each.column, message=said, code=each.code))
        return cls(
            line_count=tally.lines,
            stored_count=tally.stored,
            kept_count=tally.kept,
            unchanged_count=tally.unchanged,
            fault_count=tally.fault_count,
            faults=faults,
        )


def _name(family: ModelFamily, value: str) -> str:
    """Return what the API calls a class or a level."""
    return BeatClass(value).name if family is ModelFamily.BEATS else TriageLevel(value).name
