"""Changes to a case's recordings: each answers with the whole case as it then is."""

from typing import Annotated, Any

import strawberry
from anyio import to_thread
from sqlmodel import Session
from strawberry.file_uploads import Upload

from schema.context import Context, Info
from schema.errors import DomainError, ValidationFailedError
from schema.models.cases import RecordingTiming
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.recordings import Recordings, import_of
from schema.types.base import local_key
from schema.types.cases import Case, cases_for


@strawberry.input(description="An ECG to add to a case.")
class AddRecordingInput:
    """A file and what to call it."""

    case_id: strawberry.ID = strawberry.field(description="The case.")
    file: Upload = strawberry.field(
        description="A picture, a PDF or a recording in any format that is read, told by its content, at "
        "most 200 MB; each page is a recording. Its name is not kept."
    )
    label: str | None = strawberry.field(
        default=None,
        description="At most 100 characters; the next ECG_01, ECG_02 when left out. Further "
        "pages are numbered after it.",
    )
    timing: RecordingTiming = strawberry.field(
        default=RecordingTiming.INITIAL, description="When in the patient's course it was taken."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="At most 100 characters, the case's own: an import sent again under its key adds "
        "nothing, another one is refused.",
    )


@strawberry.input(description="Fields of a recording to change; what is left out stays.")
class UpdateRecordingInput:
    """Changes to a recording."""

    id: strawberry.ID = strawberry.field(description="The recording.")
    label: str | None = strawberry.field(default=None, description="At most 100 characters.")
    timing: RecordingTiming | None = strawberry.field(
        default=None, description="When in the patient's course it was taken."
    )


@strawberry.input(description="Where to put a recording.")
class MoveRecordingInput:
    """A recording and its place."""

    id: strawberry.ID = strawberry.field(description="The recording.")
    position: int = strawberry.field(description="Its place among the case's recordings, counted from 0.")


@strawberry.input(description="A recording to take out of its case.")
class RemoveRecordingInput:
    """A recording."""

    id: strawberry.ID = strawberry.field(description="The recording.")


AddRecordingResult = Annotated[
    Case | Refusal,
    strawberry.union(
        "AddRecordingResult", description="The case, with what is held of the file, or why nothing was added."
    ),
]
UpdateRecordingResult = Annotated[
    Case | Refusal, strawberry.union("UpdateRecordingResult", description="The case, or why it was left.")
]
MoveRecordingResult = Annotated[
    Case | Refusal, strawberry.union("MoveRecordingResult", description="The case, or why it was left.")
]
RemoveRecordingResult = Annotated[
    Case | Refusal, strawberry.union("RemoveRecordingResult", description="The case, or why it was left.")
]


@strawberry.type
class RecordingMutations:
    """Changes to recordings."""

    @mutation_field(
        Scope.CASES_WRITE,
        "Adds an ECG to a case, after the others; of several pages, each. A page with text that may name "
        "somebody is held until that is settled: see `Case.heldPages`.",
    )
    async def add_recording(self, info: Info, input: AddRecordingInput) -> AddRecordingResult:  # noqa: A002
        """Ask first, then decode outside any transaction, then add."""
        key, context = local_key(input.case_id, "Case"), info.context
        services = context.services
        upload: Any = input.file  # the web framework's upload, or a plain stream
        stream = getattr(upload, "file", upload)
        if not hasattr(stream, "read"):
            raise ValidationFailedError.of("file", "required")
        once = await to_thread.run_sync(import_of, input.idempotency_key, stream, input.label, input.timing)
        known = await context.read(lambda session: _recordings(session, context).imported(key, once))
        if known is not None:
            return Case.of(known)
        await context.read(lambda session: _recordings(session, context).with_room(key))
        owner = context.viewer.account_id
        pages = await to_thread.run_sync(services.intake.take, owner, stream)

        try:
            case = await context.write(
                lambda session: _recordings(session, context).add(key, pages, input.label, input.timing, once)
            )
        except DomainError:
            await to_thread.run_sync(services.intake.drop, pages)
            raise
        return Case.of(case)

    @mutation_field(Scope.CASES_WRITE, "Changes a recording's label or timing.")
    async def update_recording(self, info: Info, input: UpdateRecordingInput) -> UpdateRecordingResult:  # noqa: A002
        """Change what was given."""
        key, context = local_key(input.id, "Recording"), info.context
        case = await context.write(
            lambda session: _recordings(session, context).update(key, input.label, input.timing)
        )
        return Case.of(case)

    @mutation_field(Scope.CASES_WRITE, "Puts a recording at a place among the case's others.")
    async def move_recording(self, info: Info, input: MoveRecordingInput) -> MoveRecordingResult:  # noqa: A002
        """Reorder."""
        key, context = local_key(input.id, "Recording"), info.context
        case = await context.write(lambda session: _recordings(session, context).move(key, input.position))
        return Case.of(case)

    @mutation_field(Scope.CASES_WRITE, "Takes a recording out of its case; earlier revisions keep it.")
    async def remove_recording(self, info: Info, input: RemoveRecordingInput) -> RemoveRecordingResult:  # noqa: A002
        """Remove."""
        key, context = local_key(input.id, "Recording"), info.context
        return Case.of(await context.write(lambda session: _recordings(session, context).remove(key)))


def _recordings(session: Session, context: Context) -> Recordings:
    return Recordings(session, cases_for(session, context), context.services.clock)
