"""Named GraphQL operations kept beside their templates: checked at start, executed in-process.

`templates/cases/list.graphql` holds one operation, named `CasesList`, and is run as `"cases/list"`.
Fragments live in `_name.graphql` files beside the partials they feed and are added to every operation that
reaches them. `__typename` is added wherever a union or an interface is selected, so that templates can
branch on it.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_abstract_type,
    parse,
    print_ast,
    specified_rules,
    type_from_ast,
    validate,
    visit,
)
from graphql.validation import NoUnusedFragmentsRule
from strawberry import Schema
from strawberry.types import ExecutionResult

from schema.context import Context
from schema.cost import price
from schema.pagination import MAX_PAGE
from server import traces
from server.masking import masked

RULES = [rule for rule in specified_rules if rule is not NoUnusedFragmentsRule]
"""The specification's rules; a fragment that no operation reaches yet is no fault."""


class OperationsError(Exception):
    """Some operation files cannot be used; `problems` names every fault with its file and line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["Some operations cannot be used:", *(f"  {line}" for line in problems)]))
        self.problems = problems


@dataclass(frozen=True)
class Operation:
    """One operation with every fragment it reaches."""

    name: str
    text: str
    node: OperationDefinitionNode
    schema: GraphQLSchema

    @cached_property
    def variables(self) -> dict[str, GraphQLInputType]:
        """Return the input type of each variable, by name."""
        return {
            variable.variable.name.value: type_from_ast(self.schema, variable.type)  # type: ignore[misc]
            for variable in self.node.variable_definitions or ()
        }


@dataclass(frozen=True)
class Outcome:
    """What one execution answered: `data` by response key, and masked errors as the API words them."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def codes(self) -> list[str]:
        """Return the code of each error."""
        return [error["extensions"]["code"] for error in self.errors]


class Operations:
    """Every operation under a folder of templates, by path without suffix.

    Parameters
    ----------
    schema
        What they are checked against and executed on, with the same extensions as `/graphql`.
    folder
        The folder of templates.

    Raises
    ------
    OperationsError
        When any file cannot be used; all faults are named at once.
    """

    def __init__(self, schema: Schema, folder: Path) -> None:
        self._schema = schema
        self.graphql: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
        problems: list[str] = []
        documents = dict(_parsed(folder, problems))
        problems += [fault for name, document in documents.items() for fault in _misplaced(name, document)]
        whole = DocumentNode(
            definitions=tuple(node for doc in documents.values() for node in doc.definitions)
        )
        problems += [_described(error) for error in validate(self.graphql, whole, RULES, max_errors=1000)]
        if problems:
            raise OperationsError(list(dict.fromkeys(problems)))
        self._operations = self._built(_with_typenames(self.graphql, whole))
        problems += [fault for each in self._operations.values() for fault in _dear(each)]
        if problems:
            raise OperationsError(problems)
        self.documents = frozenset(each.text for each in self._operations.values())

    def __len__(self) -> int:
        """Return how many operations there are; the parser's cache must hold as many."""
        return len(self._operations)

    def __iter__(self) -> Iterator[str]:
        """Return the operations' names, such as `cases/list`."""
        return iter(self._operations)

    def __getitem__(self, name: str) -> Operation:
        return self._operations[name]

    async def run(self, name: str, variables: Mapping[str, Any], context: Context) -> Outcome:
        """Execute a query or mutation by name."""
        with traces.operation(operation_name(name)):
            result = await self._schema.execute(
                self._operations[name].text, variable_values=dict(variables), context_value=context
            )
        return _outcome(result, context)

    async def subscribe(
        self, name: str, variables: Mapping[str, Any], context: Context
    ) -> AsyncGenerator[Outcome, None]:
        """Execute a subscription: one outcome an event, or a single one with the errors that refused it."""
        stream = await self._schema.subscribe(
            self._operations[name].text, variable_values=dict(variables), context_value=context
        )
        if isinstance(stream, ExecutionResult):
            yield _outcome(stream, context)
            return
        try:
            async for result in stream:
                yield _outcome(result, context)
        finally:
            await stream.aclose()

    def _built(self, whole: DocumentNode) -> dict[str, Operation]:
        fragments = {
            node.name.value: node for node in whole.definitions if isinstance(node, FragmentDefinitionNode)
        }
        return {
            _path_of(node): Operation(_path_of(node), _text(node, fragments), node, self.graphql)
            for node in whole.definitions
            if isinstance(node, OperationDefinitionNode)
        }


