"""Who takes part in a session."""

from typing import Annotated

import strawberry
from sqlmodel import Session

from schema.context import Info
from schema.errors import ValidationFailedError
from schema.models.training import Enrolment as EnrolmentRow
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.enrolments import Enrolments
from schema.services.metering import count_try
from schema.types.base import local_key
from schema.types.enrolments import Enrolment


@strawberry.input(
    description="Whom to enrol: a student by e-mail, or an outside system's participant by its own id."
)
class EnrolParticipantInput:
    """A session and a participant."""

    session_id: strawberry.ID = strawberry.field(description="The session.")
    email: str | None = strawberry.field(default=None, description="A student's address.")
    external_id: str | None = strawberry.field(
        default=None,
        description="The outside system's own id of the participant; an `email` beside it is not looked at.",
    )
    display_name: str | None = strawberry.field(
        default=None,
        description="With `externalId`: what teachers see; of whoever is known already, the first one stays.",
    )


@strawberry.input(description="An enrolment to take back.")
class RemoveEnrolmentInput:
    """An enrolment."""

    enrolment_id: strawberry.ID = strawberry.field(description="The enrolment.")


@strawberry.input(description="Extra time for one student.")
class SetExtraTimeInput:
    """An enrolment and minutes."""

    enrolment_id: strawberry.ID = strawberry.field(description="The enrolment.")
    extra_minutes: int = strawberry.field(description="0 to 180 minutes in all.")


@strawberry.input(description="A session to join.")
class JoinSessionInput:
    """A code."""

    join_code: str = strawberry.field(description="As the teacher gave it; dashes and case do not matter.")


@strawberry.type(description="An enrolment that is no more.")
class RemovedEnrolment:
    """What is left of it."""

    enrolment_id: strawberry.ID = strawberry.field(description="The id it had.")


EnrolParticipantResult = Annotated[
    Enrolment | Refusal,
    strawberry.union("EnrolParticipantResult", description="The enrolment, or why there is none."),
]
RemoveEnrolmentResult = Annotated[
    RemovedEnrolment | Refusal,
    strawberry.union("RemoveEnrolmentResult", description="The id, or why the enrolment was left."),
]
SetExtraTimeResult = Annotated[
    Enrolment | Refusal,
    strawberry.union("SetExtraTimeResult", description="The enrolment, or why it was left."),
]
JoinSessionResult = Annotated[
    Enrolment | Refusal,
    strawberry.union("JoinSessionResult", description="The viewer's enrolment, or why there is none."),
]


@strawberry.type
class EnrolmentMutations:
    """Changes to enrolments."""

    @mutation_field(
        Scope.SESSIONS_WRITE, "Enrols someone in a session the viewer manages; twice changes nothing."
    )
    async def enrol_participant(
        self,
        info: Info,
        input: EnrolParticipantInput,  # noqa: A002
    ) -> EnrolParticipantResult:
        """Enrol a student or an outside system's participant."""
        key, viewer, clock = (
            local_key(input.session_id, "Session"),
            info.context.viewer,
            info.context.services.clock,
        )
        if input.external_id is not None:
            external, name = input.external_id, input.display_name or ""
            row = await info.context.write(
                lambda session: Enrolments(session, viewer, clock).enrol_external(key, external, name)
            )
        elif input.email is not None:
            email = input.email
            row = await info.context.write(
                lambda session: Enrolments(session, viewer, clock).enrol_student(key, email)
            )
        else:
            raise ValidationFailedError.of("email", "required")
        return Enrolment.of(row)

    @mutation_field(Scope.SESSIONS_WRITE, "Takes a student who has not begun out of a session.")
    async def remove_enrolment(
        self,
        info: Info,
        input: RemoveEnrolmentInput,  # noqa: A002
    ) -> RemoveEnrolmentResult:
        """Remove an enrolment."""
        key, viewer = local_key(input.enrolment_id, "Enrolment"), info.context.viewer
        clock = info.context.services.clock
        await info.context.write(lambda session: Enrolments(session, viewer, clock).remove(key))
        return RemovedEnrolment(enrolment_id=input.enrolment_id)

    @mutation_field(Scope.SESSIONS_WRITE, "Grants extra time, to an attempt under way as well.")
    async def set_extra_time(self, info: Info, input: SetExtraTimeInput) -> SetExtraTimeResult:  # noqa: A002
        """Set the extra time."""
        key, viewer = local_key(input.enrolment_id, "Enrolment"), info.context.viewer
        clock = info.context.services.clock
        return Enrolment.of(
            await info.context.write(
                lambda session: Enrolments(session, viewer, clock).set_extra_time(key, input.extra_minutes)
            )
        )

    @mutation_field(Scope.ATTEMPTS_WRITE, "Enrols the student who asks, by a session's code.")
    async def join_session(self, info: Info, input: JoinSessionInput) -> JoinSessionResult:  # noqa: A002
        """Join a session."""
        viewer, services = info.context.viewer, info.context.services

        def join(session: Session) -> EnrolmentRow:
            count_try(services.cache, viewer, "joinCode")
            return Enrolments(session, viewer, services.clock).join(input.join_code)

        return Enrolment.of(await info.context.write(join))
