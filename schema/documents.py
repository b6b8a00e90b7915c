"""What becomes of a document before it is executed: parsed, priced, validated.

The price comes first: what it refuses never reaches the rules of validation, some of which compare selections
pair by pair. Parsed, priced and valid documents are remembered, a bounded number of each.
"""

from dataclasses import dataclass
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
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.cost import TooMuchError, price, sizes_in
from schema.errors import FieldProblem, ValidationFailedError

LONGEST_DOCUMENT = 20_000
MOST_TOKENS = 800
MOST_FAULTS, MOST_FAULTS_REGISTERED = 5, 20
"""After so many validation gives up; each takes time to be worded."""
LONGEST_FAULT = 300
"""Characters; a fault quotes the document."""
REMEMBERED, OWN_REMEMBERED = 64, 256
"""Documents of clients, the largest of which takes a third of a megabyte, and of our pages: some 140."""
RULES = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that fits the schema.

    Parameters
    ----------
    operations
        Their names; empty for the only one, which needs none.
    cost
        Points of the dearest one, when its variables are left out.
    """

    operations: list[str]
    cost: int


class Documents:
    """Reads documents for one schema.

    Parameters
    ----------
    remembered
        How many documents are remembered.
    """

    def __init__(self, schema: GraphQLSchema, *, remembered: int = REMEMBERED) -> None:
        self._schema = schema
        self.parsed = lru_cache(remembered)(self._parse)
        self._priced = lru_cache(2 * remembered)(self._price)
        self.faults = lru_cache(remembered)(self._validate)

    def price(self, text: str, operation_name: str | None, variables: dict[str, Any] | None) -> int:
        """Return the points of an operation; raises GraphQLError when it may not be asked."""
        operation = self._operation(text, operation_name)
        return self._priced(text, operation_name, sizes_in(operation, variables))

    def check(self, text: str, *, told: bool) -> Checked:
        """Return what a document that is to be kept holds.

        Raises
        ------
        ValidationFailedError
            At `text`, with every fault.
        """
        try:
            operations = [
                node for node in self.parsed(text).definitions if isinstance(node, OperationDefinitionNode)
            ]
            names = [node.name.value if node.name else None for node in operations]
            cost = max((self.price(text, name, None) for name in names), default=0)
            faults = self._validate(text, told=told, most=MOST_FAULTS_REGISTERED)
        except GraphQLError as error:
            faults = [error]
        if faults:
            raise ValidationFailedError([_problem(fault) for fault in faults])
        if not operations or "\0" in text:  # which PostgreSQL would not keep
            raise ValidationFailedError.of("text", "no_operation" if not operations else "unprintable")
        return Checked([name or "" for name in names], cost)

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

    def _validate(self, text: str, *, told: bool = False, most: int = MOST_FAULTS) -> list[GraphQLError]:
        """Return what is wrong; `told` says whether the schema speaks of itself, in suggestions as well."""
        rules = RULES if told else [*RULES, NoSchemaIntrospectionCustomRule]
        return validate(self._schema, self.parsed(text), rules, most, hide_suggestions=not told)


def _problem(fault: GraphQLError) -> FieldProblem:
    line = str(fault.locations[0].line) if fault.locations else "1"
    return FieldProblem(
        ("text",), "document_fault", (("line", line), ("fault", fault.message[:LONGEST_FAULT]))
    )
