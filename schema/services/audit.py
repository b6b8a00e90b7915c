"""The append-only trail of who changed what, as a hash chain, and its verifier.

Each row's hash covers the previous row's hash and every column of its own, so an edit, a swap or a deletion
breaks the chain where it happened. A chain alone cannot tell that its last rows are missing: `audit_head`
holds, in the same transaction, how many rows there are and the last one's hash. Someone who may write to the
database and knows this code can still build another chain; the head the verifier reports, kept elsewhere
from time to time, uncovers that as well.
"""

import hashlib
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import RowMapping, text
from sqlmodel import Session, col, select

from schema.errors import NotFoundError
from schema.models.accounts import AuditEvent, AuditHead
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services.clock import Clock
from schema.services.events import EVENT_LOCK
from schema.services.paging import Sort, page_of
from schema.services.text import storable

GENESIS = "0" * 64
"""What stands for the hash before the first row's."""

EVERYTHING = text("""
    SELECT h.rows AS head_rows, h.hash AS head_hash, e.*
    FROM audit_head h LEFT JOIN audit_event e ON 1 = 1
    ORDER BY e.sequence
""")
"""One statement, hence one instant whatever is appended meanwhile; and plain SQL, hence the stored values as
they are, so that one which no longer reads as its type is found instead of stopping the verifier."""


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """What the verifier found.

    Parameters
    ----------
    rows
        How many rows are sound, counted from the first.
    first_broken
        Sequence of the first row that was edited, moved, removed or added; None when all is well.
    reason
        What is wrong with it, in English.
    head
        The last sound row's hash: worth keeping elsewhere.
    """

    rows: int
    first_broken: int | None = None
    reason: str = ""
    head: str = GENESIS

    @property
    def ok(self) -> bool:
        """Return whether the whole trail is as it was written."""
        return self.first_broken is None


class Trail(Protocol):
    """What a change is told to."""

    def record(self, action: str, target_type: str, target_id: int | None, **detail: Any) -> object:
        """Tell one event, as `Audit.record` does."""
        ...


@dataclass(frozen=True, slots=True)
class Audit:
    """Appends to the trail, in the transaction of the change it tells of.

    Parameters
    ----------
    actor
        Who acts; None for the command line and for the system itself.
    """

    session: Session
    clock: Clock
    actor: Actor | None

    def record(self, action: str, target_type: str, target_id: int | None, **detail: Any) -> AuditEvent:
        """Append one event.

        Parameters
        ----------
        action
            Object and verb, e.g. `case.validated`.
        target_type
            The changed object's name in the API, e.g. `Case`.
        detail
            What helps to understand the change; never personal data.
        """
        head = self._head()
        link = _Link(
            sequence=head.rows + 1,
            at=self.clock(),
            actor_id=self.actor.account_id if self.actor else None,
            token_id=self.actor.token_id if self.actor else None,
            action=action,
            target_type=target_type,
            target_id=target_id,
            detail=orjson.loads(orjson.dumps(detail)),  # as it will be read back
            previous_hash=head.hash,
        )
        event = AuditEvent(**{part.name: getattr(link, part.name) for part in fields(link)}, hash=link.hash())
        head.rows, head.hash = event.sequence, event.hash
        self.session.add(event)
        self.session.flush()
        return event

    def get(self, sequence: int) -> AuditEvent:
        """Return one event; raises NotFoundError."""
        event = self.session.get(AuditEvent, sequence)
        if event is None:
            raise NotFoundError
        return event

    def page(self, request: PageRequest, action: str | None = None) -> Page[AuditEvent]:
        """Return a page of the trail, or of one kind of action, newest first."""
        newest = Sort(col(AuditEvent.sequence), descending=True)
        events = select(AuditEvent)
        if action is not None:
            events = events.where(AuditEvent.action == storable(action))
        return page_of(self.session, events, [newest], request)

    def _head(self) -> AuditHead:
        """Return the chain's end, held until the transaction ends so that links follow one another."""
        if self.session.get_bind().dialect.name == "postgresql":
            self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
        head = self.session.get(AuditHead, 1, populate_existing=True)
        if head is None:
            head = AuditHead(id=1, rows=0, hash=GENESIS)
            self.session.add(head)
        return head


@dataclass(frozen=True, slots=True)
class HeldAudit:
    """Keeps what several changes tell until the last of them is made: the trail's end makes others wait."""

    records: list[tuple[str, str, int | None, dict[str, Any]]] = field(default_factory=list)

    def record(self, action: str, target_type: str, target_id: int | None, **detail: Any) -> None:
        """Keep one event."""
        self.records.append((action, target_type, target_id, detail))

    def append_to(self, audit: Audit) -> None:
        """Append what was kept, in the transaction of the changes."""
        for action, target_type, target_id, detail in self.records:
            audit.record(action, target_type, target_id, **detail)


def verify(session: Session) -> AuditVerification:
    """Walk the whole trail and name the first row that is not as it was written."""
    last, rows, head = GENESIS, 0, None
    with session.execute(EVERYTHING, execution_options={"yield_per": 1_000}) as found:
        for row in found.mappings():
            head = (row["head_rows"], row["head_hash"])
            if row["sequence"] is None:
                break
            fault = _fault(row, rows + 1, last)
            if fault is not None:
                return AuditVerification(rows, fault[0], fault[1], last)
            rows, last = rows + 1, row["hash"]
    if head is None:
        return _without_head(session)
    if head != (rows, last):
        return AuditVerification(rows, rows + 1, f"the trail should have {head[0]} rows", last)
    return AuditVerification(rows, head=last)


@dataclass(frozen=True, slots=True)
class _Link:
    sequence: int
    at: datetime
    actor_id: int | None
    token_id: int | None
    action: str
    target_type: str
    target_id: int | None
    detail: dict[str, Any]
    previous_hash: str

    def hash(self) -> str:
        """Return SHA-256 over the canonical JSON of every column, the previous hash among them."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        values["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _fault(row: RowMapping, expected: int, previous: str) -> tuple[int, str] | None:
    """Return the sequence that is wrong and why, or None for a sound row."""
    sequence = int(row["sequence"])
    if sequence > expected:
        return expected, "the row is missing"
    if sequence < expected:
        return sequence, "the row was added"
    if row["previous_hash"] != previous:
        return sequence, "the row does not follow the one before it"
    try:
        sound = _stored(row).hash() == row["hash"]
    except (TypeError, ValueError):
        return sequence, "the row cannot be read"
    return None if sound else (sequence, "the row was changed")


def _stored(row: RowMapping) -> _Link:
    values = {part.name: row[part.name] for part in fields(_Link)}
    at, detail = values["at"], values["detail"]
    if not isinstance(at, datetime):  # SQLite stores instants as text, in UTC, without saying so
        values["at"] = datetime.fromisoformat(f"{at}+00:00")
    if isinstance(detail, str):
        values["detail"] = orjson.loads(detail)
    return _Link(**values)


def _without_head(session: Session) -> AuditVerification:
    first = session.execute(text("SELECT min(sequence) FROM audit_event")).scalar_one()
    if first is None:
        return AuditVerification(0)
    return AuditVerification(0, first, "the trail's head is missing")
