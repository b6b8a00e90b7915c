"""A case's ECGs: uploaded, decoded away from this process, kept without anything identifying, ordered."""

from collections.abc import Iterable, Sequence
from typing import IO, Any

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from schema.errors import ConflictError, NotFoundError, ValidationFailedError
from schema.models.cases import Case, Digitisation, Recording, RecordingTiming
from schema.models.held_pages import HeldPage
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.intake import HELD, Page, Staged, StoredFile
from schema.services.once import Once, columns_of, digest_of, made_by
from schema.services.revisions import recordings_of
from schema.services.text import line

MOST = 20
LONGEST_LABEL = 100


class Recordings:
    """Changes to the recordings of one actor's cases; each is a revision of the case.

    Parameters
    ----------
    cases
        The actor's way to the cases.
    """

    def __init__(self, session: Session, cases: Cases, clock: Clock) -> None:
        self._session = session
        self._cases = cases
        self._clock = clock

    def with_room(self, case_id: int, pages: int = 1) -> Case:
        """Return the case if the actor may add recordings to it: worth asking before a file is decoded."""
        case = self._cases.to_change(case_id)
        held = self._session.exec(select(func.count()).where(HeldPage.case_id == case_id)).one()
        if len(recordings_of(self._session, case_id)) + held + pages > MOST:
            raise ValidationFailedError.of("file", "too_many_recordings", maximum=MOST)
        return case

    def imported(self, case_id: int, once: Once | None) -> Case | None:
        """Return the case when the same import has added its recording already.

        Raises
        ------
        NotFoundError, NotAllowedError
            When the actor may not add to the case.
        ValidationFailedError
            When its key was used for another import to the case.
        """
        case = self._cases.to_change(case_id)
        added = made_by(self._session, once, Recording, col(Recording.case_id) == case_id)
        held = made_by(self._session, once, HeldPage, col(HeldPage.case_id) == case_id)
        return case if added or held else None

    def add(
        self,
        case_id: int,
        pages: Sequence[Page],
        label: str | None = None,
        timing: RecordingTiming | None = None,
        once: Once | None = None,
    ) -> Case:
        """Add the pages of a file after the others, once for each import: one revision, all or none.

        Without a label they are numbered (ECG_01); a label is followed by the number of a page but the first.
        A page that is held waits beside the case, and is no part of it.
        """
        known = self.imported(case_id, once)
        if known is not None:
            return known
        case = self.with_room(case_id, len(pages))
        others = recordings_of(self._session, case_id)
        for number, page in enumerate(pages, start=1):
            place: dict[str, Any] = {
                "case_id": case_id,
                "label": None if label is None else _label(label, number),
                "timing": (timing or RecordingTiming.INITIAL).value,
                **columns_of(once if number == 1 else None),
            }
            if isinstance(page, Staged):
                self._hold(page, place)
                continue
            place["label"] = place["label"] or _next_label(others)
            recording = Recording(**content_of(page), position=len(others), created_at=self._clock(), **place)
            self._session.add(recording)
            others.append(recording)
        added = any(isinstance(page, StoredFile) for page in pages)
        return self._cases.saved(case, "case.recording_added") if added else case

    def update(
        self, recording_id: int, label: str | None = None, timing: RecordingTiming | None = None
    ) -> Case:
        """Change the label or the timing; changing nothing makes no revision."""
        recording, case = self.to_change(recording_id)
        before = (recording.label, recording.timing)
        recording.label = recording.label if label is None else _label(label)
        recording.timing = recording.timing if timing is None else timing.value
        if (recording.label, recording.timing) == before:
            return case
        return self._cases.saved(case, "case.recording_updated")

    def move(self, recording_id: int, position: int) -> Case:
        """Put a recording at a place among the others, counted from 0."""
        recording, case = self.to_change(recording_id)
        ordered = recordings_of(self._session, recording.case_id)
        if not 0 <= position < len(ordered):
            raise ValidationFailedError.of("position", "out_of_range", minimum=0, maximum=len(ordered) - 1)
        if ordered.index(recording) == position:
            return case
        ordered.remove(recording)
        ordered.insert(position, recording)
        _number(ordered)
        return self._cases.saved(case, "case.recording_moved")

    def remove(self, recording_id: int) -> Case:
        """Take a recording out of its case; earlier revisions keep it, and its files with it."""
        recording, case = self.to_change(recording_id)
        self._session.execute(delete(Digitisation).where(col(Digitisation.recording_id) == recording_id))
        self._session.delete(recording)
        self._session.flush()
        _number(recordings_of(self._session, recording.case_id))
        return self._cases.saved(case, "case.recording_removed")

    def _hold(self, page: Staged, place: dict[str, Any]) -> None:
        held = self._session.get(HeldPage, page.held_id)
        if held is None:
            raise NotFoundError
        held.sqlmodel_update({**place, "expires_at": self._clock() + HELD})
        self._session.add(held)

    def keep(self, proposal: Digitisation) -> Case:
        """Add what a picture was read as right behind it, under its label, once for each reading.

        Raises
        ------
        ValidationFailedError
            When there is nothing to keep, or no room.
        ConflictError
            When the picture was changed after it was read.
        """
        picture, case = self.to_change(proposal.recording_id)
        once = Once(f"digitisation:{proposal.job_id}", proposal.picture_key)
        if self.imported(picture.case_id, once) is not None:
            return case
        if proposal.found is None:
            raise ValidationFailedError.of("recordingId", "nothing_digitised")
        if picture.rendering_key != proposal.picture_key:
            raise ConflictError("picture_changed")
        self.with_room(picture.case_id)
        ordered = recordings_of(self._session, picture.case_id)
        kept = Recording(
            **proposal.found,
            case_id=picture.case_id,
            label=picture.label,
            timing=picture.timing,
            position=len(ordered),
            **columns_of(once),
            created_at=self._clock(),
        )
        self._session.add(kept)
        ordered.insert(ordered.index(picture) + 1, kept)
        _number(ordered)
        return self._cases.saved(case, "case.recording_digitised")

    def to_change(self, recording_id: int, revision: int | None = None) -> tuple[Recording, Case]:
        """Return a recording that is about to change and its case; raises as `Cases.to_change` does."""
        case_id = self._session.exec(select(Recording.case_id).where(Recording.id == recording_id)).first()
        if case_id is None:
            raise NotFoundError
        case = self._cases.to_change(case_id, revision)
        recording = self._session.get(Recording, recording_id)
        if recording is None:
            raise NotFoundError
        return recording, case


