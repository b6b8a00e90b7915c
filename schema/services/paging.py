"""Pages by keyset: no gap and no repeat while rows are added, and the last page as fast as the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

from sqlalchemy import Engine, Row, Select, and_, func, or_, select
from sqlalchemy.sql import Executable
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from schema.errors import ValidationFailedError
from schema.models.base import UTCDateTime
from schema.pagination import Page, PageRequest, encode_cursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sort:
    """One part of an order.

    Parameters
    ----------
    column
        A column or expression that is never null.
    """

    column: Any
    descending: bool = False


@overload
def page_of(  # type: ignore[overload-overlap]  # SQLModel's statement is SQLAlchemy's too
    session: Session, rows: SelectOfScalar[T], order: Sequence[Sort], request: PageRequest, name: str = ""
) -> Page[T]: ...


@overload
def page_of(
    session: Session, rows: Select[Any], order: Sequence[Sort], request: PageRequest, name: str = ""
) -> Page[Row[Any]]: ...


def page_of(
    session: Session, rows: Any, order: Sequence[Sort], request: PageRequest, name: str = ""
) -> Page[Any]:
    """Return one page of a statement's rows: of objects, or of tuples where it selects columns.

    Parameters
    ----------
    order
        The last part must be unique, so that no two rows tie.
    name
        Of the order, where a listing has several: a cursor made for one is no good for another.

    Raises
    ------
    ValidationFailedError
        When the cursor was not made for this order.
    """
    labels = [part.column.label(f"sort_{at}") for at, part in enumerate(order)]
    directed = [Sort(part.column, part.descending == request.forward) for part in order]
    statement = rows.add_columns(*labels)
    if request.cursor is not None:
        statement = statement.where(_beyond(directed, _position(order, name, request)))
    found = _fetched(session, statement.order_by(None).order_by(*map(_ordered, directed)), request)
    whole = isinstance(rows, SelectOfScalar)
    chosen = [(row[0] if whole else row, row[-len(labels) :]) for row in found[: request.limit]]
    cursors = {id(row): encode_cursor([name, *map(_plain, values)]) for row, values in chosen}
    more, resumed = len(found) > request.limit, request.cursor is not None
    shown = chosen if request.forward else chosen[::-1]
    return Page(
        rows=[row for row, _ in shown],
        has_next=more if request.forward else resumed,
        has_previous=resumed if request.forward else more,
        cursor_of=lambda row: cursors[id(row)],
        count=lambda: _count(session, rows),
    )


def _fetched(session: Session, statement: Any, request: PageRequest) -> Sequence[Row[Any]]:
    executable: Executable = statement.limit(request.limit + 1)
    return session.execute(executable).all()


def _ordered(part: Sort) -> Any:
    return part.column.desc() if part.descending else part.column.asc()


def _beyond(order: Sequence[Sort], position: Sequence[Any]) -> Any:
    """Return (a > x) or (a = x and (b > y or …)), each part in its own direction."""
    part, value = order[0], position[0]
    further = part.column < value if part.descending else part.column > value
    if len(order) == 1:
        return further
    return or_(further, and_(part.column == value, _beyond(order[1:], position[1:])))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _position(order: Sequence[Sort], name: str, request: PageRequest) -> list[Any]:
    """Return the values a cursor stands for."""
    cursor = request.cursor or ()
    if len(cursor) != len(order) + 1 or cursor[0] != name:
        raise _bad(request)
    return [_typed(part, value, request) for part, value in zip(order, cursor[1:], strict=True)]


def _typed(part: Sort, value: Any, request: PageRequest) -> Any:
    kind = part.column.type
    if isinstance(kind, UTCDateTime):
        return _instant(value, request)
    if not isinstance(value, kind.python_type) or isinstance(value, bool):
        raise _bad(request)
    if (isinstance(value, int) and not -(2**63) <= value < 2**63) or (
        isinstance(value, str) and "\0" in value
    ):
        raise _bad(request)  # neither can be a value of ours, and a database may not even take it
    return value


def _instant(value: Any, request: PageRequest) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        pass
    raise _bad(request)


def _bad(request: PageRequest) -> ValidationFailedError:
    return ValidationFailedError.of("after" if request.forward else "before", "bad_cursor")


def _count(session: Session, rows: Select[Any]) -> int:
    """Count on a connection of its own: the page's session may have ended, and in another thread."""
    engine = session.get_bind()
    if not isinstance(engine, Engine):
        raise TypeError("a page is counted through the engine")
    statement = select(func.count()).select_from(rows.order_by(None).subquery())
    with engine.connect() as connection:
        return int(connection.execute(statement).scalar_one())
