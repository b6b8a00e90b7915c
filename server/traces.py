"""Traces by OpenTelemetry, where `CHEVET_TRACES_URL` says where they go; nothing is imported otherwise.

A span for each request, named by the template of its route, and within it one for each GraphQL operation,
named as the operation is. There is no address, no query string, no variable, no header and no message of an
exception in any: the libraries that trace ASGI by themselves put all of these in.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import Scope

from server.settings import Settings
from server.whereabouts import template_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

LONGEST_NAME = 100
"""Characters of an operation's name: clients may call theirs as they like."""
UNPOSED = 500
"""Statuses from here on are faults of ours."""


class _Traces:
    """The provider of this process; None where nothing is traced."""

    provider: "TracerProvider | None" = None


def start(settings: Settings) -> None:
    """Trace from now on in this process, if the settings say where to."""
    if settings.traces_url is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
        OTLPSpanExporter,
    )

    start_with(OTLPSpanExporter(endpoint=settings.traces_url))


def start_with(exporter: "SpanExporter") -> None:
    """Trace from now on in this process, into what takes spans in batches."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same

    _Traces.provider = TracerProvider(resource=Resource.create({"service.name": "chevet"}))
    _Traces.provider.add_span_processor(BatchSpanProcessor(exporter))


def stop() -> None:
    """Send what is left and trace no more."""
    if _Traces.provider is not None:
        _Traces.provider.shutdown()
        _Traces.provider = None


@contextmanager
def request(scope: Scope, seen: Mapping[str, Any]) -> Iterator[None]:
    """Trace one request or one connection, beneath the span that a proxy says it belongs to.

    Parameters
    ----------
    seen
        Has its `status` when it ends.
    """
    if _Traces.provider is None:
        yield
        return
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - an extra
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - the same
        TraceContextTextMapPropagator,
    )

    headers = Headers(scope=scope)
    carried = {"traceparent": headers.get("traceparent", "")}
    context = TraceContextTextMapPropagator().extract(carried)
    method = scope.get("method", "WEBSOCKET")
    with _Traces.provider.get_tracer("chevet").start_as_current_span(
        method, context, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        finally:
            route, status = template_of(scope), seen["status"]
            if route is not None:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.response.status_code", status)
            if status >= UNPOSED:
                span.set_status(StatusCode.ERROR)


@contextmanager
def operation(name: str | None) -> Iterator[None]:
    """Trace the execution of one GraphQL operation."""
    if _Traces.provider is None:
        yield
        return
    called = (name or "anonymous")[:LONGEST_NAME]
    with _Traces.provider.get_tracer("chevet").start_as_current_span(
        f"GraphQL {called}", record_exception=False, set_status_on_exception=False
    ) as span:
        span.set_attribute("graphql.operation.name", called)
        yield
