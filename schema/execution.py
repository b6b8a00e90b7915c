"""Executes what need not wait at once, without the ceremony for each field.

A page of 50 cases with 4 annotations each is some 2,000 fields, nearly all of them attributes that are there
already; graphql-core spends several microseconds on each, for a path, an info object, a resolver's call and
checks for awaitables. `Executor` turns a selection of attributes, and of resolvers that take no arguments and
do not wait, into one function from an object to its part of the answer. What such a function cannot finish it
leaves to graphql-core's own algorithm, which starts over, meets the same and words the error: an answer never
depends on the way it was come by. A resolver may thus be called twice, and its `info.path` names no more than
its own field.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from math import isfinite
from operator import attrgetter
from types import CoroutineType
from typing import Any, NamedTuple, NoReturn

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import to_nodes
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import Info

from schema.context import Context

Complete = Callable[[Any], Any]
"""A resolved value -> its part of the answer; raises whatever it likes when there is none."""
DEFINITION = "strawberry-definition"
AS_THEY_ARE: Mapping[str, type] = {"Boolean": bool, "Float": float, "ID": str, "String": str}
"""Scalars whose values of exactly this type are legal as they are; a `Float` must be finite."""


class UnusualError(Exception):
    """graphql-core's own algorithm has to decide."""


class Reading(NamedTuple):
    """A field of the answer: how its value is had from an object, and completed."""

    name: str
    value_of: Callable[[Any], Any]
    complete: Complete


