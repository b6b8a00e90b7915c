"""Puts the schema together from its features."""

import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from schema.queries.accounts import AccountQueries

QUERIES = (AccountQueries,)
MUTATIONS: tuple[type, ...] = ()
SUBSCRIPTIONS: tuple[type, ...] = ()


class Schema(strawberry.Schema):
    """The schema; faults are logged by whoever serves it, never printed."""


def build_schema() -> strawberry.Schema:
    """Return the product's whole schema."""
    return Schema(
        query=merge_types("Query", QUERIES),
        mutation=merge_types("Mutation", MUTATIONS) if MUTATIONS else None,
        subscription=merge_types("Subscription", SUBSCRIPTIONS) if SUBSCRIPTIONS else None,
        extensions=[lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)],
        config=StrawberryConfig(auto_camel_case=True),
    )
