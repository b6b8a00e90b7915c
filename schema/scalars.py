"""Scalars that are stricter than Strawberry's own."""

from datetime import UTC, datetime

from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition

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
