"""Puts the schema together from its features."""

from collections.abc import Iterator
from datetime import datetime

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from schema.execution import Executor
from schema.mutations.accounts import AccountMutations
from schema.mutations.annotations import AnnotationMutations
from schema.mutations.attempts import AttemptMutations
from schema.mutations.cases import CaseMutations
from schema.mutations.contests import ContestMutations
from schema.mutations.disagreements import DisagreementMutations
from schema.mutations.enrolments import EnrolmentMutations
from schema.mutations.ontologies import OntologyMutations
from schema.mutations.recordings import RecordingMutations
from schema.mutations.sessions import SessionMutations
from schema.mutations.tokens import TokenMutations
from schema.queries.accounts import AccountQueries
from schema.queries.attempts import AttemptQueries
from schema.queries.audit import AuditQueries
from schema.queries.cases import CaseQueries
from schema.queries.concepts import ConceptQueries
from schema.queries.contests import ContestQueries
from schema.queries.disagreements import DisagreementQueries
from schema.queries.grades import GradeQueries
from schema.queries.jobs import JobQueries
from schema.queries.nodes import NodeQueries
from schema.queries.ontologies import OntologyQueries
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
    OntologyQueries,
    GradeQueries,
    SessionQueries,
    AttemptQueries,
    ContestQueries,
    JobQueries,
    StatisticsQueries,
    DisagreementQueries,
)
MUTATIONS: tuple[type, ...] = (
    AccountMutations,
    TokenMutations,
    CaseMutations,
    RecordingMutations,
    AnnotationMutations,
    OntologyMutations,
    SessionMutations,
    EnrolmentMutations,
    AttemptMutations,
    ContestMutations,
    DisagreementMutations,
)
SUBSCRIPTIONS: tuple[type, ...] = (SessionSubscriptions, StatisticsSubscriptions, JobSubscriptions)

LONGEST_DOCUMENT = 20_000
MOST_TOKENS = 2_000
MOST_WORK = 500
WORK_OF_ARGUMENTS = 20
"""A field with arguments asks the database, a text matcher or a password hash; any other is an attribute."""


class Schema(strawberry.Schema):
    """The schema; faults are logged by whoever serves it, never printed."""


def build_schema() -> strawberry.Schema:
    """Return the product's whole schema."""
    return Schema(
        query=_root("Query", QUERIES, "What can be asked."),
        mutation=_root("Mutation", MUTATIONS, "What can be changed; each answers with what became of it."),
        subscription=_root("Subscription", SUBSCRIPTIONS, "What can be followed as it happens."),
        extensions=[Modest, lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)],
        execution_context_class=Executor,
        config=StrawberryConfig(auto_camel_case=True, scalar_map={datetime: DATE_TIME}),
    )


class Modest(SchemaExtension):
    """Refuses documents that are long or that repeat themselves, before they cost anything.

    Our own largest operation has 170 tokens. Parsed documents are cached, and rules compare selections pair
    by pair: without a bound, a few hundred long ones fill the memory and one of 60 KB takes seconds.
    """

    def on_operation(self) -> Iterator[None]:
        """Set the bounds."""
        context = self.execution_context
        if len(context.query or "") > LONGEST_DOCUMENT:
            raise GraphQLError(f"The document is longer than {LONGEST_DOCUMENT} characters.")
        context.parse_options["max_tokens"] = MOST_TOKENS
        context.validation_rules = (*context.validation_rules, ModestWork)
        yield


class ModestWork(ValidationRule):
    """Bounds what a document asks for in all, fragments and aliases counted as often as they are reached."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._known: dict[str, int] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Count."""
        if self._work(node.selection_set) > MOST_WORK:
            self.report_error(GraphQLError("This asks for too much at once: ask in several requests.", node))

    def _work(self, selected: SelectionSetNode | None) -> int:
        return sum(self._work_of(node) for node in selected.selections) if selected else 0

    def _work_of(self, node: object) -> int:
        if isinstance(node, FragmentSpreadNode):
            return self._work_of_fragment(node.name.value)
        own = 0
        if isinstance(node, FieldNode):
            own = WORK_OF_ARGUMENTS if node.arguments else 1
        return own + self._work(getattr(node, "selection_set", None))

    def _work_of_fragment(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = 0  # a fragment that reaches itself is another rule's to refuse
            fragment = self.context.get_fragment(name)
            self._known[name] = self._work(fragment.selection_set) if fragment else 0
        return self._known[name]


def _root(name: str, features: tuple[type, ...], description: str) -> type:
    made = merge_types(name, features)
    made.__strawberry_definition__.description = description  # type: ignore[attr-defined]
    return made
