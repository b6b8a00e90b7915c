"""What a query asks for below a field."""

from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)

from schema.context import Info


def names_below(info: Info) -> frozenset[str]:
    """Return the name of every field selected anywhere below the one being resolved, fragments included."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001 - `selected_fields` converts the whole tree
    names: set[str] = set()
    spread: set[str] = set()
    pending: list[SelectionSetNode | None] = [node.selection_set for node in raw.field_nodes]
    while pending:
        selections = pending.pop()
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                if node.name.value not in spread:
                    spread.add(node.name.value)
                    pending.append(raw.fragments[node.name.value].selection_set)
                continue
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            if isinstance(node, FieldNode | InlineFragmentNode):
                pending.append(node.selection_set)
    return frozenset(names)
