"""Edits of the pictures of recordings."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.recording_edits import edit, parsed
from schema.types.base import local_key
from schema.types.cases import Case
from schema.types.recording_edits import EditStepInput, edits_for


@strawberry.input(description="What to do to a recording's picture.")
class EditRecordingImageInput:
    """A picture and all that is done to it."""

    recording_id: strawberry.ID = strawberry.field(description="A recording that is a picture.")
    revision: int = strawberry.field(description="The case's revision that the viewer saw.")
    steps: list[EditStepInput] = strawberry.field(
        description="What is done to the unedited picture, in order, in place of what was done before; at "
        "most 50. Without any the picture is again what it was."
    )


EditRecordingImageResult = Annotated[
    Case | Refusal,
    strawberry.union("EditRecordingImageResult", description="The case, or why the picture was left."),
]


@strawberry.type
class RecordingEditMutations:
    """Edits."""

    @mutation_field(
        Scope.CASES_WRITE,
        "Crops, turns, straightens and masks the picture of a recording; sessions keep the one they have. "
        "The picture before stays, for those who may change the case.",
    )
    async def edit_recording_image(
        self,
        info: Info,
        input: EditRecordingImageInput,  # noqa: A002
    ) -> EditRecordingImageResult:
        """Ask first, then edit outside any transaction, then put it in place; the same again does nothing."""
        key, context, revision = local_key(input.recording_id, "Recording"), info.context, input.revision
        picture, case = await context.read(lambda session: edits_for(session, context).to_edit(key, revision))
        steps = parsed([step.written() for step in input.steps])
        if steps == picture.steps:
            return Case.of(case)
        services = context.services
        edited = await to_thread.run_sync(edit, services.decoder, services.blobs, picture, steps)
        made = await context.write(
            lambda session: edits_for(session, context).keep(key, revision, steps, edited)
        )
        return Case.of(made)
