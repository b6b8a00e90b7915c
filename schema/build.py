"""Puts the schema together from its features."""

from datetime import datetime

import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from schema.execution import Executor
from schema.mutations.accounts import AccountMutations
from schema.mutations.annotations import AnnotationMutations
from schema.mutations.attempts import AttemptMutations
from schema.mutations.cases import CaseMutations
from schema.mutations.enrolments import EnrolmentMutations
from schema.mutations.recordings import RecordingMutations
from schema.mutations.sessions import SessionMutations
from schema.mutations.tokens import TokenMutations
from schema.queries.accounts import AccountQueries
from schema.queries.attempts import AttemptQueries
from schema.queries.audit import AuditQueries
from schema.queries.cases import CaseQueries
from schema.queries.concepts import ConceptQueries
from schema.queries.jobs import JobQueries
from schema.queries.nodes import NodeQueries
from schema.queries.sessions import SessionQueries
from schema.queries.statistics import StatisticsQueries
from schema.scalars import DATE_TIME
from schema.subscriptions.jobs import JobSubscriptions
from schema.subscriptions.sessions import SessionSubscriptions
from schema.subscriptions.statistics import StatisticsSubscriptions

QUERIES = (
    NodeQueries,
    AccountQueries,
    AuditQueries,
    CaseQueries,
    ConceptQueries,
    SessionQueries,
    AttemptQueries,
    JobQueries,
    StatisticsQueries,
)
MUTATIONS: tuple[type, ...] = (
    AccountMutations,
    TokenMutations,
    CaseMutations,
    RecordingMutations,
    AnnotationMutations,
    SessionMutations,
    EnrolmentMutations,
    AttemptMutations,
)
SUBSCRIPTIONS: tuple[type, ...] = (SessionSubscriptions, StatisticsSubscriptions, JobSubscriptions)


class Schema(strawberry.Schema):
    """The schema; faults are logged by whoever serves it, never printed."""


def build_schema() -> strawberry.Schema:
    """Return the product's whole schema."""
    return Schema(
        query=_root("Query", QUERIES, "What can be asked."),
        mutation=_root("Mutation", MUTATIONS, "What can be changed; each answers with what became of it."),
        subscription=_root("Subscription", SUBSCRIPTIONS, "What can be followed as it happens."),
        extensions=[lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)],
        execution_context_class=Executor,
        config=StrawberryConfig(auto_camel_case=True, scalar_map={datetime: DATE_TIME}),
    )


def _root(name: str, features: tuple[type, ...], description: str) -> type:
    made = merge_types(name, features)
    made.__strawberry_definition__.description = description  # type: ignore[attr-defined]
    return made
