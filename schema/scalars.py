"""Scalars that are stricter than Strawberry's own."""

import base64
import binascii
from datetime import UTC, date, datetime
from typing import NewType

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition

from schema.errors import NotFoundError

YEARS = range(1900, 3000)
"""Instants near either end of the calendar cannot be told in every time zone."""


def _instant(value: object) -> datetime:
    """Return the instant in UTC; without an offset it would be nobody's time."""
    try:
        if isinstance(value, str) and (read := datetime.fromisoformat(value)).tzinfo is not None:
            instant = read.astimezone(UTC)
            if instant.year in YEARS:
                return instant
    except (ValueError, OverflowError):
        pass
    raise StrawberryInputCoercionError(
        "A DateTime is written in ISO 8601 with its offset: 2026-03-02T09:00:00+01:00; years 1900 to 2999."
    )


DATE_TIME = ScalarDefinition(
    name="DateTime",
    description="An instant in ISO 8601 with its offset, e.g. 2026-03-02T09:00:00+01:00; years 1900 to 2999.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=datetime.isoformat,
    parse_value=_instant,
    parse_literal=None,
    origin=datetime,
)


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and (day := date.fromisoformat(value)).isoformat() == value:
            return day
    except ValueError:
        pass
    raise StrawberryInputCoercionError("A Date is written in ISO 8601: 2026-03-02.")


DATE = ScalarDefinition(
    name="Date",
    description="A day in ISO 8601, e.g. 2026-03-02.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=date.isoformat,
    parse_value=_day,
    parse_literal=None,
    origin=date,
)

MeasuredValue = NewType("MeasuredValue", str)
"""A number as somebody wrote it; the domain reads it, so that what is wrong is told beside its field."""


def _written(value: object) -> MeasuredValue:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise StrawberryInputCoercionError("A MeasuredValue is a number, or a text that holds one.")
    return MeasuredValue(value if isinstance(value, str) else f"{value:.9g}")


MEASURED_VALUE = ScalarDefinition(
    name="MeasuredValue",
    description='A number, or one written as a text, with a decimal point or comma: 37.8, "37,8", "37,8 °C". '
    "What is no number, out of range or in another unit is refused beside its field.",
    specified_by_url=None,
    serialize=str,
    parse_value=_written,
    parse_literal=None,
    origin=MeasuredValue,
)


def global_id(type_name: str, key: int | str) -> strawberry.ID:
    """Return the opaque id of a row."""
    return strawberry.ID(binascii.b2a_base64(f"{type_name}:{key}".encode(), newline=False).decode())


def local_key(identifier: str, type_name: str) -> int:
    """Return the row key inside an opaque id.

    Raises
    ------
    NotFoundError
        When it is not the id of such an object: a forged id answers like a missing one.
    """
    kind, key = split_id(identifier)
    if kind != type_name:
        raise NotFoundError
    return key


def split_id(identifier: str) -> tuple[str, int]:
    """Return the type name and the integer key of an opaque id; raises NotFoundError when malformed."""
    try:
        kind, _, key = base64.b64decode(identifier, validate=True).decode().partition(":")
        number = int(key)
    except (binascii.Error, ValueError):
        raise NotFoundError from None
    if not 0 < number < 2**63:
        raise NotFoundError
    return kind, number
