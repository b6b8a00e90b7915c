"""Following a topic: what happened after a sequence, then what happens, nothing left out."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from schema.context import Context
from schema.errors import DomainError
from schema.models.work import Event
from schema.permissions import coded, guarded_events
from schema.policy import Scope
from schema.services import events

POLL_S = 1.0
"""A ring from another process may be lost; nobody waits longer than this for what it told of."""


@contextmanager
def admitted(scope: Scope | None, context: Context) -> Iterator[None]:
    """Check the scope; a domain error raised in the block, as by a missing object, gets its stable code."""
    guarded_events(scope, context)
    try:
        yield
    except DomainError as error:
        raise coded(error, context) from None


async def start_of(context: Context, topic: str, after: int | None) -> int:
    """Return the sequence to follow a topic from: the one given, or the present."""
    if after is not None:
        return after
    return await context.read(lambda session: events.latest(session, topic))


async def follow(context: Context, topic: str, after: int) -> AsyncGenerator[Event, None]:
    """Yield a topic's events after a sequence, for as long as someone listens."""
    sequence = after
    while True:
        page = await _after(context, topic, sequence)
        for event in page:
            sequence = event.sequence or 0
            forget(context)
            yield event
        if not page:
            await context.services.doorbell.wait(POLL_S)


def forget(context: Context) -> None:
    """Drop what the loaders have read: a subscription outlives it."""
    vars(context).pop("loaders", None)


async def _after(context: Context, topic: str, sequence: int) -> list[Event]:
    return await context.read(lambda session: events.after(session, topic, sequence))
