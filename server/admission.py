"""Lets in what can be answered in time and refuses the rest at once, before anything is read or looked up.

Two lanes: students' saving and handing in have places of their own, so that they go through while everything
else is refused. A place is held while an answer is worked out: not while a body comes in, nor while the
answer goes out, so that neither slow clients nor live pages hold any; over a socket each operation takes one
(`server.graphql`), what is followed over it none.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import randrange

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server import graphql
from server.errors import OVERLOADED, refusal
from server.lanes import Lane, Lanes, OverloadedError
from server.middleware import SAFE_METHODS, UNPERSONAL
from server.saving import saves_only
from server.stays import Body, Stay

CALM_S = 10.0
"""An overload is over when nothing was refused for so long; it is logged as it begins and as it ends."""
LONGEST_RETRY_S = 5
"""Whoever is refused is told to come back after 1 to so many seconds, by chance: not all together."""

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
        stay = Stay(lane)
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
            return writing if not general.free and saves_only(body.read) else general
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


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    seconds = randrange(1, LONGEST_RETRY_S + 1)  # noqa: S311 - spreads them, hides nothing
    if scope["path"] == graphql.PATH:
        response = graphql.overloaded(request, seconds)
    else:
        response = refusal(request, HTTPException(503, OVERLOADED, {"Retry-After": str(seconds)}))
    await response(scope, receive, send)
