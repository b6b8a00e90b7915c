"""What becomes of a document before it is executed: parsed, priced, paid for, validated.

The price comes first: what it refuses never reaches the rules of validation, some of which compare selections
pair by pair. Parsed, priced and valid documents are remembered, a bounded number of each.
"""

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.context import Context
from schema.cost import TooMuchError, price, sizes_in
from schema.messages import MESSAGES
from schema.services.metering import REFUSED, PointsSpentError

LONGEST_DOCUMENT = 20_000
MOST_TOKENS = 800
MOST_FAULTS = 5
"""After so many validation gives up; each takes time to be worded."""
REMEMBERED, OWN_REMEMBERED = 64, 128
"""Documents of clients, the largest of which takes a third of a megabyte, and of our pages: some 75."""


class Documents:
    """Reads documents for one schema.

    Parameters
    ----------
    told
        Whether the schema speaks of itself: introspection, and suggestions for misspelt names.
    remembered
        How many documents are remembered.
    """

    def __init__(self, schema: GraphQLSchema, *, told: bool, remembered: int = REMEMBERED) -> None:
        self._schema = schema
        self._told = told
        rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        self._rules = rules if told else [*rules, NoSchemaIntrospectionCustomRule]
        self.parsed = lru_cache(remembered)(self._parse)
        self._priced = lru_cache(2 * remembered)(self._price)
        self.faults = lru_cache(remembered)(self._validate)

    def price(self, text: str, operation_name: str | None, variables: dict[str, Any] | None) -> int:
        """Return the points of an operation; raises GraphQLError when it may not be asked."""
        operation = self._operation(text, operation_name)
        return self._priced(text, operation_name, sizes_in(operation, variables))

    def _parse(self, text: str) -> DocumentNode:
        if len(text) > LONGEST_DOCUMENT:
            raise TooMuchError("a number of characters", LONGEST_DOCUMENT)
        try:
            return parse(text, max_tokens=MOST_TOKENS, allow_empty_selection_sets=False)
        except RecursionError:
            raise GraphQLError("The document is nested too deeply.") from None

    def _price(self, text: str, operation_name: str | None, sizes: tuple[tuple[str, int], ...]) -> int:
        return price(self._schema, self.parsed(text), self._operation(text, operation_name), dict(sizes))

    def _operation(self, text: str, operation_name: str | None) -> OperationDefinitionNode:
        operation = get_operation_ast(self.parsed(text), operation_name)
        if operation is None:
            raise GraphQLError("Name one operation of the document.")
        return operation

    def _validate(self, text: str) -> list[GraphQLError]:
        return validate(
            self._schema, self.parsed(text), self._rules, MOST_FAULTS, hide_suggestions=not self._told
        )


class Reading(SchemaExtension):
    """Has `Documents` read what is executed, and the one who asks pay for it.

    Parameters
    ----------
    others, own
        What reads clients' documents, and what reads our pages': however many clients send, ours stay
        remembered.
    """

    def __init__(self, others: Documents, own: Documents) -> None:
        super().__init__()
        self._others, self._own = others, own
        self._priced = False

    async def on_operation(self) -> AsyncIterator[None]:
        """Have documents that are refused before they have a price paid for as well."""
        try:
            yield
        finally:
            if not self._priced:
                await self._pay(REFUSED)

    def on_parse(self) -> Iterator[None]:
        """Parse."""
        context = self.execution_context
        context.graphql_document = self._documents.parsed(context.query or "")
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        """Price, have it paid for, validate."""
        context = self.execution_context
        named = context._provided_operation_name  # noqa: SLF001 - its public name falls back on the first one
        points = self._documents.price(context.query or "", named, context.variables)
        self._priced = True
        await self._pay(points)
        context.pre_execution_errors = self._documents.faults(context.query or "")
        yield

    def get_results(self) -> dict[str, Any]:
        """Return what it cost."""
        meter = self._context.meter
        if meter is None or meter.standing is None:
            return {}
        limit, remaining, _reset = meter.standing
        return {"cost": {"requested": meter.requested, "limit": limit, "remaining": remaining}}

    async def _pay(self, points: int) -> None:
        context = self._context
        if context.meter is None:
            return
        try:
            await context.meter.pay(points)
        except PointsSpentError as error:
            worded = context.translate(MESSAGES["points_spent"]).format(seconds=error.retry_after)
            raise GraphQLError(
                worded, extensions={"code": "RATE_LIMITED", "retryAfter": error.retry_after}
            ) from None

    @property
    def _documents(self) -> Documents:
        return self._own if self._context.meter is None else self._others

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context
