import os
import random
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import Session, SQLModel, col, delete, select

from schema.database import Database
from schema.models.accounts import AuditEvent, AuditHead
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services.audit import GENESIS, Audit, AuditVerification, verify
from tests.schema.people import StoppedClock

LENGTH = 40
CAMPAIGN = 1_000 if os.environ.get("CHEVET_SOAK") else 100
ACTOR = Actor(7, Role.TEACHER, token_id=3)


@pytest.fixture
def trail(database: Database) -> Database:
    clock = StoppedClock()
    for number in range(1, LENGTH + 1):
        clock.pass_(seconds=number, microseconds=number)
        with database.write() as session:
            actor = ACTOR if number % 3 else None
            target = number if number % 4 else None
            Audit(session, clock, actor).record("case.updated", "Case", target, revision=number, note="é")
    return database


def verified(database: Database) -> AuditVerification:
    with database.read() as session:
        return verify(session)


def test_a_trail_left_alone_is_sound_and_names_its_head(trail: Database) -> None:
    found = verified(trail)
    with trail.read() as session:
        last = session.get_one(AuditEvent, LENGTH)
    assert (found.ok, found.rows, found.first_broken, found.head) == (True, LENGTH, None, last.hash)


def test_an_empty_trail_is_sound(database: Database) -> None:
    assert verified(database) == AuditVerification(rows=0, head=GENESIS)


def test_a_row_says_who_changed_what_and_when(database: Database) -> None:
    clock = StoppedClock()
    with database.write() as session:
        Audit(session, clock, ACTOR).record("case.validated", "Case", 12, revision=4)
    with database.read() as session:
        row = session.get_one(AuditEvent, 1)
    assert (row.at, row.actor_id, row.token_id) == (clock.at, 7, 3)
    assert (row.action, row.target_type, row.target_id, row.detail) == (
        "case.validated",
        "Case",
        12,
        {"revision": 4},
    )
    assert row.previous_hash == GENESIS


def test_what_json_cannot_say_does_not_break_the_chain(database: Database) -> None:
    with database.write() as session:
        audit = Audit(session, StoppedClock(), ACTOR)
        audit.record("case.updated", "Case", 1, score=float("nan"), roles=(Role.ADMIN,), at=StoppedClock().at)
    with database.read() as session:
        assert session.get_one(AuditEvent, 1).detail == {
            "score": None,
            "roles": ["admin"],
            "at": "2026-03-02T09:00:00+00:00",
        }
    assert verified(database).ok


def test_a_change_that_failed_leaves_no_row(trail: Database) -> None:
    with trail.write() as session:
        Audit(session, StoppedClock(), ACTOR).record("case.deleted", "Case", 1)
        session.rollback()
    assert verified(trail).rows == LENGTH
    assert verified(trail).ok


def test_writers_at_once_make_one_chain(database: Database) -> None:
    def write() -> None:
        for _ in range(8):
            with database.write() as session:
                Audit(session, StoppedClock(), ACTOR).record("case.updated", "Case", 1)

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verified(database) == AuditVerification(rows=40, head=verified(database).head)


def test_the_trail_pages_from_the_newest(trail: Database) -> None:
    with trail.read() as session:
        audit = Audit(session, StoppedClock(), ACTOR)
        page = audit.page(PageRequest.of(15, None, None, None))
        cursor = page.cursor_of(page.rows[-1])
        rest = audit.page(PageRequest.of(100, cursor, None, None))
    assert [row.sequence for row in page.rows] == list(range(40, 25, -1))
    assert [row.sequence for row in rest.rows] == list(range(25, 0, -1))
    assert page.has_next
    assert not rest.has_next
    assert page.count() == LENGTH


# Each mutation returns the sequence the verifier must name.


def edit(session: Session, chance: random.Random) -> int:
    sequence = chance.randint(1, LENGTH)
    row = session.get_one(AuditEvent, sequence)
    column = chance.choice(list(AuditEvent.model_fields))
    other: Callable[[Any], Any] = {
        "sequence": lambda value: LENGTH + value,
        "at": lambda value: value + timedelta(microseconds=chance.choice([-1, 1, 3_600_000_000])),
        "actor_id": lambda value: 8 if value is None else chance.choice([None, value + 1]),
        "token_id": lambda value: 0 if value is None else chance.choice([None, value + 1]),
        "target_id": lambda value: 0 if value is None else chance.choice([None, value + 1]),
        "detail": lambda value: chance.choice([{}, value | {"note": "e"}, value | {"revision": "1"}]),
        "hash": lambda value: tampered(value, chance),
        "previous_hash": lambda value: tampered(value, chance),
    }.get(column, lambda value: chance.choice([value.upper(), value + " ", ""]))
    change = update(AuditEvent).where(col(AuditEvent.sequence) == sequence)
    session.execute(change.values({column: other(getattr(row, column))}))
    return sequence


