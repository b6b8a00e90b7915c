"""A student's place in a session."""

from datetime import datetime

import strawberry

from schema.context import Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.training import attempts_of_students, trainings_by_id
from schema.models.training import Enrolment as EnrolmentRow
from schema.models.training import EnrolmentOrigin
from schema.services.sessions import unavailable_reason
from schema.types.accounts import Account, external_id_of
from schema.types.attempts import Attempt
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum
from schema.types.outlines import SessionOutline, outline_of

describe_enum(
    EnrolmentOrigin,
    "EnrolmentOrigin",
    "How a student came into a session.",
    "Enrolled by a teacher.",
    "Joined by the session's code.",
    "Enrolled by an outside system.",
)


@strawberry.type(description="A student in a session.")
class Enrolment(Node):
    """An enrolment."""

    row: strawberry.Private[EnrolmentRow]
    origin: EnrolmentOrigin = strawberry.field(description="How the student came into the session.")
    extra_minutes: int = strawberry.field(description="Extra time granted, in minutes.")
    created_at: datetime = strawberry.field(description="Since when.")

    @strawberry.field(description="Who takes part.")
    async def student(self, info: Info) -> Account:
        """Load the student."""
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.account_id))

    @strawberry.field(
        description="What the outside system that enrolled the student calls them; null for anybody but that "
        "system and administrators."
    )
    async def external_id(self, info: Info) -> str | None:
        """Ask the student's account."""
        student = await info.context.loaders.of(accounts_by_id).load(self.row.account_id)
        return external_id_of(student, info.context)

    @strawberry.field(description="What the student knows of the session.")
    async def outline(self, info: Info) -> SessionOutline:
        """Load the outline."""
        return await outline_of(info, self.row.session_id)

    @strawberry.field(description="The student's attempts in order.")
    async def attempts(self, info: Info) -> list[Attempt]:
        """Load the attempts."""
        key = (self.row.session_id, self.row.account_id)
        return [Attempt.of(row) for row in await info.context.loaders.of(attempts_of_students).load(key)]

    @strawberry.field(description="The attempt the student is at work on; null when there is none.")
    async def open_attempt(self, info: Info) -> Attempt | None:
        """Find the open one."""
        key = (self.row.session_id, self.row.account_id)
        rows = await info.context.loaders.of(attempts_of_students).load(key)
        return next((Attempt.of(row) for row in rows if row.submitted_at is None), None)

    @strawberry.field(description="Whether a new attempt could be begun now.")
    async def can_start(self, info: Info) -> bool:
        """Ask the session, the clock and the attempts so far."""
        loaders = info.context.loaders
        training = await loaders.of(trainings_by_id).load(self.row.session_id)
        rows = await loaders.of(attempts_of_students).load((self.row.session_id, self.row.account_id))
        if any(row.submitted_at is None for row in rows) or (rows and not training.allow_retry):
            return False
        return unavailable_reason(training, info.context.services.clock()) is None

    @classmethod
    def of(cls, row: EnrolmentRow) -> "Enrolment":
        """Return the node of a row."""
        return cls(
            id=global_id("Enrolment", row.id or 0),
            row=row,
            origin=EnrolmentOrigin(row.origin),
            extra_minutes=row.extra_minutes,
            created_at=row.created_at,
        )
