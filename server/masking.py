"""What a client may read of an error: what it can act on; anything else is masked and logged."""

from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError

from server.faults import log_fault
from server.i18n import gettext as _

MAX_MESSAGE = 300
"""A validation message quotes the query; a literal of a megabyte stays out of answer and log."""


def masked(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """Return the errors as the API words them, each with `extensions.code`.

    Codes are the domain's own; BAD_REQUEST for a document or variables that do not fit the schema; INTERNAL,
    with the request's id to quote, for a fault of ours.
    """
    return [_masked(error, request_id) for error in errors]


def as_errors(worded: Iterable[dict[str, Any]]) -> list[GraphQLError]:
    """Return worded errors as objects that word themselves the same."""
    return [
        GraphQLError(each["message"], path=each.get("path"), extensions=each["extensions"]) for each in worded
    ]


def _masked(error: GraphQLError, request_id: str) -> dict[str, Any]:
    worded = dict(error.formatted)
    extensions = dict(error.extensions or {})
    if "code" in extensions:
        return worded
    if error.path is None and isinstance(error.original_error, GraphQLError | None):
        message = error.message if len(error.message) <= MAX_MESSAGE else f"{error.message[:MAX_MESSAGE]}…"
        return {**worded, "message": message, "extensions": {**extensions, "code": "BAD_REQUEST"}}
    where = ".".join(str(step) for step in error.path or ())
    log_fault(error.original_error or error, request_id, f"GraphQL field {where}")
    message = _("Internal error. Quote %(request)s when you report it.") % {"request": request_id}
    return {**worded, "message": message, "extensions": {"code": "INTERNAL", "requestId": request_id}}
