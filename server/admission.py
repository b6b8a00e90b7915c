"""Lets in what can be answered in time and refuses the rest at once, before anything is read or looked up.

Two lanes: students' saving and handing in have places of their own, so that they go through while everything
else is refused. A place is held while an answer is worked out: not while a body comes in, nor while the
answer goes out, so that neither slow clients nor live pages hold any, and sockets need none.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import randrange

import orjson
from graphql import FieldNode, GraphQLError, OperationType, get_operation_ast, parse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.documents import LONGEST_DOCUMENT, MOST_TOKENS
from server import graphql
from server.errors import OVERLOADED, refusal
from server.lanes import Lane, Lanes, OverloadedError
from server.middleware import SAFE_METHODS, UNPERSONAL

READ_AHEAD = 65_536
"""Bytes of a body that may come in before there is a place; the longest answer is half as long."""
HELD_S = 1.0
"""Whoever holds a place for longer waits for something else than the processor, such as a lock, a decoder or
a language model, and steps aside."""
MOST_ASIDE = 12
"""So many may; with all places they leave enough of the database's 20 connections."""
CALM_S = 10.0
"""An overload is over when nothing was refused for so long; it is logged as it begins and as it ends."""
LONGEST_RETRY_S = 5
"""Whoever is refused is told to come back after 1 to so many seconds, by chance: not all together."""
WRITING = (b"saveAnswer", b"submitAttempt")
"""The mutations that have places of their own."""
REMEMBERED = 64
"""Documents that name one of them."""

log = logging.getLogger("chevet.admission")


@dataclass
class Overload:
    """One stretch of time in which requests were refused."""

    began: float
    last: float
    refused: int = 1


class Admission:
    """Stands before everything but the envelope and the forgery door.

    Parameters
    ----------
    writing
        The routes by which pages save answers and hand attempts in.
    """

    def __init__(self, app: ASGIApp, lanes: Lanes, writing: Sequence[Route]) -> None:
        self._app, self._lanes, self._routes = app, lanes, writing
        self._aside: set[Stay] = set()
        self._overload: Overload | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(UNPERSONAL):
            await self._app(scope, receive, send)
            return
        body = Body(receive)
        try:
            lane = await self._lane_of(scope, body)
            scope["state"]["queued"] = await lane.enter()
        except OverloadedError:
            self._note()
            await _refuse(scope, receive, send)
            return
        stay = Stay(lane, self._aside)
        try:
            await self._app(scope, stay.receiving(body), stay.sending(send))
        finally:
            stay.end()

    async def _lane_of(self, scope: Scope, body: "Body") -> Lane:
        """Return a request's lane, its body read ahead; raises OverloadedError where it is full."""
        general, writing = self._lanes.general, self._lanes.writing
        if scope["method"] in SAFE_METHODS:
            return general
        if scope["path"] == graphql.PATH:
            if writing.full:
                general.refuse_if_full()
            await body.read_ahead()
            return writing if not general.free and only_writes(body.read) else general
        lane = writing if any(route.matches(scope)[0] is Match.FULL for route in self._routes) else general
        lane.refuse_if_full()
        await body.read_ahead()
        return lane

    def _note(self) -> None:
        now = time.monotonic()
        if self._overload is None:
            self._overload = Overload(now, now)
            log.warning("overloaded: requests are refused from now on")
            asyncio.get_running_loop().call_later(CALM_S, self._look)
            return
        self._overload.last = now
        self._overload.refused += 1

    def _look(self) -> None:
        """Note that it is over, or look again later."""
        seen = self._overload
        if seen is None:
            return
        calm = time.monotonic() - seen.last
        if calm < CALM_S:
            asyncio.get_running_loop().call_later(CALM_S - calm, self._look)
            return
        self._overload = None
        log.warning("no longer overloaded: %d refused in %.1f s", seen.refused, seen.last - seen.began)


class Body:
    """A request's body, of which some is read before it is asked for.

    Parameters
    ----------
    ended
        Whether all of it has come.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ahead: list[Message] = []
        self.ended = False

    @property
    def read(self) -> bytes:
        """Return what was read ahead and not yet handed on."""
        return b"".join(message.get("body", b"") for message in self._ahead)

    @property
    def ready(self) -> bool:
        """Return whether the next message need not be waited for."""
        return self.ended or bool(self._ahead)

    async def read_ahead(self) -> None:
        """Read until it ends, or the first part of a long one."""
        size = 0
        while not self.ended and size < READ_AHEAD:
            self._ahead.append(message := await self._next())
            size += len(message.get("body", b""))

    async def receive(self) -> Message:
        """Return the next message, as the server's `receive` does."""
        return self._ahead.pop(0) if self._ahead else await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return message


class Stay:
    """The place one request holds, until its answer begins."""

    def __init__(self, lane: Lane, aside: set["Stay"]) -> None:
        self._lane, self._aside = lane, aside
        self._ended = self._away = False
        self._timer = asyncio.get_running_loop().call_later(HELD_S, self._step_aside)

    def receiving(self, body: Body) -> Receive:
        """Return how the application receives; while it waits for what has not come, the place is free."""

        async def receive() -> Message:
            if body.ready or self._ended or self in self._aside:
                return await body.receive()
            self._away = True
            self._lane.leave()
            try:
                return await body.receive()
            finally:
                self._away = False
                if not self._ended:
                    self._lane.take()

        return receive

    def sending(self, send: Send) -> Send:
        """Return how the application sends."""

        async def send_on(message: Message) -> None:
            self.end()
            await send(message)

        return send_on

    def end(self) -> None:
        """Give the place back, once."""
        if self._ended:
            return
        self._ended = True
        self._timer.cancel()
        if self in self._aside:
            self._aside.remove(self)
        elif not self._away:
            self._lane.leave()

    def _step_aside(self) -> None:
        if self._away or len(self._aside) >= MOST_ASIDE:
            self._timer = asyncio.get_running_loop().call_later(HELD_S, self._step_aside)
            return
        self._aside.add(self)
        self._lane.leave()


def only_writes(body: bytes) -> bool:
    """Return whether a request to the API does nothing but save answers and hand attempts in."""
    if not any(name in body for name in WRITING):
        return False
    try:
        asked = orjson.loads(body)
        return _only_writes(asked["query"], asked.get("operationName"))
    except (AttributeError, GraphQLError, LookupError, RecursionError, TypeError, ValueError):
        return False


@lru_cache(REMEMBERED)
def _only_writes(text: str, operation_name: str | None) -> bool:
    if len(text) > LONGEST_DOCUMENT:
        return False
    operation = get_operation_ast(parse(text, max_tokens=MOST_TOKENS), operation_name)
    return (
        operation is not None
        and operation.operation is OperationType.MUTATION
        and all(
            isinstance(each, FieldNode) and each.name.value.encode() in WRITING
            for each in operation.selection_set.selections
        )
    )


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    seconds = randrange(1, LONGEST_RETRY_S + 1)  # noqa: S311 - spreads them, hides nothing
    if scope["path"] == graphql.PATH:
        response = graphql.overloaded(request, seconds)
    else:
        response = refusal(request, HTTPException(503, OVERLOADED, {"Retry-After": str(seconds)}))
    await response(scope, receive, send)
