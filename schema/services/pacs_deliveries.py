"""Recordings sent to the hospital's archives (PACS): de-identified, under labels that are made up."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from ml.pacs import asking
from ml.pacs.archives import Archive, Labels, PacsError, PacsFault
from schema.database import Database
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.cases import Recording
from schema.policy import Actor, Scope
from schema.services.audit import Audit
from schema.services.blobs import BlobMissingError, BlobStore, lying
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.pacs import problem_of
from schema.services.passwords import Passwords
from schema.services.shelf import Shelf

PSEUDONYM_DIGITS = 16


@dataclass(frozen=True)
class Delivery:
    """What an archive said to a recording.

    Attributes
    ----------
    status
        As it put it; empty where it said nothing.
    fault
        Why it said nothing.
    """

    archive: str
    stored: bool = False
    status: str = ""
    fault: PacsFault | None = None

    @property
    def problem(self) -> FieldProblem | None:
        """Return why it has not got the recording."""
        if self.fault is not None:
            return problem_of(self.fault)
        if self.stored:
            return None
        return FieldProblem(("archive",), "pacs_not_stored", (("status", self.status),))


class PacsDeliveries:
    """Sends recordings to archives. It keeps its own transactions, and waits for the archive."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        database: Database,
        clock: Clock,
        archives: Mapping[str, Archive],
        passwords: Passwords,
        shelf: Shelf,
        blobs: BlobStore,
    ) -> None:
        self._database = database
        self._clock = clock
        self._archives = archives
        self._passwords = passwords
        self._shelf = shelf
        self._blobs = blobs

    def names(self, actor: Actor) -> list[str]:
        """Return the archives the actor may send to."""
        if not actor.may(Scope.PACS):
            return []
        return [name for name, archive in self._archives.items() if archive.stores]

    def send(self, actor: Actor, recording_id: int, name: str) -> Delivery:
        """Send a recording; sent again it is the same object. What became of it is on the trail.

        Raises
        ------
        NotFoundError
            For what is not a recording of the actor's own cases: pages that are held are none.
        ValidationFailedError
            At `archive`, where none of that name takes recordings.
        """
        with self._database.read() as session:
            recording = self._own(session, actor, recording_id)
        archive = self._archives.get(name)
        if archive is None or not archive.stores:
            raise ValidationFailedError.of("archive", "pacs_takes_none")
        self._record(actor, recording_id, "pacs.sending", archive=name)
        try:
            with lying(self._blobs, recording.original_key) as path:
                said = asking.store(archive, path, recording.media_type, self._labels(recording))
        except BlobMissingError:
            raise NotFoundError from None
        except PacsError as error:
            delivery = Delivery(name, fault=error.fault)
        else:
            delivery = Delivery(name, said.stored, said.status)
        code = delivery.problem.code if delivery.problem else ""
        self._record(actor, recording_id, "pacs.sent", archive=name, fault=code, status=delivery.status)
        return delivery

    def _own(self, session: Session, actor: Actor, recording_id: int) -> Recording:
        recording = session.get(Recording, recording_id)
        cases = Cases(session, actor, self._clock, self._shelf.current.ontology)
        if recording is None or not cases.manages(recording.case_id):
            raise NotFoundError
        return recording

    def _record(self, actor: Actor, recording_id: int, action: str, **detail: str) -> None:
        with self._database.write() as session:
            Audit(session, self._clock, actor).record(action, "Recording", recording_id, **detail)

    def _labels(self, recording: Recording) -> Labels:
        """Make up labels by the site's key: the same each time, and telling nobody which case it is.

        A picture that was edited since is another object, since an identifier is of one content.
        """
        case, kind = str(recording.case_id), f"{recording.case_id}:{recording.kind}"
        return Labels(
            patient=f"CHEVET-{self._digits('patient', case)[:PSEUDONYM_DIGITS].upper()}",
            study=self._uid("study", case),
            series=self._uid("series", kind),
            uid=self._uid("object", f"{recording.id}:{recording.original_key}"),
            number=recording.position + 1,
        )

    def _uid(self, level: str, text: str) -> str:
        """Return a UID made from a UUID (PS3.5 B.2)."""
        return f"2.25.{UUID(self._digits(level, text)[:32], version=5).int}"

    def _digits(self, level: str, text: str) -> str:
        return self._passwords.keyed(f"pacs {level}", text)