def tampered(digest: str, chance: random.Random) -> str:
    at = chance.randrange(len(digest))
    return digest[:at] + ("0" if digest[at] != "0" else "1") + digest[at + 1 :]


def removal(session: Session, chance: random.Random) -> int:
    sequence = chance.choice([1, LENGTH, chance.randint(1, LENGTH)])
    session.execute(delete(AuditEvent).where(col(AuditEvent.sequence) == sequence))
    return sequence


def swap(session: Session, chance: random.Random) -> int:
    first, second = sorted(chance.sample(range(1, LENGTH + 1), 2))
    place = col(AuditEvent.sequence)
    for old, new in ((first, 0), (second, first), (0, second)):
        session.execute(update(AuditEvent).where(place == old).values(sequence=new))
    return first


def exchange(session: Session, chance: random.Random) -> int:
    """Swap all but the places: what each row says, hashes included."""
    first, second = sorted(chance.sample(range(1, LENGTH + 1), 2))
    table = AuditEvent.__table__  # type: ignore[attr-defined]
    rows = {row.sequence: row for row in session.execute(select(table))}
    for here, there in ((first, second), (second, first)):
        values = {name: value for name, value in rows[there]._mapping.items() if name != "sequence"}  # noqa: SLF001
        session.execute(update(AuditEvent).where(table.c.sequence == here).values(values))
    return first


@pytest.mark.soak
def test_every_random_edit_deletion_and_swap_is_found_at_its_row(trail: Database) -> None:
    for seed in range(CAMPAIGN):
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        mutation = chance.choice([edit, edit, removal, swap, exchange])
        with trail.write() as session:
            expected = mutation(session, chance)
            found = verify(session)
            session.rollback()
        assert (found.first_broken, found.ok) == (expected, False), f"seed {seed}: {mutation.__name__}"
    assert verified(trail).ok


@pytest.mark.parametrize("kept", [0, 1, LENGTH - 1])
def test_a_truncated_trail_is_found_at_the_first_missing_row(trail: Database, kept: int) -> None:
    with trail.write() as session:
        session.execute(delete(AuditEvent).where(col(AuditEvent.sequence) > kept))
    found = verified(trail)
    assert (found.rows, found.first_broken) == (kept, kept + 1)


def test_rows_slipped_in_after_the_end_are_found(trail: Database) -> None:
    with trail.write() as session:
        head = session.get_one(AuditHead, 1)
        rows, digest = head.rows, head.hash
        Audit(session, StoppedClock(), ACTOR).record("account.created", "Account", 9, role="admin")
        head.rows, head.hash = rows, digest
    assert not verified(trail).ok


def test_a_row_slipped_in_before_the_first_is_found(trail: Database) -> None:
    with trail.write() as session:
        first = session.get_one(AuditEvent, 1)
        session.add(AuditEvent(**(first.model_dump() | {"sequence": -3})))
    assert verified(trail).first_broken == -3


def test_a_trail_without_its_head_is_found(trail: Database) -> None:
    with trail.write() as session:
        session.execute(delete(AuditHead))
    assert verified(trail).first_broken == 1


@pytest.fixture
def sqlite_trail(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    SQLModel.metadata.create_all(database.engine)
    with database.write() as session:
        for _ in range(3):
            Audit(session, StoppedClock(), ACTOR).record("case.updated", "Case", 1)
    yield database
    database.dispose()


@pytest.mark.parametrize(
    "damage",
    ["at = 'yesterday'", "at = 17", "detail = '{'", "detail = 'null'", "action = x'00ff'", "actor_id = 'me'"],
)
def test_a_value_that_no_longer_reads_as_its_type_is_found_not_stumbled_over(
    sqlite_trail: Database, damage: str
) -> None:
    with sqlite_trail.write() as session:
        session.execute(text(f"UPDATE audit_event SET {damage} WHERE sequence = 2"))  # noqa: S608
    assert verified(sqlite_trail).first_broken == 2
