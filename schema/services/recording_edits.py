"""Pictures of recordings cropped, turned, straightened and masked: the picture before stays, for the owner.

What is shown, exported and read is the edited picture and no other: `Recording.original_key` names it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from ml.ecg import editing
from ml.ecg.decoding import Decoded, DecodeError, DecoderPool
from ml.ecg.editing import Proposal, Step, StepsError
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.cases import Case, Recording
from schema.policy import Actor, may_change_case
from schema.services.blobs import BlobStore, lying
from schema.services.cases import Cases
from schema.services.intake import StoredFile, refusal_of, stored
from schema.services.recordings import Recordings

PICTURE = "image"


@dataclass(frozen=True, slots=True)
class Unedited:
    """A picture as it was before it was edited: the blob it is in; and the steps it was edited by."""

    key: str
    steps: tuple[Step, ...]


class RecordingEdits:
    """Edits of the pictures of one actor's cases; each is a revision of the case.

    Parameters
    ----------
    cases
        The actor's way to the cases.
    recordings
        The actor's way to the recordings.
    """

    def __init__(self, session: Session, actor: Actor, cases: Cases, recordings: Recordings) -> None:
        self._session = session
        self._actor = actor
        self._cases = cases
        self._recordings = recordings

    def get(self, recording_id: int) -> Recording:
        """Return a picture the actor may edit; any other recording is missing."""
        recording = self._session.get(Recording, recording_id)
        if recording is None or recording.kind != PICTURE:
            raise NotFoundError
        if not may_change_case(self._actor, self._cases.get(recording.case_id).owner_id):
            raise NotFoundError
        return recording

    def to_edit(self, recording_id: int, revision: int) -> tuple[Unedited, Case]:
        """Return the picture to edit and its case as it stands.

        Raises
        ------
        NotFoundError, NotAllowedError, ConflictError
            As `Cases.to_change` does.
        ValidationFailedError
            For a signal.
        """
        recording, case = self._recordings.to_change(recording_id, revision)
        if recording.kind != PICTURE:
            raise ValidationFailedError.of("recordingId", "not_a_picture")
        return unedited(recording), case

    def keep(self, recording_id: int, revision: int, steps: Sequence[Step], edited: StoredFile) -> Case:
        """Put the edited picture in the place of the recording's; without a step, the one before."""
        before, case = self.to_edit(recording_id, revision)
        recording = self._session.get_one(Recording, recording_id)
        decoded = edited.decoded
        recording.original_key, recording.media_type = edited.original_key, decoded.media_type
        recording.rendering_key = edited.rendering_key
        recording.rendering_media_type = decoded.rendering_media_type
        recording.thumbnail_key = edited.thumbnail_key
        recording.width, recording.height = decoded.width, decoded.height
        recording.unedited_key = before.key if steps else None
        recording.steps = editing.written(steps)
        return self._cases.saved(case, "case.recording_edited", recording=recording_id, steps=len(steps))


def unedited(recording: Recording) -> Unedited:
    """Return a recording's picture as it was before it was edited."""
    key = recording.unedited_key or recording.original_key
    return Unedited(key, editing.parse(recording.steps))


def parsed(steps: list[dict[str, object]]) -> tuple[Step, ...]:
    """Read steps as `ml.ecg.editing.parse` does; raises ValidationFailedError at `steps` with every fault."""
    try:
        return editing.parse(steps)
    except StepsError as error:
        problems = [
            FieldProblem(
                _place(fault.path),
                fault.code,
                tuple((name, f"{limit:g}") for name, limit in fault.limits.items()),
            )
            for fault in error.faults
        ]
        raise ValidationFailedError(problems) from None


def _place(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return where in an `EditStepInput` a fault lies: what is a field there and no object ends the path."""
    return ("steps", *(path[:2] if path[1:2] in {("rotate",), ("straighten",)} else path))


def edit(decoder: DecoderPool, blobs: BlobStore, picture: Unedited, steps: Sequence[Step]) -> StoredFile:
    """Edit a picture and keep its blobs; slow, so never inside a transaction.

    Raises
    ------
    ValidationFailedError
        At `steps`, when they leave too little or too much, or take too long.
    """
    with _staged(blobs, picture.key) as path:
        return stored(blobs, decoder.edit(path, steps))


def preview(decoder: DecoderPool, blobs: BlobStore, picture: Unedited, steps: Sequence[Step]) -> Decoded:
    """Return how a picture would look, keeping nothing; raises as `edit` does."""
    with _staged(blobs, picture.key) as path:
        return decoder.preview(path, steps)


def propose(decoder: DecoderPool, blobs: BlobStore, picture: Unedited, steps: Sequence[Step]) -> Proposal:
    """Return what would lay a picture straight after these steps; raises as `edit` does."""
    with _staged(blobs, picture.key) as path:
        return decoder.propose(path, steps)


@contextmanager
def _staged(blobs: BlobStore, key: str) -> Iterator[Path]:
    """Have a blob as a file, and what goes wrong with its picture as a refusal of the steps."""
    try:
        with lying(blobs, key) as path:
            yield path
    except DecodeError as error:
        raise refusal_of(error, "steps") from None
