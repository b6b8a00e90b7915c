"""How a challenger is held against a champion, as the API shows it."""

from datetime import datetime
from typing import Any

import strawberry

from ml.judging.sequential import Arm
from schema.context import Info
from schema.loaders.accounts import accounts_by_id
from schema.models.models import ModelAlias
from schema.models.promotions import Comparison, Incomparable, Obstacle, Trial, TrialFinding
from schema.services.duels import TrialFigures
from schema.types.accounts import Account
from schema.types.enums import describe_enum

describe_enum(
    ModelAlias,
    "ModelAlias",
    "What a version of a model is used for.",
    "It answers whoever does not ask for another.",
    "It is to be compared with the champion.",
    "It answers beside the champion, and nobody acts on what it says.",
)
describe_enum(
    Obstacle,
    "PromotionObstacle",
    "What speaks against promoting a challenger.",
    "It was not compared with the champion yet.",
    "The comparison failed.",
    "The comparison says nothing: there are no data that neither has learnt from, or too few.",
    "On held-out data a condition fails.",
    "It has not answered often enough in the shadow.",
    "It has not, and cannot: no images of segmentations are kept (`keepImages`) to ask it about. "
    "Unless some are, it is promoted with an `overrideReason` only.",
    "In the A/B test it errs more often.",
    "The A/B test lost subjects of one side.",
)
describe_enum(
    Incomparable,
    "ModelsIncomparable",
    "Why a comparison on held-out data says nothing.",
    "The site has no held-out data of this kind.",
    "Nobody kept what one of the versions has learnt from.",
    "One or the other has learnt from all of them.",
    "What neither has learnt from is less than 200 examples of 10 patients; of segmentations, less than 10 "
    "patients.",
)
describe_enum(
    TrialFinding,
    "ModelTrialFinding",
    "What an A/B test says so far.",
    "Nothing: too few subjects were judged for a difference of three points to be found.",
    "No difference, though enough were judged (`neededCount`) for one of three points to be found in four of "
    "five tests.",
    "The challenger errs less often.",
    "The challenger errs more often.",
    "Nothing: subjects of one side were lost.",
)


@strawberry.type(description="One condition of the rule, with its limit.")
class PromotionCheck:
    """A figure of both versions, and what is held against the limit."""

    name: str = strawberry.field(
        description="`macro_f1`, `clinical_cost`, `mean_dice`, `recall`, `ece` or `latency_ms`: see "
        "docs/promotion.md."
    )
    of_class: str | None = strawberry.field(
        description="The class that it is of, as the version names it; null for all."
    )
    champion: float = strawberry.field(description="The champion's figure.")
    challenger: float = strawberry.field(description="The challenger's figure.")
    value: float = strawberry.field(
        description="What is held against the limit: the lower bound (95 %) of the gain of the first three, "
        "the difference of recall and calibration error, the ratio of times."
    )
    limit: float = strawberry.field(description="The limit.")
    at_most: bool = strawberry.field(description="Whether the value may be at most it; at least otherwise.")
    support: int = strawberry.field(description="How many examples it rests on.")
    passed: bool = strawberry.field(description="Whether the condition holds.")

    @classmethod
    def of(cls, found: dict[str, Any]) -> "PromotionCheck":
        """Return a condition of a verdict."""
        own = {name: found[name] for name in ("name", "champion", "challenger", "value", "limit")}
        return cls(
            **own,
            of_class=found["of"],
            at_most=found["at_most"],
            support=found["support"],
            passed=found["passed"],
        )


