"""Telling the API's requests that save answers or hand attempts in, which have places of their own."""

from functools import lru_cache

import orjson
from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
)

from schema.documents import LONGEST_DOCUMENT, MOST_TOKENS

WRITING = (b"saveAnswer", b"submitAttempt")
"""The mutations that do."""
REMEMBERED = 64
"""Documents that name one of them."""


def saves_only(body: bytes) -> bool:
    """Return whether a request to the API does nothing but save answers and hand attempts in."""
    if not any(name in body for name in WRITING):
        return False
    try:
        asked = orjson.loads(body)
        return _document_saves_only(asked["query"], asked.get("operationName"))
    except (AttributeError, GraphQLError, LookupError, RecursionError, TypeError, ValueError):
        return False


@lru_cache(REMEMBERED)
def _document_saves_only(text: str, operation_name: str | None) -> bool:
    if len(text) > LONGEST_DOCUMENT:
        return False
    operation = get_operation_ast(parse(text, max_tokens=MOST_TOKENS), operation_name)
    return operation is not None and operation_saves_only(operation)


def operation_saves_only(operation: OperationDefinitionNode) -> bool:
    """Return the same of an operation."""
    return operation.operation is OperationType.MUTATION and all(
        isinstance(each, FieldNode) and each.name.value.encode() in WRITING
        for each in operation.selection_set.selections
    )
