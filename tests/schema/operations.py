"""The smallest operation that asks a root field, made from the schema alone."""

import io
from functools import cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from schema.types.base import global_id
from tests.schema.conftest import the_schema

SAMPLES: dict[str, Any] = {
    "String": "un texte assez long",
    "Int": 1,
    "Float": 0.5,
    "Boolean": True,
    "ID": global_id("Case", 999),
    "DateTime": "2026-03-02T09:00:00+01:00",
    "Date": "2026-03-02",
}
"""Valid values that name nothing which exists."""


@cache
def printed_schema() -> GraphQLSchema:
    """Return the schema as its printed form describes it."""
    return build_schema(the_schema().as_str())


def roots() -> dict[str, dict[str, GraphQLField]]:
    """Return the fields of each root type."""
    schema = printed_schema()
    types = [schema.query_type, schema.mutation_type, schema.subscription_type]
    return {each.name: each.fields for each in types if each is not None}


def smallest(root: str, name: str) -> tuple[str, dict[str, Any]]:
    """Return the operation's text and variables: required arguments only, and hardly anything selected."""
    field = roots()[root][name]
    needed = {key: each.type for key, each in field.args.items() if is_required_argument(each)}
    declared = ", ".join(f"${key}: {each}" for key, each in needed.items())
    passed = ", ".join(f"{key}: ${key}" for key in needed)
    head = f"{root.lower()}({declared})" if needed else root.lower()
    asked = f"{name}({passed})" if needed else name
    variables = {key: sample(each) for key, each in needed.items()}
    return f"{head} {{ {asked} {_selection(field)} }}", variables


def sample(wanted: GraphQLInputType) -> Any:
    """Return a valid value of an input type."""
    inner = wanted.of_type if isinstance(wanted, GraphQLNonNull) else wanted
    if isinstance(inner, GraphQLList):
        return [sample(inner.of_type)]
    if isinstance(inner, GraphQLInputObjectType):
        needed = {key: each for key, each in inner.fields.items() if is_required_input_field(each)}
        return {key: sample(each.type) for key, each in needed.items()}
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    return io.BytesIO(b"no picture") if inner.name == "Upload" else SAMPLES[inner.name]


def _selection(field: GraphQLField) -> str:
    kind = get_named_type(field.type)
    if isinstance(kind, GraphQLLeafType):
        return ""
    more = "... on NotAllowed { code }" if isinstance(kind, GraphQLUnionType) else ""
    return f"{{ __typename {more} }}"