@strawberry.type(description="Champion and challenger on data neither has learnt from.")
class ModelComparison:
    """A verdict, or why there is none."""

    row: strawberry.Private[Comparison]
    asked_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it was made; null while it is not.")
    fault: str | None = strawberry.field(description="Why it could not be made, in English; null otherwise.")
    incomparable: Incomparable | None = strawberry.field(description="Why it says nothing; null otherwise.")
    example_count: int = strawberry.field(description="Beats or visits held out.")
    patient_count: int = strawberry.field(description="Of how many patients they are.")
    left_out_count: int = strawberry.field(description="Records or visits not used: one learnt from them.")
    passed: bool = strawberry.field(description="Whether every condition holds.")
    checks: list[PromotionCheck] = strawberry.field(description="The conditions; empty without a verdict.")

    @classmethod
    def of(cls, row: Comparison) -> "ModelComparison":
        """Return what a row says."""
        verdict: dict[str, Any] = row.verdict or {}
        return cls(
            row=row,
            asked_at=row.asked_at,
            finished_at=row.finished_at,
            fault=row.fault,
            incomparable=Incomparable(verdict["incomparable"]) if verdict.get("incomparable") else None,
            example_count=verdict.get("examples", 0),
            patient_count=verdict.get("clusters", 0),
            left_out_count=verdict.get("left_out", 0),
            passed=verdict.get("passed", False),
            checks=[PromotionCheck.of(each) for each in verdict.get("checks", ())],
        )


@strawberry.type(description="How a challenger answered in the shadow: after the others, shown to nobody.")
class ModelShadowRuns:
    """Counts."""

    answered_count: int = strawberry.field(description="How often it answered.")
    failed_count: int = strawberry.field(description="How often it failed.")
    needed_count: int = strawberry.field(description="How often it must have answered before it is promoted.")
    agreement: float | None = strawberry.field(
        description="How far it said the same, 0 to 1: the mean share of beats named alike, or of visits "
        "given the same level; null before the first."
    )


@strawberry.type(description="One side of an A/B test.")
class ModelTrialArm:
    """Counts."""

    alias: ModelAlias = strawberry.field(description="Whose.")
    subject_count: int = strawberry.field(description="Cases, or visits, that fell to it.")
    judged_count: int = strawberry.field(description="Those of them that somebody gave feedback on.")
    error_count: int = strawberry.field(description="Those of these where any feedback is not `CORRECT`.")
    error_rate: float | None = strawberry.field(description="Errors among those judged; null without any.")

    @classmethod
    def of(cls, alias: ModelAlias, arm: Arm) -> "ModelTrialArm":
        """Return an arm."""
        return cls(
            alias=alias,
            subject_count=arm.subjects,
            judged_count=arm.judged,
            error_count=arm.errors,
            error_rate=arm.rate,
        )


@strawberry.type(description="An A/B test: a share of subjects is answered by the challenger.")
class ModelTrial:
    """A test and its running figures, which bear being looked at all the time."""

    row: strawberry.Private[Trial]
    share: int = strawberry.field(description="Per cent of the subjects that are the challenger's.")
    started_at: datetime = strawberry.field(description="When it began.")
    stopped_at: datetime | None = strawberry.field(description="When it ended; null while it is under way.")
    arms: list[ModelTrialArm] = strawberry.field(description="The champion's, then the challenger's.")
    finding: TrialFinding = strawberry.field(description="What can be said so far.")
    difference: float | None = strawberry.field(
        description="By how much more often the challenger errs; null before both were judged."
    )
    p_value: float = strawberry.field(
        description="Of no difference, always valid (mSPRT): below 0.05 there is one."
    )
    ratio_p_value: float = strawberry.field(
        description="Of arms as large as the share says, always valid: below 0.01 subjects were lost."
    )
    needed_count: int = strawberry.field(
        description="Judged subjects in both arms by which three points are found (5 %, power 80 %), looked "
        "for all the time: about 1.9 times what a test needs that is looked at once."
    )

    @strawberry.field(description="Who began it.")
    async def started_by(self, info: Info) -> Account | None:
        """Load the account."""
        if self.row.started_by is None:
            return None
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.started_by))

    @classmethod
    def of(cls, row: Trial, figures: TrialFigures) -> "ModelTrial":
        """Return a test."""
        return cls(
            row=row,
            share=row.share,
            started_at=row.started_at,
            stopped_at=row.stopped_at,
            arms=[
                ModelTrialArm.of(ModelAlias.CHAMPION, figures.champion),
                ModelTrialArm.of(ModelAlias.CHALLENGER, figures.challenger),
            ],
            finding=figures.finding,
            difference=figures.difference,
            p_value=figures.p_value,
            ratio_p_value=figures.ratio_p_value,
            needed_count=figures.needed,
        )
