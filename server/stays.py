"""How long a request holds its place: while its answer is worked out, not while bytes travel."""

import asyncio

from starlette.types import Message, Receive, Send

from server.lanes import Lane

READ_AHEAD = 65_536
"""Bytes of a body that may come in before there is a place; the longest answer is half as long."""
HELD_S = 1.0
"""Whoever holds a place for longer waits for something else than the processor, such as a lock, a decoder or
a language model, and steps aside."""
MOST_ASIDE = 6
"""So many of a lane may; with all places they leave enough of the database's 20 connections."""


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

    def __init__(self, lane: Lane) -> None:
        self._lane, self._aside = lane, lane.aside
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
