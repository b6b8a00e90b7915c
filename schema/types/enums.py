"""Closed sets of the domain as the API's enums."""

from enum import Enum, StrEnum

import strawberry


def describe_enum(values: type[Enum], name: str, description: str, *meanings: str) -> None:
    """Make an enum of the domain one of the API's, each value with what it means, in their order."""
    made = strawberry.enum(values, name=name, description=description)
    for value, meaning in zip(made.__strawberry_definition__.values, meanings, strict=True):  # type: ignore[attr-defined]
        value.description = meaning


class OrderDirection(StrEnum):
    """Up or down."""

    ASC = "asc"
    DESC = "desc"


describe_enum(
    OrderDirection,
    "OrderDirection",
    "Which way a listing runs.",
    "Smallest or oldest first.",
    "Largest or newest first.",
)