def operation_name(path: str) -> str:
    """Return the name an operation must have: `cases/new_list` gives `CasesNewList`."""
    words = path.replace("/", "_").replace("-", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)


def _parsed(folder: Path, problems: list[str]) -> Iterator[tuple[str, DocumentNode]]:
    for path in sorted(folder.rglob("*.graphql")):
        name = path.relative_to(folder).as_posix()
        try:
            yield name, parse(Source(path.read_text(encoding="utf-8"), name))
        except GraphQLError as error:
            problems.append(_described(error))


def _misplaced(name: str, document: DocumentNode) -> Iterator[str]:
    """Yield what a file holds and should not."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    others = [node for node in document.definitions if not isinstance(node, OperationDefinitionNode)]
    if Path(name).name.startswith("_"):
        if operations or not all(isinstance(node, FragmentDefinitionNode) for node in others):
            yield f"{name}: a file whose name starts with _ holds fragments only"
        return
    expected = operation_name(name.removesuffix(".graphql"))
    names = [node.name.value if node.name else "(no name)" for node in operations]
    if names != [expected] or others:
        held = ", ".join(names) or "none"
        yield f"{name}: should hold one operation named {expected} and nothing else, not {held}"


def _dear(operation: Operation) -> Iterator[str]:
    """Yield why an operation asks for too much, when every list in it is as long as it may be."""
    sizes = dict.fromkeys(operation.variables, MAX_PAGE)
    try:
        price(operation.schema, parse(operation.text), operation.node, sizes)
    except GraphQLError as error:
        yield f"{operation.name}.graphql: {error.message}"


def _described(error: GraphQLError) -> str:
    source = error.source or (error.nodes[0].loc.source if error.nodes and error.nodes[0].loc else None)
    line = error.locations[0].line if error.locations else 0
    return f"{source.name if source else '(unknown file)'}:{line}: {error.message}"


class _AddTypename(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode | None:
        parent = self._types.get_parent_type()
        present = {
            item.name.value for item in node.selections if isinstance(item, FieldNode) and not item.alias
        }
        if parent is None or not is_abstract_type(parent) or "__typename" in present:
            return None
        typename = FieldNode(name=NameNode(value="__typename"))
        return SelectionSetNode(selections=(typename, *node.selections), loc=node.loc)


def _with_typenames(schema: GraphQLSchema, document: DocumentNode) -> DocumentNode:
    types = TypeInfo(schema)
    changed: DocumentNode = visit(document, TypeInfoVisitor(types, _AddTypename(types)))
    return changed


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)


def _text(node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> str:
    reached: dict[str, FragmentDefinitionNode] = {}
    pending: list[Any] = [node]
    while pending:
        spreads = _Spreads()
        visit(pending.pop(), spreads)
        for name in spreads.names:
            if name not in reached:
                reached[name] = fragments[name]
                pending.append(fragments[name])
    return "\n\n".join(print_ast(part) for part in (node, *reached.values()))


def _path_of(node: OperationDefinitionNode) -> str:
    """Return the operation's path from the name of the file it was read from."""
    if node.loc is None:
        raise ValueError("an operation without a source has no path")
    return node.loc.source.name.removesuffix(".graphql")


def _outcome(result: ExecutionResult, context: Context) -> Outcome:
    return Outcome(result.data, masked(result.errors or (), context.request_id))
