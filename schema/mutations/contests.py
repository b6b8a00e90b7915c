"""Contesting a mark, and ruling on it: each mutation answers with the contest as it then is."""

from typing import Annotated

import strawberry

from ml.language.ruling import RuledVerdict
from schema.context import Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.contests import Contests, Ruling
from schema.types.attempts import Answer
from schema.types.base import local_key
from schema.types.contests import Contest


@strawberry.input(description="A concept of a mark to contest.")
class ContestGradeInput:
    """What a student disagrees with."""

    answer_id: strawberry.ID = strawberry.field(description="The corrected answer.")
    concept_id: str = strawberry.field(description="Code of a concept its mark names.")
    statement: str = strawberry.field(default="", description="Why, at most 1,000 characters.")


@strawberry.input(description="A ruling on a contest.")
class RuleOnContestInput:
    """What a teacher decides."""

    id: strawberry.ID = strawberry.field(description="The contest.")
    revision: int = strawberry.field(description="The revision the ruling was made on.")
    verdict: RuledVerdict = strawberry.field(
        description="What the answer says about the concept: one of the contest's choices."
    )
    explanation: str = strawberry.field(
        default="",
        description="Why, at most 1,000 characters; required unless the ruling favours the student.",
    )


ContestGradeResult = Annotated[
    Contest | Refusal,
    strawberry.union("ContestGradeResult", description="The contest, or why there is none."),
]
RuleOnContestResult = Annotated[
    Contest | Refusal,
    strawberry.union("RuleOnContestResult", description="The contest as ruled, or why it was not."),
]


@strawberry.type
class ContestMutations:
    """What students and teachers do about a mark."""

    @mutation_field(
        Scope.ATTEMPTS_WRITE, "Contests a concept of a mark, once; the same words again change nothing."
    )
    async def contest_grade(self, info: Info, input: ContestGradeInput) -> ContestGradeResult:  # noqa: A002
        """Contest."""
        key, viewer = local_key(input.answer_id, "Answer"), info.context.viewer
        clock = info.context.services.clock
        contest, answer = await info.context.write(
            lambda session: Contests(session, viewer, clock).contest(key, input.concept_id, input.statement)
        )
        return Contest.of(contest, Answer.of(answer))

    @mutation_field(
        Scope.SESSIONS_WRITE, "Rules on a contest: the mark follows, and stays so when marked anew."
    )
    async def rule_on_contest(self, info: Info, input: RuleOnContestInput) -> RuleOnContestResult:  # noqa: A002
        """Rule."""
        key, viewer, clock = local_key(input.id, "Contest"), info.context.viewer, info.context.services.clock
        ruling = Ruling(input.verdict, input.explanation)
        contest, answer = await info.context.write(
            lambda session: Contests(session, viewer, clock).rule(key, input.revision, ruling)
        )
        return Contest.of(contest, Answer.of(answer))
