"""How a picture was edited, and how it would look."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.recording_edits import Unedited, parsed, preview, propose, unedited
from schema.types.base import local_key
from schema.types.recording_edits import (
    EditStepInput,
    RecordingEdit,
    RecordingEditPreview,
    RecordingEditProposal,
    edits_for,
)

RecordingId = Annotated[strawberry.ID, strawberry.argument(description="A picture of one's own cases.")]
Steps = Annotated[
    list[EditStepInput],
    strawberry.argument(description="What is done to the unedited picture, in order; at most 50."),
]


@strawberry.type
class RecordingEditQueries:
    """Queries about edits of pictures."""

    @query_field(
        Scope.CASES_WRITE, "How a picture was edited; null when it is none of a case the viewer may change."
    )
    async def recording_edit(self, info: Info, recording_id: RecordingId) -> RecordingEdit | None:
        """Return the edit."""
        key, context = local_key(recording_id, "Recording"), info.context
        return RecordingEdit.of(await context.read(lambda session: edits_for(session, context).get(key)))

    @query_field(
        Scope.CASES_WRITE,
        "How a picture would look after steps; null when it is none of a case the viewer may change.",
    )
    async def recording_edit_preview(
        self, info: Info, recording_id: RecordingId, steps: Steps
    ) -> RecordingEditPreview | None:
        """Edit it in a child and keep nothing."""
        picture, done = await _unedited(info, recording_id), parsed([step.written() for step in steps])
        services = info.context.services
        shown = await to_thread.run_sync(preview, services.decoder, services.blobs, picture, done)
        return RecordingEditPreview.of(shown)

    @query_field(
        Scope.CASES_WRITE,
        "What would lay a picture straight on its grid, after steps; null when it is none of a case the "
        "viewer may change.",
    )
    async def recording_edit_proposal(
        self, info: Info, recording_id: RecordingId, steps: Steps
    ) -> RecordingEditProposal | None:
        """Look for the grid in a child."""
        picture, done = await _unedited(info, recording_id), parsed([step.written() for step in steps])
        services = info.context.services
        found = await to_thread.run_sync(propose, services.decoder, services.blobs, picture, done)
        return RecordingEditProposal.of(found)


async def _unedited(info: Info, recording_id: strawberry.ID) -> Unedited:
    key, context = local_key(recording_id, "Recording"), info.context
    return unedited(await context.read(lambda session: edits_for(session, context).get(key)))
