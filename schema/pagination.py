"""Keyset cursors: stable while rows are inserted."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from schema.errors import ValidationFailedError

T = TypeVar("T")
MAX_PAGE = 100
DEFAULT_PAGE = 20


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: `first` after a cursor, or `last` before one."""

    limit: int
    forward: bool = True
    cursor: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, first: int | None, after: str | None, last: int | None, before: str | None) -> "PageRequest":
        """Build a request from Relay's four arguments; without `first` or `last`, the first 20.

        Raises
        ------
        ValidationFailedError
            For both directions at once, a size outside 1-100 or a cursor that is none of ours.
        """
        if first is not None and last is not None:
            raise ValidationFailedError.of("last", "first_or_last")
        size = last if last is not None else (DEFAULT_PAGE if first is None else first)
        name = "first" if last is None else "last"
        if not 1 <= size <= MAX_PAGE:
            raise ValidationFailedError.of(name, "out_of_range", minimum=1, maximum=MAX_PAGE)
        cursor = after if last is None else before
        return cls(size, last is None, None if cursor is None else decode_cursor(cursor))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of rows, in the order asked for."""

    rows: Sequence[T]
    has_next: bool
    has_previous: bool
    cursor_of: Callable[[T], str]
    count: Callable[[], int]
    """Counts all rows of the filter; called only when `totalCount` is selected."""


def encode_cursor(key: Sequence[Any]) -> str:
    """Return an opaque cursor for a sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[Any, ...]:
    """Return the sort key in a cursor.

    Raises
    ------
    ValidationFailedError
        When the cursor was not made by `encode_cursor`.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = orjson.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except (binascii.Error, ValueError):
        raise ValidationFailedError.of("after", "bad_cursor") from None
    if not isinstance(key, list) or not all(isinstance(part, str | int | float) for part in key):
        raise ValidationFailedError.of("after", "bad_cursor")
    return tuple(key)
