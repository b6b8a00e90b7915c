"""Relay's four paging arguments, and where a subscription resumes, described once."""

from typing import Annotated

import strawberry

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
