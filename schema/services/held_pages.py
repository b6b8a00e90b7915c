"""Pages that are held: seen, settled and discarded by whoever sent them, and by nobody else.

Settling masks what is not called harmless, makes the page a recording, and removes the picture as it was.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from sqlmodel import Session, col, select

from ml.ecg.burned_in.found import Search
from ml.ecg.decoding import DecodeError, DecoderPool
from ml.ecg.editing import Mask
from schema.database import Database
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.cases import Case, RecordingTiming
from schema.models.held_pages import HeldPage
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.blobs import BlobMissingError, BlobStore
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.intake import Intake, let_go, lying, refusal_of, stored
from schema.services.once import Once
from schema.services.paging import Sort, page_of
from schema.services.recordings import Recordings
from schema.services.shelf import Shelf

MOST_BOXES = 10


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decided about a page: of each text found by its number, and of what else is to be masked.

    `looked` says that they have looked at the whole page themselves.
    """

    masked: Collection[int]
    harmless: Collection[int]
    boxes: Sequence[Mask]
    looked: bool = False


class HeldPages:
    """Settles and discards held pages. It keeps its own transactions, and is slow: pictures are made anew."""

    def __init__(  # noqa: PLR0913, PLR0917 - the services of the process
        self,
        database: Database,
        clock: Clock,
        blobs: BlobStore,
        decoder: DecoderPool,
        intake: Intake,
        shelf: Shelf,
    ) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._decoder = decoder
        self._intake = intake
        self._shelf = shelf

    def settle(self, actor: Actor, held_id: int, ruling: Ruling) -> Case:
        """Mask what is not harmless, and add the page to its case.

        Raises
        ------
        NotFoundError
            For what is not the actor's, or is settled, discarded or over.
        ValidationFailedError
            When a text is not decided on or in two ways, a box is none, or nobody has looked at a page in
            which no text could be looked for.
        """
        with self._database.read() as session:
            held = held_page(session, actor, held_id)
            self._cases(session, actor).to_change(held.case_id or 0)
        masks = _masks(held, ruling)
        try:
            with self._intake.picture(held) as picture, lying(picture.read()) as path:
                page = stored(self._blobs, self._decoder.edit(path, masks))
        except DecodeError as error:
            raise refusal_of(error) from None
        except BlobMissingError:
            raise NotFoundError from None
        with self._database.write() as session:
            row = held_page(session, actor, held_id, lock=True)
            case_id, timing = row.case_id or 0, RecordingTiming(row.timing or "")
            once = Once(row.idempotency_key, row.asked_sha256) if row.idempotency_key else None
            let_go(session, row, self._clock)
            session.flush()
            counts = {"masked": len(masks), "harmless": len(set(ruling.harmless))}
            Audit(session, self._clock, actor).record("held_page.settled", "HeldPage", held_id, **counts)
            recordings = Recordings(session, self._cases(session, actor), self._clock)
            case = recordings.add(case_id, [page], row.label, timing, once)
        self._intake.remove(held)
        return case

    def discard(self, actor: Actor, held_id: int) -> None:
        """Remove a page that is held; it becomes no recording."""
        with self._database.write() as session:
            held = held_page(session, actor, held_id, lock=True)
            let_go(session, held, self._clock)
            Audit(session, self._clock, actor).record("held_page.discarded", "HeldPage", held_id)
            session.flush()
        self._intake.remove(held)

    def picture(self, actor: Actor, held_id: int) -> tuple[BinaryIO, str]:
        """Open the picture of a page as it was sent; return it with its media type."""
        with self._database.read() as session:
            held = held_page(session, actor, held_id)
        try:
            return self._intake.picture(held), held.media_type
        except BlobMissingError:
            raise NotFoundError from None

    def _cases(self, session: Session, actor: Actor) -> Cases:
        return Cases(session, actor, self._clock, self._shelf.current.ontology)


def held_page(session: Session, actor: Actor, held_id: int, *, lock: bool = False) -> HeldPage:
    """Return a page the actor sent that waits to be settled; any other is missing."""
    wanted = select(HeldPage).where(
        HeldPage.id == held_id, HeldPage.owner_id == actor.account_id, col(HeldPage.case_id).is_not(None)
    )
    held = session.exec(wanted.with_for_update() if lock else wanted).first()
    if held is None:
        raise NotFoundError
    return held


def page_of_held(session: Session, actor: Actor, request: PageRequest) -> Page[HeldPage]:
    """Return a page of what the actor has to settle, first what was sent first."""
    rows = select(HeldPage).where(HeldPage.owner_id == actor.account_id, col(HeldPage.case_id).is_not(None))
    return page_of(session, rows, [Sort(col(HeldPage.id))], request)


def _masks(held: HeldPage, ruling: Ruling) -> list[Mask]:
    """Return what is to be blacked out."""
    numbers = set(range(1, len(held.regions) + 1))
    masked, harmless = set(ruling.masked), set(ruling.harmless)
    problems = []
    if masked & harmless:
        problems.append(FieldProblem(("harmless",), "decided_twice"))
    if numbers - masked - harmless:
        problems.append(FieldProblem(("masked",), "undecided"))
    if (masked | harmless) - numbers:
        problems.append(FieldProblem(("masked",), "unknown_text"))
    if len(ruling.boxes) > MOST_BOXES:
        problems.append(FieldProblem(("boxes",), "too_many", (("maximum", str(MOST_BOXES)),)))
    for index, box in enumerate(ruling.boxes):
        if not (0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1):
            problems.append(FieldProblem(("boxes", str(index)), "no_box"))
    if held.search != Search.DONE.value and not ruling.looked:
        problems.append(FieldProblem(("looked",), "not_looked"))
    if problems:
        raise ValidationFailedError(problems)
    found = [Mask(*(held.regions[number - 1][side] for side in _SIDES)) for number in sorted(masked)]
    return [*found, *ruling.boxes]


_SIDES = ("left", "top", "right", "bottom")
