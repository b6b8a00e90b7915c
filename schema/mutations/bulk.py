"""Long work on many at once: each answers with a job to follow."""

from typing import Annotated, Any

import strawberry
from anyio import to_thread
from strawberry.file_uploads import Upload

from schema.context import Info
from schema.errors import ValidationFailedError
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.attempt_exports import ask_for_export
from schema.services.participant_files import read_participants
from schema.services.participant_imports import ask_for_import
from schema.types.base import local_key
from schema.types.jobs import Job


@strawberry.input(description="Participants to enrol, one a line.")
class ImportParticipantsInput:
    """A file and where its participants are to go."""

    session_id: strawberry.ID = strawberry.field(
        description="The session of those whose line names no other by `sessionId`."
    )
    file: Upload = strawberry.field(
        description="CSV in UTF-8 with named columns, or JSON lines: `email`, or `externalId` "
        "with `displayName`; `sessionId`. At most 1 MB and 5,000 lines."
    )
    idempotency_key: str = strawberry.field(description="Yours; the same again answers with the same job.")
    dry_run: bool = strawberry.field(
        default=False, description="Only says what would happen, line by line, and changes nothing."
    )


@strawberry.input(description="Attempts to write out.")
class ExportAttemptsInput:
    """Whose attempts."""

    idempotency_key: str = strawberry.field(description="Yours; the same again answers with the same job.")
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="A session the viewer manages; all that they own when left out."
    )


ImportParticipantsResult = Annotated[
    Job | Refusal,
    strawberry.union("ImportParticipantsResult", description="The job to follow, or why there is none."),
]
ExportAttemptsResult = Annotated[
    Job | Refusal,
    strawberry.union("ExportAttemptsResult", description="The job to follow, or why there is none."),
]


@strawberry.type
class BulkMutations:
    """Imports and exports."""

    @mutation_field(
        Scope.SESSIONS_WRITE,
        "Enrols many, as `enrolParticipant` does each: who takes part already stays as they are.",
    )
    async def import_participants(
        self,
        info: Info,
        input: ImportParticipantsInput,  # noqa: A002
    ) -> ImportParticipantsResult:
        """Queue the import."""
        key, viewer = local_key(input.session_id, "Session"), info.context.viewer
        clock = info.context.services.clock
        given: Any = input.file  # the web framework's upload, or a plain stream
        stream = getattr(given, "file", given)
        if not hasattr(stream, "read"):
            raise ValidationFailedError.of("file", "required")
        file = await to_thread.run_sync(read_participants, stream)
        row = await info.context.write(
            lambda session: ask_for_import(
                session, viewer, clock, key, file, input.idempotency_key, dry_run=input.dry_run
            )
        )
        return Job.of(row)

    @mutation_field(
        Scope.SESSIONS_READ,
        "Writes attempts handed in to a file of JSON lines, without names: answers, marks and times.",
    )
    async def export_attempts(self, info: Info, input: ExportAttemptsInput) -> ExportAttemptsResult:  # noqa: A002
        """Queue the export."""
        key = None if input.session_id is None else local_key(input.session_id, "Session")
        viewer, clock = info.context.viewer, info.context.services.clock
        row = await info.context.write(
            lambda session: ask_for_export(session, viewer, clock, key, input.idempotency_key)
        )
        return Job.of(row)
