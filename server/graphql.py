"""The Strawberry view at /graphql: JSON and multipart by POST, subscriptions by graphql-transport-ws only."""

from collections.abc import AsyncGenerator, Iterable
from copy import copy
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import Schema
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from schema.context import Context
from schema.errors import AuthenticationRequiredError
from schema.permissions import coded
from server.context import context_of, look_again
from server.masking import as_errors, masked
from server.settings import Settings
from server.uploads import FileDoor

PATH = "/graphql"
MAX_DOCUMENT = 1_000_000
MAX_UPLOAD = 210_000_000
"""Bytes of one multipart request: a file of 200 MB with the operation around it."""
MAX_OPERATIONS = 20
"""Queries and subscriptions under way at once over one socket."""
EXPLORER_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://unpkg.com; "
    "style-src 'self' 'unsafe-inline' https://unpkg.com; img-src 'self' data: https://unpkg.com; "
    "connect-src 'self'"
)
"""GraphiQL loads its scripts from elsewhere; it is served in development only."""


class Socket(BaseGraphQLTransportWSHandler[Context, None]):
    """What is said over a WebSocket: to whom it may be said at that moment, with masked errors.

    Strawberry decides who is there once, when the socket opens, shares one context among all that is asked
    over it, and sends errors as they are.
    """

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Execute one operation in a context of its own, for whom the cookie or the token stands now."""
        connection = self._connection
        await look_again(connection)
        one = copy(self)
        one.context = context_of(connection)
        await super(Socket, one).run_operation(operation)

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
        try:
            await super().handle_message(message)
        except (AttributeError, TypeError):
            await self.handle_invalid_message("Failed to parse message")

    def _worded(self, errors: Iterable[GraphQLError]) -> list[GraphQLError]:
        return as_errors(masked(errors, self.context.request_id))

    @property
    def _connection(self) -> WebSocket:
        connection: WebSocket = self.websocket.ws  # type: ignore[attr-defined]  # the adapter's of ASGI
        return connection


class View(GraphQL[Context, None]):
    """Answers with masked errors, by orjson."""

    graphql_transport_ws_handler_class = Socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one connection; what cannot be executed is answered in JSON as well."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        try:
            response = await self.run(Request(scope, receive))
        except HTTPException as error:
            fault = {"message": error.reason, "extensions": {"code": "BAD_REQUEST"}}
            body = orjson.dumps({"errors": [fault]})
            response = Response(body, error.status_code, media_type="application/json")
        await response(scope, receive, send)

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Read the operation; JSON of another shape, or a file map that points nowhere, is a bad request."""
        try:
            return await super().parse_http_body(request)
        except (AttributeError, LookupError, TypeError, ValueError):
            raise HTTPException(400, "This is no GraphQL request.") from None

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """Return the visitor's context."""
        del response
        if isinstance(request, Request):
            request.scope["state"].setdefault("closing", []).append(request.close)
        return context_of(request)

    async def execute_single(  # noqa: PLR0913, PLR0917 - Strawberry's signature
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Execute a query or a mutation; Strawberry's own lets subscriptions through, to fail later."""
        del request, sub_response
        try:
            return await self.schema.execute(
                request_data.query,
                root_value=root_value,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=self._allowed(request_adapter.method),
            )
        except InvalidOperationTypeError as error:
            raise HTTPException(400, error.as_http_error_reason(request_adapter.method)) from None
        except (CannotGetOperationTypeError, MissingQueryError):
            raise HTTPException(400, "Name one operation of the document.") from None

    def _allowed(self, method: str) -> set[OperationType]:
        queries = {OperationType.QUERY} if method == "POST" or self.allow_queries_via_get else set()
        return queries | ({OperationType.MUTATION} if method == "POST" else set())

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Return the answer, with what went wrong worded for the client."""
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = masked(result.errors, request.scope["state"]["request_id"])
        if result.extensions:
            answer["extensions"] = result.extensions
        return answer  # type: ignore[return-value]

    async def render_graphql_ide(self, request: Request) -> Response:
        """Return GraphiQL under a policy that lets it load."""
        del request
        return HTMLResponse(self.graphql_ide_html, headers={"Content-Security-Policy": EXPLORER_POLICY})

    def decode_json(self, data: str | bytes) -> object:
        """Read JSON."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """Write JSON; as text, since a WebSocket's messages are text."""
        return orjson.dumps(data).decode()


class Endpoint:
    """The view behind a limit that lets only authors' files be large."""

    def __init__(self, schema: Schema, settings: Settings) -> None:
        view: ASGIApp = View(
            schema,
            graphql_ide=None if settings.production else "graphiql",
            allow_queries_via_get=not settings.production,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            multipart_uploads_enabled=True,
            allowed_origins=(settings.public_url,),
            max_subscriptions_per_connection=MAX_OPERATIONS,
        )
        self._view = view
        self._limited = FileDoor(view, largest=MAX_UPLOAD, ordinary=MAX_DOCUMENT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one connection."""
        await (self._limited if scope["type"] == "http" else self._view)(scope, receive, send)
