"""Files on their way in: what may be kept is, and a page with text that may name somebody is held.

Every way in goes through `Intake`: uploads, batches, the command line, and whatever else receives files. A
held page is a row before its blob is stored and until it is removed, so that nothing of it is ever forgotten.
Random bytes before the picture make the blob no other's.
"""

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, BinaryIO

from sqlmodel import Session, col, select

from ml.ecg.burned_in.found import Found, Search
from ml.ecg.decoding import MAX_FILE_BYTES, MOST_PAGES, Decoded, DecodeError, DecodeFailure, DecoderPool
from schema.database import Database
from schema.errors import ValidationFailedError
from schema.models.held_pages import HeldPage
from schema.services.blobs import BlobStore, key_of
from schema.services.clock import Clock
from schema.services.once import columns_of

ARRIVING = timedelta(hours=1)
"""How long a page may take from its blob to its case before it goes; docs/operating.md says so too."""
HELD = timedelta(days=7)
"""How long a held page waits to be settled; docs/operating.md says so too."""
SALT_BYTES = 16
THUMBNAIL_MEDIA_TYPE = "image/webp"
_CHUNK = 1 << 20
_LIMITS = {
    f"file_{DecodeFailure.TOO_LARGE.value}": {"megabytes": MAX_FILE_BYTES // 1_000_000},
    f"file_{DecodeFailure.TOO_MANY_PAGES.value}": {"pages": MOST_PAGES},
}
"""What the words of a failure name."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A page of an upload that was decoded and whose blobs are kept."""

    decoded: Decoded
    original_key: str
    rendering_key: str
    thumbnail_key: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A page of an upload that is held: the id of its `HeldPage`."""

    held_id: int


Page = StoredFile | Staged


class Intake:
    """Takes files in. It keeps its own transactions, and is slow: never called inside one."""

    def __init__(self, database: Database, clock: Clock, blobs: BlobStore, decoder: DecoderPool) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._decoder = decoder

    def take(self, owner_id: int, upload: IO[bytes]) -> list[Page]:
        """Decode an upload, page by page, and keep its blobs, or hold a page for its owner to settle.

        What is returned goes to `Recordings.add`, or to `drop` where it goes nowhere.

        Raises
        ------
        ValidationFailedError
            At `file`, with the way the decoding failed as its code.
        """
        with tempfile.NamedTemporaryFile(prefix="chevet-") as staged:
            try:
                _copy(upload, staged)
                pages = self._decoder.decode(Path(staged.name))
            except DecodeError as error:
                raise refusal_of(error) from None
        return [self._page(owner_id, page) for page in pages]

    def drop(self, pages: Sequence[Page]) -> None:
        """Remove what was held of an upload that goes nowhere."""
        for page in pages:
            if isinstance(page, Staged):
                with self._database.read() as session:
                    held = session.get(HeldPage, page.held_id)
                if held is not None and held.case_id is None:
                    self.remove(held)

    def picture(self, held: HeldPage) -> BinaryIO:
        """Open the picture of a held page; raises BlobMissingError when it is gone."""
        stream = self._blobs.open(held.picture_key)
        stream.read(SALT_BYTES)
        return stream

    def remove(self, held: HeldPage) -> None:
        """Remove a held page, its picture first."""
        self._blobs.delete(held.picture_key)
        with self._database.write() as session:
            row = session.get(HeldPage, held.id)
            if row is not None:
                session.delete(row)

    def expire(self) -> int:
        """Remove the pages whose time is over; return how many there were."""
        over = select(HeldPage).where(col(HeldPage.expires_at) <= self._clock())
        with self._database.read() as session:
            found = session.exec(over).all()
        for held in found:
            self.remove(held)
        return len(found)

    def _page(self, owner_id: int, page: Decoded) -> Page:
        if page.kind == "signal":
            return stored(self._blobs, page)
        found = self._found(page)
        return stored(self._blobs, page) if found.clear else self._held(owner_id, page, found)

    def _found(self, page: Decoded) -> Found:
        """Look for text in a page; where that fails, nobody knows what is in it."""
        with lying(page.original) as path:
            try:
                return self._decoder.find_text(path)
            except DecodeError:
                return Found(Search.FAILED)

    def _held(self, owner_id: int, page: Decoded, found: Found) -> Staged:
        data = secrets.token_bytes(SALT_BYTES) + page.original
        held = HeldPage(
            owner_id=owner_id,
            picture_key=key_of(data),
            media_type=page.media_type,
            width=page.width,
            height=page.height,
            search=found.search.value,
            regions=[asdict(region) for region in found.regions],
            created_at=self._clock(),
            expires_at=self._clock() + ARRIVING,
        )
        with self._database.write() as session:
            session.add(held)
            session.flush()
            held_id = held.id or 0
        self._blobs.put(data, "application/octet-stream")
        return Staged(held_id)


def stored(blobs: BlobStore, page: Decoded) -> StoredFile:
    """Keep the blobs of a page."""
    return StoredFile(
        page,
        original_key=blobs.put(page.original, page.media_type),
        rendering_key=blobs.put(page.rendering, page.rendering_media_type),
        thumbnail_key=blobs.put(page.thumbnail_webp, THUMBNAIL_MEDIA_TYPE),
    )


@contextmanager
def lying(data: bytes) -> Iterator[Path]:
    """Let bytes lie in a file for as long as the block lasts."""
    with tempfile.NamedTemporaryFile(prefix="chevet-") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def refusal_of(error: DecodeError, at: str = "file") -> ValidationFailedError:
    """Return the refusal of a file that cannot be decoded."""
    code = f"file_{error.code.value}"
    return ValidationFailedError.of(at, code, **limits_of(code))


def limits_of(code: str) -> dict[str, int]:
    """Return what the words of such a refusal name."""
    return _LIMITS.get(code, {})


def let_go(session: Session, held: HeldPage, clock: Clock) -> None:
    """Let nobody see a held page any more; `Intake.expire` removes its picture."""
    held.sqlmodel_update({"case_id": None, **columns_of(None), "expires_at": clock()})
    session.add(held)


def _copy(upload: IO[bytes], staged: IO[bytes]) -> None:
    size = 0
    while chunk := upload.read(_CHUNK):
        size += len(chunk)
        if size > MAX_FILE_BYTES:
            raise DecodeError(DecodeFailure.TOO_LARGE)
        staged.write(chunk)
    staged.flush()
