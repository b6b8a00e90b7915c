"""GraphQL over a WebSocket, by graphql-transport-ws: who may listen is asked again while it is open."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from copy import copy
from typing import Any

from graphql import GraphQLError, get_operation_ast
from graphql import OperationType as OperationKind
from starlette.websockets import WebSocket
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from schema.build import Schema
from schema.context import Context
from schema.errors import AuthenticationRequiredError
from schema.permissions import coded
from schema.policy import Actor
from server import traces
from server.asking import TOO_BUSY, Asked, identifier_in, in_time, paying_context, text_of, too_late
from server.context import bearer_token, look_again, visitor_of
from server.i18n import gettext as _
from server.lanes import Lane, OverloadedError
from server.masking import as_errors, masked
from server.saving import operation_saves_only
from server.site import site_of
from server.stays import Stay

MOST_MESSAGES, MESSAGES_S = 200, 20.0
"""Messages over one socket at once, and the seconds in which as many more are let in."""
LOOK_AGAIN_S = 60.0
"""How often we look whether a socket's holder may still listen."""


class Pace:
    """Lets a number of messages in at once, and as many again in some seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._rate = most, most / seconds
        self._left, self._seen_at = float(most), 0.0

    def lets_in(self, now: float) -> bool:
        """Return whether one more may come in."""
        self._left = min(self._most, self._left + (now - self._seen_at) * self._rate)
        self._seen_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Socket(BaseGraphQLTransportWSHandler[Context, None]):
    """What is said over a WebSocket: to whom it may be said at that moment, with masked errors.

    Strawberry decides who is there once, when the socket opens, shares one context among all that is asked
    over it, and sends errors as they are.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pace = Pace(MOST_MESSAGES, MESSAGES_S)
        self._watch: asyncio.Task[None] | None = None

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Take the API token a browser's script cannot send as a header; one that is not good ends it."""
        if self.connection_init_received:  # a second one, which Strawberry closes the socket for
            await super().handle_connection_init(message)
            return
        payload = message.get("payload")
        token = payload.get("authorization") if isinstance(payload, dict) else None
        if isinstance(token, str):
            self._connection.scope.setdefault("state", {})["authorization"] = token
            await look_again(self._connection)
        known = visitor_of(self._connection).actor
        if known is None and bearer_token(self._connection) is not None:
            await self.websocket.close(4403, "Forbidden")
            return
        await super().handle_connection_init(message)
        if known is not None:
            self._watch = asyncio.create_task(self._watching(known))
            self._watch.add_done_callback(self._task_done)

    async def shutdown(self) -> None:
        """End what goes on over the socket."""
        if self._watch is not None:
            self._watch.cancel()
        await super().shutdown()

    async def _watching(self, known: Actor) -> None:
        """Close the socket once whoever opened it may no longer listen, even while nothing happens."""
        while await look_again(self._connection, known):  # noqa: ASYNC110 - nobody tells us of an end
            await asyncio.sleep(LOOK_AGAIN_S)
        await self.websocket.close(4401, "Unauthorized")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, which may be given by the id of its document; Strawberry looks for a text."""
        payload: Any = message["payload"]
        if not isinstance(payload.get("query"), str | None):
            raise TypeError("a document is a text")
        asked = Asked(payload.get("query"), identifier_in(payload))
        message = {**message, "payload": {**payload, "query": asked}}  # type: ignore[typeddict-item]
        await super().handle_subscribe(message)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Execute one operation in a context of its own, for whom the cookie or the token stands now."""
        await look_again(self._connection)
        one = copy(self)
        one.context = paying_context(self._connection)
        asked: Asked = operation.query  # type: ignore[assignment]
        try:
            operation.query = await text_of(asked, self._connection, one.context) or ""
        except GraphQLError as refused:
            await operation.send_initial_errors([refused])
            return
        lane = self._lane_of(operation)
        if lane is None:
            await super(Socket, one).run_operation(operation)
            return
        try:
            await lane.enter()
        except OverloadedError:
            busy = GraphQLError(_(TOO_BUSY), extensions={"code": "OVERLOADED"})
            await operation.send_initial_errors([busy])
            return
        stay = Stay(lane)
        try:
            with traces.operation(operation.operation_name):
                async with in_time():
                    await super(Socket, one).run_operation(operation)
        except TimeoutError:
            await operation.send_initial_errors([too_late()])
        finally:
            stay.end()

    def _lane_of(self, operation: Operation[Context, None]) -> Lane | None:
        """Return where a query or a mutation waits; None for what is followed, or refused without work."""
        lanes = site_of(self._connection).lanes
        try:
            document = self._schema.documents.parsed(operation.query)
        except GraphQLError:
            return None
        asked = get_operation_ast(document, operation.operation_name)
        if asked is None or asked.operation is OperationKind.SUBSCRIPTION:
            return None
        return lanes.writing if operation_saves_only(asked) else lanes.general

    async def _send_result_stream(
        self, operation: Operation[Context, None], result_source: AsyncGenerator[Any, None]
    ) -> None:
        async def allowed() -> AsyncGenerator[Any, None]:
            async for result in result_source:
                if not await look_again(self._connection, self.context.actor):
                    yield ExecutionResult(None, [coded(AuthenticationRequiredError(), self.context)])
                    return
                yield result

        async def worded() -> AsyncGenerator[Any, None]:
            try:
                async for result in allowed():
                    if isinstance(result, ExecutionResult) and not isinstance(result, PreExecutionError):
                        result.errors = self._worded(result.errors or ()) or None
                    yield result
            except GraphQLError as error:  # a document our extensions refuse before it is executed
                yield PreExecutionError(None, self._worded([error]))

        await super()._send_result_stream(operation, worded())

    async def handle_message(self, message: Message) -> None:
        """Take one message; JSON of another shape closes the socket, as any other nonsense does."""
        if not self._pace.lets_in(asyncio.get_running_loop().time()):
            await self.websocket.close(4429, "Too many messages")
            return
        try:
            await super().handle_message(message)
        except (AttributeError, TypeError):
            await self.handle_invalid_message("Failed to parse message")

    def _worded(self, errors: Iterable[GraphQLError]) -> list[GraphQLError]:
        return as_errors(masked(errors, self.context.request_id))

    @property
    def _schema(self) -> Schema:
        schema: Schema = self.schema  # type: ignore[assignment]
        return schema

    @property
    def _connection(self) -> WebSocket:
        connection: WebSocket = self.websocket.ws  # type: ignore[attr-defined]  # the adapter's of ASGI
        return connection
