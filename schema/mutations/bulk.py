"""Long work on many at once: each answers with a job to follow."""

from typing import Annotated, Any

import strawberry
from anyio import to_thread
from strawberry.file_uploads import Upload

from ml.ecg.batch import File, Grouping
from schema.context import Info
from schema.errors import ValidationFailedError
from schema.messages import N_
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.attempt_exports import ask_for_export
from schema.services.participant_files import read_participants
from schema.services.participant_imports import ask_for_import
from schema.types.base import local_key
from schema.types.enums import describe_enum
from schema.types.jobs import Job

IMPORTED = N_("Imported ECG")

describe_enum(
    Grouping,
    "RecordingGrouping",
    "Which of many ECGs make one case.",
    "Each a case of its own.",
    "Those of one folder.",
    "Those of one folder whose names are the same up to the last underscore, hyphen or blank.",
)


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
    idempotency_key: str = strawberry.field(
        description="Yours; the same request under it answers with the same job, another one is refused."
    )
    dry_run: bool = strawberry.field(
        default=False, description="Only says what would happen, line by line, and changes nothing."
    )


@strawberry.input(description="Attempts to write out.")
class ExportAttemptsInput:
    """Whose attempts."""

    idempotency_key: str = strawberry.field(
        description="Yours; the same request under it answers with the same job, another one is refused."
    )
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="A session the viewer manages; all that they own when left out."
    )


@strawberry.input(description="ECGs to make cases of.")
class ImportRecordingsInput:
    """Files, and what belongs together."""

    files: list[Upload] = strawberry.field(
        description="Files as `addRecording` takes them, each at most 200 MB, and zips of such files; at "
        "most 500 ECGs in all. They are taken in the order of their paths; their names are not kept."
    )
    idempotency_key: str = strawberry.field(
        description="Yours; the same request under it answers with the same job, and goes on with what was "
        "half sent; another one is refused."
    )
    grouping: Grouping = strawberry.field(default=Grouping.EACH, description="What belongs to one case.")
    name: str | None = strawberry.field(
        default=None,
        description="What the cases are called, before a number, at most 180 characters; « Imported ECG » "
        "when left out.",
    )


ImportRecordingsResult = Annotated[
    Job | Refusal,
    strawberry.union("ImportRecordingsResult", description="The job to follow, or why there is none."),
]
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
        Scope.CASES_WRITE,
        "Makes drafts of many ECGs, a file at a time: what cannot be read is told, and the others are kept.",
    )
    async def import_recordings(
        self,
        info: Info,
        input: ImportRecordingsInput,  # noqa: A002
    ) -> ImportRecordingsResult:
        """Take the files in and queue the import."""
        context = info.context
        files = [_file(given) for given in input.files]
        name = context.translate(IMPORTED) if input.name is None else input.name
        imports, viewer = context.services.recording_imports, context.viewer
        row = await context.call(
            lambda: imports.ask(viewer, files, input.grouping, name, input.idempotency_key)
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


def _file(given: Any) -> File:
    """Return an upload of the web framework, or a plain stream."""
    stream = getattr(given, "file", given)
    if not hasattr(stream, "read"):
        raise ValidationFailedError.of("files", "required")
    return File(str(getattr(given, "filename", None) or ""), stream)
