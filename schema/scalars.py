"""Scalars that are stricter than Strawberry's own."""

from datetime import UTC, datetime

from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition


def _instant(value: object) -> datetime:
    """Return the instant in UTC; without an offset it would be nobody's time."""
    try:
        if isinstance(value, str) and (read := datetime.fromisoformat(value)).tzinfo is not None:
            return read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise StrawberryInputCoercionError(
        "A DateTime is written in ISO 8601 with its offset: 2026-03-02T09:00:00+01:00."
    )


DATE_TIME = ScalarDefinition(
    name="DateTime",
    description="An instant in ISO 8601 with its offset, e.g. 2026-03-02T09:00:00+01:00.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=datetime.isoformat,
    parse_value=_instant,
    parse_literal=None,
    origin=datetime,
)
