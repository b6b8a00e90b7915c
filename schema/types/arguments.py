"""Relay's four paging arguments, and where a subscription resumes, described once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import strawberry
from graphql import GraphQLError

from schema.context import Info
from schema.errors import ValidationFailedError
from schema.messages import text_of
from schema.pagination import PageRequest

First = Annotated[
    int | None, strawberry.argument(description="How many from the start, 1-100; 20 when left out.")
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, 1-100.")]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor.")]
Sequence = Annotated[
    int | None,
    strawberry.argument(description="Resume after this event's sequence; from now on when left out."),
]


def page_request(
    info: Info, first: int | None, after: str | None, last: int | None, before: str | None
) -> PageRequest:
    """Return the page asked for, or word what is wrong with it."""
    with worded(info):
        return PageRequest.of(first, after, last, before)


@contextmanager
def worded(info: Info) -> Iterator[None]:
    """Word what is wrong with an argument below the root, where nothing else does."""
    try:
        yield
    except ValidationFailedError as error:
        sentence, values = text_of(error.problems[0])
        message = info.context.translate(sentence).format(**values)
        raise GraphQLError(message, extensions={"code": "BAD_REQUEST"}) from None
