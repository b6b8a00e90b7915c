"""Live parts of pages: server-sent events that carry rendered partials.

On the page: `<div hx-sse:connect="{{ url('session_live', id=…) }}?after={{ sequence }}">`. A reconnect
resumes after the last event seen, which the browser names by Last-Event-ID.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from server.context import context_of, look_again, visitor_of
from server.operations import Operation, Outcome
from server.places import NoPlaceError
from server.site import site_of
from server.stopping import Stopping

HEARTBEAT_S = 15.0
LIFETIME_S = 300.0
"""A stream ends after this long; the page reconnects, and who may listen is decided anew."""
REFUSED = "event: refused\nretry: 60000\ndata:\n\n"
"""htmx reads `retry` only on a message; a page that may no longer listen asks again once a minute."""
DONE = "event: done\ndata:\n\n"
SEQUENCE = re.compile(r"[0-9]{1,18}")

Event = Mapping[str, Any]
Prepare = Callable[[Event], Awaitable[Mapping[str, Any]]]


async def live(
    request: Request,
    operation: str,
    template: str,
    /,
    *,
    prepare: Prepare | None = None,
    over: Callable[[Event], bool] | None = None,
    **variables: Any,
) -> StreamingResponse:
    """Stream a subscription as rendered partials, one event each, with its sequence as the event's id.

    Parameters
    ----------
    operation
        A subscription of one root field that selects `sequence` and takes `$after`; neither, where a page
        that comes back is shown what is.
    template
        A partial, given `event` (the root field's value) and what `prepare` adds.
    prepare
        Called with each event, typically to query what the partial shows.
    over
        Says of an event that it is the last: the page, told by `hx-sse:close="done"`, does not come back.
    """
    site = site_of(request)
    named = site.operations[operation]
    after = request.headers.get("last-event-id") or request.query_params.get("after", "")
    if SEQUENCE.fullmatch(after):
        variables["after"] = _as_asked(named, int(after))

    async def frame(event: Event) -> str:
        more = await prepare(event) if prepare else {}
        return encode(site.renderer.text(request, template, {**more, "event": event}), event.get("sequence"))

    async def frames() -> AsyncGenerator[str, None]:
        viewer = visitor_of(request).actor
        outcomes = site.operations.subscribe(operation, variables, context_of(request))
        async for outcome in _with_heartbeats(outcomes, site.stopping):
            if outcome is None:
                yield ":\n\n"
            elif outcome.errors:
                yield REFUSED
                return
            elif not await look_again(request, viewer):
                return
            else:
                [event] = (outcome.data or {}).values()
                yield await frame(event)
                if over is not None and over(event):
                    yield DONE
                    return

    return StreamingResponse(
        _placed(request, frames()),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _placed(request: Request, frames: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Yield a stream's frames if its listener has no more streams than they may; otherwise have them wait."""
    try:
        with site_of(request).streams.one(_listener(request)):
            async with aclosing(frames):
                async for each in frames:
                    yield each
    except NoPlaceError:
        yield REFUSED


def _listener(request: Request) -> str:
    """Return whom a stream counts for: an account, or a stranger's address."""
    actor = visitor_of(request).actor
    return str(actor.account_id) if actor else request.client.host if request.client else ""


def encode(text: str, sequence: int | str | None) -> str:
    """Return one event; every line of its text becomes a data line."""
    lines = "\n".join(f"data: {line}" for line in text.splitlines())
    return f"{lines}\n\n" if sequence is None else f"id: {sequence}\n{lines}\n\n"


async def _with_heartbeats(
    outcomes: AsyncGenerator[Outcome, None], stopping: Stopping
) -> AsyncGenerator[Outcome | None, None]:
    """Yield each outcome, and None whenever nothing has happened for a while; end when the process stops."""
    clock = asyncio.get_running_loop().time
    end = clock() + LIFETIME_S
    async with aclosing(outcomes):
        coming = asyncio.ensure_future(anext(outcomes))
        try:
            while clock() < end and not stopping.asked:
                if not await _came(coming, stopping):
                    yield None
                    continue
                with suppress(StopAsyncIteration):
                    yield coming.result()
                    coming = asyncio.ensure_future(anext(outcomes))
                    continue
                return
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming


async def _came(coming: asyncio.Future[Outcome], stopping: Stopping) -> bool:
    """Return whether an outcome has come; wait for it until the next heartbeat is due."""
    timer = asyncio.ensure_future(stopping.wait(HEARTBEAT_S))
    either: set[asyncio.Future[Any]] = {coming, timer}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return coming.done()


def _as_asked(operation: Operation, after: int) -> int | str:
    kind = str(operation.variables.get("after", "")).rstrip("!")
    return after if kind == "Int" else str(after)