def import_of(
    key: str | None, file: IO[bytes], label: str | None, timing: RecordingTiming | None
) -> Once | None:
    """Return what the import of a file is known by, should it be sent again. Slow: the file is read.

    Raises
    ------
    ValidationFailedError
        When the key or the label is none.
    """
    if key is None:
        return None
    return Once.of(key, [digest_of(file), None if label is None else _label(label), timing])


def content_of(page: StoredFile) -> dict[str, Any]:
    """Return the columns of `Recording` that a stored page fills."""
    decoded = page.decoded
    return {
        "kind": decoded.kind,
        "media_type": decoded.media_type,
        "original_key": page.original_key,
        "rendering_key": page.rendering_key,
        "rendering_media_type": decoded.rendering_media_type,
        "thumbnail_key": page.thumbnail_key,
        "width": decoded.width,
        "height": decoded.height,
        "pixels_per_mm": decoded.pixels_per_mm,
        "sampling_rate_hz": decoded.sampling_rate_hz,
        "duration_s": decoded.duration_s,
        "leads": list(decoded.leads),
        "paper": decoded.paper,
    }


def _label(label: str, page: int = 1) -> str:
    tidy, problems = line(label, "label", LONGEST_LABEL)
    if problems:
        raise ValidationFailedError(problems)
    suffix = f" ({page})" if page > 1 else ""
    return tidy[: LONGEST_LABEL - len(suffix)] + suffix


def _next_label(others: Iterable[Recording]) -> str:
    taken = {recording.label for recording in others}
    numbers = range(len(taken) + 1, 2 * len(taken) + 2)
    return next(label for number in numbers if (label := f"ECG_{number:02d}") not in taken)


def _number(ordered: list[Recording]) -> None:
    for position, recording in enumerate(ordered):
        recording.position = position
