"""The Strawberry view at /graphql: JSON and multipart by POST, subscriptions by graphql-transport-ws only."""

import json
import re
from datetime import timedelta
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.status import HTTP_403_FORBIDDEN, HTTP_405_METHOD_NOT_ALLOWED
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.types import QueryParams
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from schema.build import Schema
from schema.context import Context
from schema.policy import Scope as Access
from schema.services.metering import Meter
from server import traces
from server.asking import (
    TOO_BUSY,
    Asked,
    identifier_in,
    in_time,
    payers_of,
    paying_context,
    text_of,
    too_late,
)
from server.context import visitor_of
from server.graphql_socket import Socket
from server.i18n import gettext as _
from server.i18n import speaking
from server.masking import masked
from server.places import NoPlaceError, Places
from server.settings import Settings
from server.uploads import FileDoor

PATH = "/graphql"
MAX_DOCUMENT = 200_000
"""Bytes of any other request, and of a message over a socket: our longest text has 20,000 characters."""
MAX_UPLOAD = 210_000_000
"""Bytes of one multipart request: a file of 200 MB with the operation around it."""
MAX_ONTOLOGY_UPLOAD = 21_000_000
"""The same from those who may write concepts only: a file of 20 MB."""
MAX_LINES_UPLOAD = 1_200_000
"""The same from those who may hold sessions, or keep models, only: a file of 1 MB."""
MAX_OPERATIONS = 20
"""Queries and subscriptions under way at once over one socket."""
MOST_AT_ONCE = 50
"""Requests of one client under way at once in one process."""
MOST_SOCKETS = 50
"""Sockets of one client open at once in one process."""
FIRST_MESSAGE = timedelta(seconds=10)
"""How long a socket may stay silent before `connection_init`."""
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
STATUS = {"RATE_LIMITED": 429, "TIMED_OUT": 503, "OVERLOADED": 503}
"""The statuses of refusals, whichever media type is asked for; those of the others depend on it."""
EXPLORER_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://unpkg.com; "
    "style-src 'self' 'unsafe-inline' https://unpkg.com; img-src 'self' data: https://unpkg.com; "
    "connect-src 'self'"
)
"""GraphiQL loads its scripts from elsewhere; it is served in development only."""


