from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy import select as columns
from sqlmodel import col, select

from schema.database import Database
from schema.errors import ValidationFailedError
from schema.models.work import Event
from schema.pagination import Page, PageRequest, encode_cursor
from schema.services.paging import Sort, page_of

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS: dict[str, list[Sort]] = {
    "topic, ties by sequence": [Sort(col(Event.topic)), Sort(col(Event.sequence))],
    "latest first": [Sort(col(Event.at), descending=True), Sort(col(Event.sequence), descending=True)],
    "mixed": [
        Sort(col(Event.topic), descending=True),
        Sort(col(Event.at)),
        Sort(col(Event.sequence), descending=True),
    ],
}
VALUES = st.tuples(st.sampled_from(["a", "b", "é", ""]), st.integers(0, 3))


def put(database: Database, values: Iterable[tuple[str, int]]) -> None:
    rows = [
        {"topic": topic, "kind": "", "payload": {}, "at": START + timedelta(microseconds=number)}
        for topic, number in values
    ]
    if rows:
        with database.write() as session:
            session.execute(insert(Event), rows)


def asked(database: Database, order: str, request: PageRequest) -> Page[Event]:
    with database.read() as session:
        return page_of(session, select(Event), ORDERS[order], request, order)


def in_order(database: Database, order: str) -> list[int | None]:
    clauses: list[Any] = [part.column.desc() if part.descending else part.column for part in ORDERS[order]]
    with database.read() as session:
        return list(session.exec(select(Event.sequence).order_by(*clauses)))


def walked(
    database: Database, order: str, *, forward: bool, size: int, arriving: list[tuple[str, int]]
) -> list[int | None]:
    """Walk to the end, a row arriving before each further page; return the rows as they were met."""
    met: list[int | None] = []
    cursor: str | None = None
    while True:
        paging = (size, cursor, None, None) if forward else (None, None, size, cursor)
        page = asked(database, order, PageRequest.of(*paging))
        keys = [row.sequence for row in page.rows]
        met = met + keys if forward else keys + met
        if not (page.has_next if forward else page.has_previous):
            return met
        cursor = page.cursor_of(page.rows[-1 if forward else 0])
        put(database, [arriving.pop()] if arriving else [])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@given(st.lists(VALUES, max_size=12), st.lists(VALUES, max_size=6), st.integers(1, 5))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_walking_pages_while_rows_arrive_has_no_gap_and_no_repeat(  # noqa: PLR0917 - drawn by hypothesis
    database: Database,
    order: str,
    forward: bool,  # noqa: FBT001 - pytest gives it by name
    present: list[tuple[str, int]],
    arriving: list[tuple[str, int]],
    size: int,
) -> None:
    with database.write() as session:
        session.execute(delete(Event))
    put(database, present)
    before = set(in_order(database, order))
    met = walked(database, order, forward=forward, size=size, arriving=list(arriving))
    assert len(met) == len(set(met))
    assert before <= set(met)
    assert met == [key for key in in_order(database, order) if key in set(met)]


def test_going_back_from_a_page_shows_the_page_before_it(database: Database) -> None:
    put(database, [("t", number) for number in range(7)])
    order = "latest first"
    first = asked(database, order, PageRequest.of(3, None, None, None))
    second = asked(database, order, PageRequest.of(3, first.cursor_of(first.rows[-1]), None, None))
    back = asked(database, order, PageRequest.of(None, None, 3, second.cursor_of(second.rows[0])))
    assert [row.sequence for row in back.rows] == [row.sequence for row in first.rows]
    assert (first.has_previous, first.has_next) == (False, True)
    assert (second.has_previous, second.has_next) == (True, True)
    assert (back.has_previous, back.has_next) == (False, True)


def test_a_page_is_counted_after_its_session_has_ended(database: Database) -> None:
    put(database, [("a", 1), ("a", 2), ("b", 3)])
    with database.read() as session:
        rows = select(Event).where(Event.topic == "a")
        page = page_of(session, rows, ORDERS["latest first"], PageRequest(1))
    assert page.count() == 2


def test_a_page_of_columns_has_them_as_attributes(database: Database) -> None:
    put(database, [("a", 1)])
    with database.read() as session:
        page = page_of(session, columns(col(Event.topic)), ORDERS["latest first"], PageRequest(1))
    assert [row.topic for row in page.rows] == ["a"]
    assert page.cursor_of(page.rows[0])


@pytest.mark.parametrize(
    "key",
    [
        [],
        ["latest first"],
        ["latest first", "yesterday", 1],
        ["latest first", "2026-01-01T00:00:00", 1],
        ["latest first", "2026-01-01T00:00:00+00:00", "1"],
        ["latest first", "2026-01-01T00:00:00+00:00", 2**63],
        ["latest first", 3, 1],
        ["mixed", "2026-01-01T00:00:00+00:00", 1],
        ["latest first", "2026-01-01T00:00:00+00:00", 1, 1],
    ],
)
def test_a_cursor_of_another_order_or_of_nobody_is_refused(database: Database, key: list[Any]) -> None:
    with pytest.raises(ValidationFailedError, match="after:bad_cursor"):
        asked(database, "latest first", PageRequest.of(3, encode_cursor(key), None, None))


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_cursor_beyond_the_calendar_is_refused(database: Database, at: str) -> None:
    cursor = encode_cursor(["latest first", at, 1])
    with pytest.raises(ValidationFailedError):
        asked(database, "latest first", PageRequest.of(5, cursor, None, None))


def test_a_cursor_with_a_zero_byte_is_refused_before_the_database_sees_it(database: Database) -> None:
    order = "topic, ties by sequence"
    with pytest.raises(ValidationFailedError, match="before:bad_cursor"):
        asked(database, order, PageRequest.of(None, None, 3, encode_cursor([order, "a\0", 1])))
