"""Files that a deleted case had, or that are forgotten: removed a day later, unless something has them then.

So are files whose row is still to be written: noted before they are stored, none stays that nobody knows of.

A file has its content's name, so two cases may have the same one, and one may be sent again at any moment.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import String, or_
from sqlalchemy import cast as cast_to
from sqlmodel import Session, col, select

from schema.database import Database
from schema.models.cases import CaseRevision, Digitisation, Recording
from schema.models.predictions import Prediction
from schema.models.segmentations import Segmentation
from schema.services import jobs
from schema.services.blobs import KEY, BlobStore
from schema.services.clock import Clock
from schema.services.jobs import Again, Claim

RELEASE_JOB = "release_files"
KEPT = timedelta(days=1)
"""How long files stay: an upload that met them has long been kept by then; docs/operating.md says so too."""
AT_ONCE = 50
"""Files a job has: each is looked for in the snapshots of cases."""
COLUMNS: tuple[str | None, ...] = (
    Recording.original_key,
    Recording.rendering_key,
    Recording.thumbnail_key,
    Recording.unedited_key,
    Digitisation.picture_key,
    Prediction.input_sha256,
)
DOCUMENTS = (Segmentation.figures, Segmentation.images, Digitisation.found, CaseRevision.snapshot)
"""Where else the keys of files are, what is read whole last: most files are found before."""


def let_loose(session: Session, clock: Clock, case_id: int) -> None:
    """Have the files removed that a case and its revisions have; before its rows are deleted."""
    recordings = session.exec(select(Recording).where(Recording.case_id == case_id)).all()
    its = select(Recording.id).where(Recording.case_id == case_id)
    read = session.exec(select(Digitisation).where(col(Digitisation.recording_id).in_(its))).all()
    revisions = session.exec(select(CaseRevision.snapshot).where(CaseRevision.case_id == case_id)).all()
    had = _named(json.dumps([*(row.model_dump(mode="json") for row in (*recordings, *read)), *revisions]))
    release(session, clock, had)


def release(session: Session, clock: Clock, keys: Iterable[str]) -> None:
    """Have files removed that nothing has any more by then."""
    ordered = sorted(set(keys))
    for first in range(0, len(ordered), AT_ONCE):
        keys = ordered[first : first + AT_ONCE]
        jobs.enqueue(session, clock, RELEASE_JOB, {"keys": keys}, run_after=clock() + KEPT)


class LooseFiles:
    """Removes them. It keeps its own transactions."""

    def __init__(self, database: Database, clock: Clock, blobs: BlobStore) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs

    def expect(self, keys: Iterable[str]) -> None:
        """Have files removed that are about to be stored, unless something has them by then."""
        with self._database.write() as session:
            release(session, self._clock, keys)

    def work(self, claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any] | Again:
        """Remove what nothing has; come again for what was sent meanwhile, and may be about to be kept."""
        keys = claim.payload["keys"]
        with self._database.read() as session:
            loose = _loose(session, keys)
        before = self._clock() - KEPT / 2
        gone = [self._blobs.discard(key, before) for key in sorted(loose)]
        return {"removed": len(gone)} if all(gone) else Again(lambda _session: self._clock() + KEPT)


def _loose(session: Session, keys: Iterable[str]) -> set[str]:
    """Return which of these files no recording, revision, prediction or segmentation has."""
    left = set(keys)
    for column in COLUMNS:
        rows = session.exec(select(col(column)).where(col(column).in_(left)).distinct())
        left.difference_update(each for each in rows if each)
    for document in DOCUMENTS:
        if not left:
            break
        text = cast_to(col(document), String)
        for each in session.exec(select(text).where(or_(*(text.contains(key) for key in left)))):
            left -= _named(each)
    return left


def _named(text: str) -> set[str]:
    return set(re.findall(rf'(?<=")({KEY.pattern})(?=")', text))
