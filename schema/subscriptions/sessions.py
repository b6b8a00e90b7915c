"""What the students of a session are doing."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from schema.context import Info
from schema.loaders.training import attempts_by_id
from schema.models.work import Event
from schema.permissions import scoped
from schema.policy import Scope
from schema.services.attempts import topic
from schema.services.sessions import Sessions
from schema.subscriptions.following import admitted, follow, start_of
from schema.types.arguments import Sequence
from schema.types.attempts import Attempt
from schema.types.base import local_key
from schema.types.enums import describe_enum


class SessionActivityKind(StrEnum):
    """What a student did, a teacher to a mark, or a language model about an answer."""

    STARTED = "started"
    SAVED = "saved"
    SUBMITTED = "submitted"
    CONTESTED = "contested"
    RULED = "ruled"
    COMMENTED = "commented"


describe_enum(
    SessionActivityKind,
    "SessionActivityKind",
    "What happened to an attempt.",
    "It was begun.",
    "An answer was filled in, or emptied.",
    "It was handed in, by the student or by the deadline.",
    "The student contested something in its marks.",
    "A teacher ruled on a contest.",
    "A language model commented on an answer.",
)


@strawberry.type(description="Something that happened in a session.")
class SessionActivity:
    """One event."""

    attempt_id: strawberry.Private[int]
    sequence: int = strawberry.field(description="Where a later subscription resumes.")
    kind: SessionActivityKind = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When.")

    @strawberry.field(description="The attempt as it is now.")
    async def attempt(self, info: Info) -> Attempt:
        """Load the attempt."""
        return Attempt.of(await info.context.loaders.of(attempts_by_id).load(self.attempt_id))

    @classmethod
    def of(cls, event: Event) -> "SessionActivity":
        """Return what an event tells."""
        return cls(
            attempt_id=event.payload["attempt_id"],
            sequence=event.sequence or 0,
            kind=SessionActivityKind(event.kind),
            at=event.at,
        )


@strawberry.type
class SessionSubscriptions:
    """What those who manage sessions watch."""

    @strawberry.subscription(
        description=scoped(
            Scope.SESSIONS_READ, "What the students of a session the viewer manages are doing."
        )
    )
    async def session_activity(
        self,
        info: Info,
        session_id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],
        after: Sequence = None,
    ) -> AsyncGenerator[SessionActivity, None]:
        """Follow a session."""
        context = info.context
        with admitted(Scope.SESSIONS_READ, context):
            key, viewer, clock = local_key(session_id, "Session"), context.viewer, context.services.clock
            await context.read(lambda session: Sessions(session, viewer, clock).get(key))
        start = await start_of(context, topic(key), after)
        async with aclosing(follow(context, topic(key), start)) as happening:
            async for event in happening:
                yield SessionActivity.of(event)
