"""A training session as its students see it: no way leads from here to a case or a key."""

from datetime import datetime

import strawberry

from schema.context import Info
from schema.loaders.training import case_counts, trainings_by_id
from schema.models.training import SessionDifficulty, SessionStatus, TrainingSession
from schema.services.sessions import UnavailableReason, unavailable_reason
from schema.types.base import global_id
from schema.types.enums import describe_enum

describe_enum(
    SessionDifficulty,
    "SessionDifficulty",
    "Whom a session is meant for.",
    "For beginners.",
    "For those who have some practice.",
    "For those who read ECGs often.",
)
describe_enum(
    SessionStatus,
    "SessionStatus",
    "What the teacher decided; opening and closing times narrow it further.",
    "Students may begin.",
    "Nobody may begin.",
    "Put away.",
)
describe_enum(
    UnavailableReason,
    "UnavailableReason",
    "Why a session cannot be begun now.",
    "Its opening time is still to come.",
    "It is closed, or its closing time has passed.",
    "It has been put away.",
)


@strawberry.type(description="What a student knows of a session.")
class SessionOutline:
    """A session without its cases."""

    row: strawberry.Private[TrainingSession]
    session_id: strawberry.ID = strawberry.field(description="The session's id.")
    name: str = strawberry.field(description="Its name.")
    objectives: str = strawberry.field(description="What is to be learnt.")
    difficulty: SessionDifficulty = strawberry.field(description="Whom it is meant for.")
    time_limit_minutes: int = strawberry.field(description="How long an attempt lasts, without extra time.")
    opens_at: datetime | None = strawberry.field(description="From when it can be begun; null for at once.")
    closes_at: datetime | None = strawberry.field(description="When it ends for everyone; null for never.")
    allow_retry: bool = strawberry.field(description="Whether a second attempt may follow a submitted one.")
    show_feedback: bool = strawberry.field(description="Whether marks and feedback are shown afterwards.")

    @strawberry.field(description="How many cases there are to read.")
    async def case_count(self, info: Info) -> int:
        """Count."""
        return await info.context.loaders.of(case_counts).load(self.row.id or 0)

    @strawberry.field(description="Whether it can be begun now.")
    def available(self, info: Info) -> bool:
        """Ask the clock."""
        return unavailable_reason(self.row, info.context.services.clock()) is None

    @strawberry.field(description="Why it cannot be begun now; null when it can.")
    def unavailable_reason(self, info: Info) -> UnavailableReason | None:
        """Ask the clock."""
        return unavailable_reason(self.row, info.context.services.clock())

    @classmethod
    def of(cls, row: TrainingSession) -> "SessionOutline":
        """Return the outline of a row."""
        return cls(
            row=row,
            session_id=global_id("Session", row.id or 0),
            name=row.name,
            objectives=row.objectives,
            difficulty=SessionDifficulty(row.difficulty),
            time_limit_minutes=row.time_limit_minutes,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
            allow_retry=row.allow_retry,
            show_feedback=row.show_feedback,
        )


async def outline_of(info: Info, session_id: int) -> SessionOutline:
    """Load a session's outline."""
    return SessionOutline.of(await info.context.loaders.of(trainings_by_id).load(session_id))