class Plan(NamedTuple):
    """How to execute one selection: what is read at once, and the fields left over.

    Parameters
    ----------
    fields
        The selection; held, since a plan is found by its identity.
    """

    fields: GroupedFieldSet
    read: list[Reading]
    rest: GroupedFieldSet

    def found(self, source: Any) -> dict[str, Any]:
        """Return what is read from an object."""
        return {name: complete(value_of(source)) for name, value_of, complete in self.read}

    def ordered(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in the order of the selection."""
        return {name: values[name] for name in self.fields if name in values}


class Executor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor with a shorter way where nothing waits; made anew for each operation."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._plans: dict[int, Plan] = {}
        self._lists: dict[int, tuple[FieldDetailsList, Complete | None]] = {}
        self._waiting: set[int] = set()

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        *arguments: Any,
        **options: Any,
    ) -> Any:
        """Keep suggestions out of what is said of variables, where the schema does not speak of itself."""
        if isinstance(context_value, Context):
            options["hide_suggestions"] = not context_value.told
        return super().build(schema, document, root_value, context_value, *arguments, **options)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Read what can be read and execute the rest."""
        plan = self._plans.get(id(grouped_field_set)) or self._planned(parent_type, grouped_field_set)
        try:
            found = plan.found(source_value)
        except Exception:  # noqa: BLE001 - whatever it was, it is met again
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        if not plan.rest:
            return found
        others = super().execute_fields(parent_type, source_value, path, plan.rest, position_context)
        return plan.ordered(found | others) if isinstance(others, dict) else _joined(plan, found, others)

    def complete_list_value(  # noqa: PLR0913, PLR0917 - graphql-core's arguments
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a list at once when nothing in its items waits."""
        try:
            return self._listing(return_type, field_details_list)(result)
        except Exception:  # noqa: BLE001 - whatever it was, it is met again
            return super().complete_list_value(
                return_type, field_details_list, info, path, result, position_context
            )

    def _listing(self, kind: GraphQLList[GraphQLOutputType], details: FieldDetailsList) -> Complete:
        """Return how to complete the list of a field; raises UnusualError when something in it waits."""
        known = self._lists.get(id(details))
        if known is None:
            known = self._lists[id(details)] = details, self._completing(kind, details)
        if known[1] is None:
            raise UnusualError
        return known[1]

    def _planned(self, parent_type: GraphQLObjectType, fields: GroupedFieldSet) -> Plan:
        readings = (self._reading(name, parent_type, details) for name, details in fields.items())
        read = [reading for reading in readings if reading is not None]
        names = {reading.name for reading in read}
        rest = {name: details for name, details in fields.items() if name not in names}
        plan = self._plans[id(fields)] = Plan(fields, read, rest)
        return plan

    def _reading(
        self, name: str, parent_type: GraphQLObjectType, details: FieldDetailsList
    ) -> Reading | None:
        """Return how to read a field from its object; None when something in it waits."""
        if any(detail.node.directives or detail.defer_usage for detail in details):
            return None
        field = self.schema.get_field(parent_type, details[0].node.name.value)
        if field is None or not self._is_ours(field):
            return None
        complete = self._completing(field.type, details)
        if complete is None:
            return None
        if field.extensions[DEFINITION].is_basic_field:
            return Reading(name, attrgetter(field.extensions[DEFINITION].python_name), complete)
        value_of = self._resolving(field, parent_type, details)
        return None if value_of is None else Reading(name, value_of, complete)

    def _is_ours(self, field: GraphQLField) -> bool:
        """Return whether a field has no arguments and no extension, of its own or of the schema."""
        definition, resolve = field.extensions.get(DEFINITION), field.resolve
        if definition is None or definition.extensions or field.args or resolve is None:
            return False
        wrapping = self.middleware_manager
        return wrapping is None or wrapping.get_field_resolver(resolve) is resolve

    def _resolving(
        self, field: GraphQLField, parent_type: GraphQLObjectType, details: FieldDetailsList
    ) -> Callable[[Any], Any] | None:
        """Return a resolver as a function of its object; None when it is known to wait."""
        definition = field.extensions[DEFINITION]
        resolver = definition.base_resolver
        if definition.is_async or id(details) in self._waiting or not resolver.self_parameter:
            return None
        path = Path(None, details[0].node.name.value, parent_type.name)
        info = Info(self.build_resolve_info(field, to_nodes(details), parent_type, path), definition)
        given = {resolver.info_parameter.name: info} if resolver.info_parameter else {}

        def value_of(source: Any) -> Any:
            value = resolver(source, **given)
            if self.is_awaitable(value):
                self._wait_for(value, details)
            return value

        return value_of

    def _wait_for(self, value: Any, details: FieldDetailsList) -> NoReturn:
        """Give up reading a field whose resolver has turned out to wait, here and for all objects to come."""
        if isinstance(value, CoroutineType):
            value.close()
        self._waiting.add(id(details))
        self._plans.clear()
        self._lists.clear()
        raise UnusualError

    def _completing(self, kind: Any, details: FieldDetailsList) -> Complete | None:
        """Return how to complete a value of a type; None when something in it waits."""
        if isinstance(kind, GraphQLNonNull):
            return self._completing_some(kind.of_type, details)
        complete = self._completing_some(kind, details)
        return None if complete is None else lambda value: None if value is None else complete(value)

    def _completing_some(self, kind: Any, details: FieldDetailsList) -> Complete | None:
        """Return how to complete a value that is not null."""
        match kind:
            case GraphQLScalarType():
                return _scalar(kind)
            case GraphQLEnumType():
                return cache(kind.coerce_output_value)
            case GraphQLList():
                return _list(self._completing(kind.of_type, details))
            case GraphQLObjectType():
                return self._object(kind, details)
            case _:
                return None

    def _object(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Complete | None:
        collected = self.collect_subfields(kind, details)
        fields = collected.grouped_field_set
        plan = self._plans.get(id(fields)) or self._planned(kind, fields)
        if plan.rest or collected.new_defer_usages:
            return None
        definition = kind.extensions[DEFINITION]
        classes = {each.origin for each in (definition, definition.concrete_of) if each is not None}

        def complete(value: Any) -> dict[str, Any]:
            if type(value) not in classes:
                raise UnusualError
            return plan.found(value)

        return complete


def _scalar(kind: GraphQLScalarType) -> Complete:
    legal, coerce = AS_THEY_ARE.get(kind.name), kind.coerce_output_value

    def complete(value: Any) -> Any:
        exact = type(value)
        if exact is legal and (exact is not float or isfinite(value)):
            return value
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise UnusualError
        return coerced

    return complete


def _list(complete_item: Complete | None) -> Complete | None:
    if complete_item is None:
        return None

    def complete(values: Any) -> list[Any]:
        if type(values) is not list:
            raise UnusualError
        return [complete_item(value) for value in values]

    return complete


async def _joined(plan: Plan, found: dict[str, Any], others: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return plan.ordered(found | await others)
