"""Holding training sessions: each mutation answers with the whole session as it then is."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from schema.context import Info
from schema.errors import NotFoundError
from schema.models.training import SessionDifficulty, SessionStatus
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.sessions import SessionFields, Sessions
from schema.types.base import local_key
from schema.types.sessions import Session


@strawberry.input(description="A session to hold.")
class CreateSessionInput:
    """What a session is made of."""

    name: str = strawberry.field(description="At most 200 characters.")
    difficulty: SessionDifficulty = strawberry.field(description="Whom it is meant for.")
    time_limit_minutes: int = strawberry.field(description="How long an attempt lasts, 5 to 180 minutes.")
    case_ids: list[strawberry.ID] = strawberry.field(description="Validated cases in order, each once.")
    objectives: str = strawberry.field(
        default="", description="What is to be learnt, at most 5,000 characters."
    )
    opens_at: datetime | None = strawberry.field(default=None, description="Null to open at once.")
    closes_at: datetime | None = strawberry.field(default=None, description="Null to close by hand.")
    show_feedback: bool = strawberry.field(
        default=True, description="Whether students see marks and feedback afterwards."
    )
    allow_retry: bool = strawberry.field(default=False, description="Whether a second attempt may follow.")
    anonymise_titles: bool = strawberry.field(
        default=True, description="Whether titles are kept from students until corrected."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="At most 100 characters: sent again under its key, it answers with the same session; "
        "another one is refused.",
    )


@strawberry.input(description="Fields of a session to change; what is left out stays.")
class UpdateSessionInput:
    """Changes to a session."""

    id: strawberry.ID = strawberry.field(description="The session.")
    revision: int = strawberry.field(description="The revision the change was made on.")
    name: str | None = strawberry.field(default=None, description="At most 200 characters.")
    objectives: str | None = strawberry.field(default=None, description="At most 5,000 characters.")
    difficulty: SessionDifficulty | None = strawberry.field(default=None, description="Whom it is meant for.")
    time_limit_minutes: int | None = strawberry.field(default=None, description="5 to 180 minutes.")
    case_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The cases in order; they can change only while nobody has begun."
    )
    opens_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Null to open at once."
    )
    closes_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Null to close by hand."
    )
    show_feedback: bool | None = strawberry.field(
        default=None, description="Whether students see marks and feedback afterwards."
    )
    allow_retry: bool | None = strawberry.field(
        default=None, description="Whether a second attempt may follow."
    )
    anonymise_titles: bool | None = strawberry.field(
        default=None, description="Whether titles are kept from students until corrected."
    )

    def changes(self) -> dict[str, Any]:
        """Return what was given, by the names of `SessionFields`."""
        given = {name: getattr(self, name) for name in SessionFields.__slots__}
        may_clear = {"opens_at", "closes_at"}
        return {
            name: value
            for name, value in given.items()
            if value is not strawberry.UNSET and (value is not None or name in may_clear)
        }


@strawberry.input(description="What becomes of a session.")
class SetSessionStatusInput:
    """A session and its status."""

    id: strawberry.ID = strawberry.field(description="The session.")
    status: SessionStatus = strawberry.field(description="What it shall be.")


CreateSessionResult = Annotated[
    Session | Refusal,
    strawberry.union("CreateSessionResult", description="The new session, or why there is none."),
]
UpdateSessionResult = Annotated[
    Session | Refusal,
    strawberry.union("UpdateSessionResult", description="The changed session, or why it was not changed."),
]
SetSessionStatusResult = Annotated[
    Session | Refusal,
    strawberry.union("SetSessionStatusResult", description="The session, or why it was left."),
]


@strawberry.type
class SessionMutations:
    """Changes to sessions."""

    @mutation_field(Scope.SESSIONS_WRITE, "Makes a session; each case is pinned to its present revision.")
    async def create_session(self, info: Info, input: CreateSessionInput) -> CreateSessionResult:  # noqa: A002
        """Create a session."""
        fields = SessionFields(**{name: getattr(input, name) for name in SessionFields.__slots__})
        cases = case_keys(input.case_ids)
        key, viewer, clock = input.idempotency_key, info.context.viewer, info.context.services.clock
        return Session.of(
            await info.context.write(
                lambda session: Sessions(session, viewer, clock).create(fields, cases, key)
            )
        )

    @mutation_field(Scope.SESSIONS_WRITE, "Changes some fields of a session.")
    async def update_session(self, info: Info, input: UpdateSessionInput) -> UpdateSessionResult:  # noqa: A002
        """Change what was given."""
        key, changes = local_key(input.id, "Session"), input.changes()
        cases = None if input.case_ids is None else case_keys(input.case_ids)
        viewer, clock = info.context.viewer, info.context.services.clock
        return Session.of(
            await info.context.write(
                lambda session: Sessions(session, viewer, clock).update(key, input.revision, changes, cases)
            )
        )

    @mutation_field(Scope.SESSIONS_WRITE, "Opens, closes or puts away a session.")
    async def set_session_status(
        self,
        info: Info,
        input: SetSessionStatusInput,  # noqa: A002
    ) -> SetSessionStatusResult:
        """Set the status."""
        key, viewer, clock = local_key(input.id, "Session"), info.context.viewer, info.context.services.clock
        return Session.of(
            await info.context.write(
                lambda session: Sessions(session, viewer, clock).set_status(key, input.status)
            )
        )


def case_keys(identifiers: list[strawberry.ID]) -> list[int]:
    """Return the cases' keys; what is no case's id becomes 0, which is no case's key either."""
    keys = []
    for identifier in identifiers:
        try:
            keys.append(local_key(identifier, "Case"))
        except NotFoundError:
            keys.append(0)
    return keys
