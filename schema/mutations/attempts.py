"""Taking a session: begin, save, hand in."""

from typing import Annotated

import strawberry
from sqlalchemy import tuple_
from sqlmodel import col, select

from schema.context import Info
from schema.errors import ConflictError
from schema.models.training import Attempt as AttemptRow
from schema.models.training import Enrolment
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.answers import Answers, Draft
from schema.services.attempts import Attempts
from schema.types.attempts import Answer, Attempt
from schema.types.base import local_key


@strawberry.input(description="What to begin.")
class StartAttemptInput:
    """An enrolment."""

    enrolment_id: strawberry.ID = strawberry.field(description="The student's place in the session.")


@strawberry.input(description="The whole of one answer, as it now stands.")
class SaveAnswerInput:
    """An answer to keep."""

    attempt_id: strawberry.ID = strawberry.field(description="The attempt.")
    position: int = strawberry.field(description="The case's place, counted from 1.")
    text: str = strawberry.field(description="Free text, at most 20,000 characters.")
    concept_ids: list[str] = strawberry.field(
        default_factory=list, description="Codes of the concepts picked, at most 100."
    )
    revision: int = strawberry.field(description="The answer's revision that was changed; 0 at first.")


@strawberry.input(description="What to hand in.")
class SubmitAttemptInput:
    """An attempt and a key."""

    attempt_id: strawberry.ID = strawberry.field(description="The attempt.")
    idempotency_key: str = strawberry.field(
        description="Made up by the client; the same key again gives the same answer."
    )


StartAttemptResult = Annotated[
    Attempt | Refusal,
    strawberry.union("StartAttemptResult", description="The attempt under way, or why there is none."),
]
SaveAnswerResult = Annotated[
    Answer | Refusal,
    strawberry.union("SaveAnswerResult", description="The answer as it is kept, or why it was not."),
]
SubmitAttemptResult = Annotated[
    Attempt | Refusal,
    strawberry.union("SubmitAttemptResult", description="The attempt as handed in, or why it was not."),
]


@strawberry.type
class AttemptMutations:
    """What those who take sessions do."""

    @mutation_field(Scope.ATTEMPTS_WRITE, "Begins an attempt, or returns the one under way.")
    async def start_attempt(self, info: Info, input: StartAttemptInput) -> StartAttemptResult:  # noqa: A002
        """Begin or resume."""
        key, context = local_key(input.enrolment_id, "Enrolment"), info.context
        viewer, clock = context.viewer, context.services.clock
        place = select(Enrolment.session_id, Enrolment.account_id).where(Enrolment.id == key)
        theirs = tuple_(col(AttemptRow.session_id), col(AttemptRow.account_id)).in_(place)
        await context.call(lambda: context.services.submissions.settle_overdue(theirs))
        return Attempt.of(await context.write(lambda session: Attempts(session, viewer, clock).start(key)))

    @mutation_field(Scope.ATTEMPTS_WRITE, "Keeps an answer; acknowledged only once it is safe on disk.")
    async def save_answer(self, info: Info, input: SaveAnswerInput) -> SaveAnswerResult:  # noqa: A002
        """Save one answer; a save that comes too late ends the attempt."""
        key, context = local_key(input.attempt_id, "Attempt"), info.context
        viewer, services = context.viewer, context.services
        draft = Draft.checked(input.text, input.concept_ids, services.shelf)
        try:
            row = await context.write(
                lambda session: Answers(session, viewer, services.clock).save(
                    key, input.position, draft, input.revision
                )
            )
        except ConflictError as error:
            if error.code == "deadline_passed":
                limiter = services.limiter(services.matcher)
                await context.call(lambda: services.submissions.settle(key), limiter)
            raise
        return Answer.of(row)

    @mutation_field(Scope.ATTEMPTS_WRITE, "Hands an attempt in, once.")
    async def submit_attempt(self, info: Info, input: SubmitAttemptInput) -> SubmitAttemptResult:  # noqa: A002
        """Submit."""
        key, context = local_key(input.attempt_id, "Attempt"), info.context
        viewer, services = context.viewer, context.services
        ended = await context.call(
            lambda: services.submissions.submit(viewer, key, input.idempotency_key),
            services.limiter(services.matcher),
        )
        return Attempt.of(ended)