class View(GraphQL[Context, None]):
    """Answers as GraphQL over HTTP asks, with masked errors, by orjson.

    Parameters
    ----------
    strict
        Whether only API tokens may ask what our pages do not: no queries by GET, no explorer.
    """

    graphql_transport_ws_handler_class = Socket

    def __init__(self, schema: Schema, settings: Settings) -> None:
        self.strict = settings.production
        super().__init__(
            schema,
            graphql_ide=None if self.strict else "graphiql",
            allow_queries_via_get=not self.strict,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            multipart_uploads_enabled=True,
            allowed_origins=(settings.public_url,),
            max_subscriptions_per_connection=MAX_OPERATIONS,
            connection_init_wait_timeout=FIRST_MESSAGE,
        )
        self._places = Places(MOST_AT_ONCE)
        self._sockets = Places(MOST_SOCKETS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one connection; what cannot be executed is answered in JSON as well."""
        if scope["type"] != "http":
            await self._talk(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        try:
            with self._places.one(payers_of(request)[0].name):
                response = await self.run(request)
        except NoPlaceError:
            response = _fault(request, 429, "RATE_LIMITED", _("Too many requests at once."))
            response.headers["Retry-After"] = "1"
        except HTTPException as error:
            code = "FORBIDDEN" if error.status_code == HTTP_403_FORBIDDEN else "BAD_REQUEST"
            response = _fault(request, error.status_code, code, error.reason)
            if error.status_code == HTTP_405_METHOD_NOT_ALLOWED:
                response.headers["Allow"] = "POST"
        await response(scope, receive, send)

    async def _talk(self, socket: WebSocket) -> None:
        """Serve one connection that stays open."""
        try:
            with self._sockets.one(payers_of(socket)[0].name):
                await self.run(socket)
        except NoPlaceError:
            await socket.close()

    def is_request_allowed(self, request: BaseRequestProtocol) -> bool:
        """Return whether the method is served; in production GET is not, whatever it asks."""
        return request.method == "POST" or (request.method == "GET" and not self.strict)

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Read the operation; JSON of another shape, or a file map that points nowhere, is a bad request."""
        try:
            data = await super().parse_http_body(request)
        except (AttributeError, LookupError, TypeError, ValueError):
            raise HTTPException(400, "This is no GraphQL request.") from None
        name = None if isinstance(data, list) else data.operation_name
        if not isinstance(name, str | None):
            raise HTTPException(400, "The operation's name must be a string.")
        return data

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """Return the visitor's context."""
        del response
        if isinstance(request, Request):
            request.scope["state"].setdefault("closing", []).append(request.close)
        return paying_context(request)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Return what the answer's status and headers are collected in."""
        response = await super().get_sub_response(request)
        response.media_type = _media_type(request)
        return response

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
        asked = Asked(request_data.query, identifier_in({"extensions": request_data.extensions}))
        try:
            text = await text_of(asked, request, context)
        except GraphQLError as error:
            if (error.extensions or {}).get("code") == "FORBIDDEN":
                raise HTTPException(HTTP_403_FORBIDDEN, error.message) from None
            result: ExecutionResult = PreExecutionError(None, [error])
            _head(sub_response, result, context.meter)
            return result
        try:
            with traces.operation(request_data.operation_name):
                async with in_time():
                    result = await self.schema.execute(
                        text,
                        root_value=root_value,
                        variable_values=request_data.variables,
                        context_value=context,
                        operation_name=request_data.operation_name,
                        allowed_operation_types=self._allowed(request_adapter.method),
                    )
        except InvalidOperationTypeError as error:
            status = 405 if request_adapter.method == "GET" else 400
            raise HTTPException(status, error.as_http_error_reason(request_adapter.method)) from None
        except (CannotGetOperationTypeError, MissingQueryError):
            raise HTTPException(400, "Name one operation of the document.") from None
        except TimeoutError:
            result = PreExecutionError(None, [too_late()])
        _head(sub_response, result, context.meter)
        return result

    def parse_json(self, data: str | bytes) -> Any:
        """Read JSON; a document's id goes among the extensions, since Strawberry passes on nothing else."""
        read = super().parse_json(data)
        return _with_identifier(read) if isinstance(read, dict) else read

    def parse_query_params(self, params: QueryParams) -> dict[str, Any]:
        """Read a request by GET likewise."""
        return _with_identifier(super().parse_query_params(params))

    def _allowed(self, method: str) -> set[OperationType]:
        queries = {OperationType.QUERY} if method == "POST" or self.allow_queries_via_get else set()
        return queries | ({OperationType.MUTATION} if method == "POST" else set())

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Return the answer, with what went wrong worded for the client; a refused request has no data."""
        answer: dict[str, Any] = {} if _is_refused(result) else {"data": result.data}
        if result.errors:
            answer["errors"] = masked(result.errors, request.scope["state"]["request_id"])
        if result.extensions:
            answer["extensions"] = result.extensions
        return answer  # type: ignore[return-value]

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """Return the answer under the status and headers that were found for it."""
        sub_response.body = self.encode_json(response_data).encode()
        sub_response.headers["Content-Length"] = str(len(sub_response.body))
        sub_response.headers["Content-Type"] = str(sub_response.media_type)
        return sub_response

    async def render_graphql_ide(self, request: Request) -> Response:
        """Return GraphiQL under a policy that lets it load."""
        del request
        return HTMLResponse(self.graphql_ide_html, headers={"Content-Security-Policy": EXPLORER_POLICY})

    def decode_json(self, data: str | bytes) -> object:
        """Read JSON in which no name is given twice: what stands before us might have read the other one."""
        if len(data) > MAX_DOCUMENT:
            raise json.JSONDecodeError("This is too long", "", 0)
        orjson.loads(data)  # it bounds how deep it is nested, and takes JSON only
        return json.loads(data, object_pairs_hook=_each_once)

    def encode_json(self, data: object) -> str:
        """Write JSON; as text, since a WebSocket's messages are text."""
        return orjson.dumps(data).decode()


def _with_identifier(read: dict[str, Any]) -> dict[str, Any]:
    if "documentId" not in read:
        return read
    return {**read, "extensions": {**(read.get("extensions") or {}), "documentId": read["documentId"]}}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise json.JSONDecodeError("A name is given twice", "", 0)
    return read


def _is_refused(result: ExecutionResult) -> bool:
    """Return whether nothing was executed: errors of execution say at which field they happened."""
    return result.data is None and all(error.path is None for error in result.errors or ())


def _head(response: Response, result: ExecutionResult, meter: Meter | None) -> None:
    """Set the status and the headers that say what the payer has left."""
    codes = {str((error.extensions or {}).get("code")) for error in result.errors or ()}
    status = next((STATUS[code] for code in codes if code in STATUS), None)
    refused = 400 if response.media_type == GRAPHQL_JSON and _is_refused(result) else 200
    response.status_code = status or refused
    if meter is None or meter.standing is None:
        return
    for name, value in zip(("Limit", "Remaining", "Reset"), meter.standing, strict=True):
        response.headers[f"X-RateLimit-{name}"] = str(value)
    if meter.retry_after is not None:
        response.headers["Retry-After"] = str(meter.retry_after)


def _fault(request: Request, status: int, code: str, message: str, **more: int) -> Response:
    body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code, **more}}]})
    return Response(body, status, media_type=_media_type(request))


def overloaded(request: Request, retry_after: int) -> Response:
    """Return the refusal of a request there is no room for."""
    with speaking(visitor_of(request).language):
        message = _(TOO_BUSY)
    response = _fault(request, STATUS["OVERLOADED"], "OVERLOADED", message, retryAfter=retry_after)
    response.headers["Retry-After"] = str(retry_after)
    return response


def _media_type(request: HTTPConnection) -> str:
    """Return the media type of the answer: the newer one where it is asked for at least as much."""
    weights = dict.fromkeys((JSON, GRAPHQL_JSON), 0.0)
    for part in request.headers.get("accept", "").split(","):
        name, _sign, parameters = part.partition(";")
        if name.strip().lower() in weights:
            weights[name.strip().lower()] = _weight(parameters)
    return GRAPHQL_JSON if weights[GRAPHQL_JSON] > 0 and weights[GRAPHQL_JSON] >= weights[JSON] else JSON


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _sign, value = parameter.partition("=")
        if name.strip() == "q" and re.fullmatch(r"[01](\.\d{0,3})?", value.strip()):
            return float(value)
    return 1.0


class Endpoint:
    """The view behind a limit that lets only the files of those be large who may send some."""

    def __init__(self, schema: Schema, settings: Settings) -> None:
        view: ASGIApp = View(schema, settings)
        self._view = view
        largest = {
            Access.CASES_WRITE: MAX_UPLOAD,
            Access.SEGMENTATION: MAX_UPLOAD,
            Access.CONCEPTS_WRITE: MAX_ONTOLOGY_UPLOAD,
            Access.SESSIONS_WRITE: MAX_LINES_UPLOAD,
            Access.MODELS_WRITE: MAX_LINES_UPLOAD,
        }
        self._limited = FileDoor(view, largest, ordinary=MAX_DOCUMENT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one connection."""
        await (self._limited if scope["type"] == "http" else self._view)(scope, receive, send)
