"""What the schema promises to those who build on it."""

import re
from collections.abc import Iterator
from datetime import date

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)

from server.reference import Reference, changes
from tests.schema.operations import printed_schema

REASON = re.compile(r"Since (\d{4}-\d\d-\d\d): \S.*\.", re.DOTALL)


def deprecated(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """Return the coordinate and the reason of everything that is deprecated."""
    for kind in Reference(schema).kinds.values():
        for part in kind.parts:
            every = [part, *part.arguments]
            yield from ((each.place, each.deprecated) for each in every if each.deprecated)


def undated(schema: GraphQLSchema) -> list[str]:
    """Return what is deprecated without saying since when and what to ask instead."""
    return [place for place, reason in deprecated(schema) if since(reason) is None]


def since(reason: str) -> date | None:
    found = REASON.fullmatch(reason)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def test_every_deprecation_says_since_when_and_what_instead() -> None:
    assert undated(printed_schema()) == []
    assert [place for place, _ in deprecated(printed_schema())] != []


def test_a_deprecation_without_a_date_is_noticed_wherever_it_stands() -> None:
    schema = build_schema("""
      type Query {
        good: Int @deprecated(reason: "Since 2026-11-27: ask `better`.")
        plain: Int @deprecated
        old(one: Int @deprecated(reason: "Ask it.")): Int @deprecated(reason: "Since 2026-02-30: ask it.")
        kind(by: By): Kind
      }
      input By { one: Int @deprecated(reason: "Since 2026-11-27:") }
      enum Kind { ONE @deprecated(reason: "since 2026-11-27: Ask TWO.") TWO }
    """)
    assert undated(schema) == ["Query.plain", "Query.old", "Query.old(one:)", "By.one", "Kind.ONE"]


def test_only_a_node_has_an_id() -> None:
    """Clients keep objects by their id, Relay by nothing else: no other object may go by the same."""
    kinds = [
        kind
        for kind in printed_schema().type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and "id" in kind.fields
    ]
    nodes = [
        kind for kind in kinds if kind.name == "Node" or "Node" in {each.name for each in kind.interfaces}
    ]
    assert len(nodes) > 10
    assert [kind.name for kind in kinds if kind not in nodes] == []


def test_every_result_of_a_mutation_is_one_object_or_a_refusal() -> None:
    schema = printed_schema()
    refusals = set(schema.get_possible_types(schema.type_map["Refusal"]))  # type: ignore[arg-type]
    for name, field in schema.type_map["Mutation"].fields.items():  # type: ignore[attr-defined]
        members = set(field.type.of_type.types)
        assert members > refusals, name
        assert len(members - refusals) == 1, name


def test_a_change_of_the_schema_is_told_to_clients() -> None:
    digest, told = changes()
    assert [each.date for each in told] == sorted((each.date for each in told), reverse=True)
    assert {each.kind for each in told} <= {"added", "changed", "deprecated", "removed"}
    now = Reference(printed_schema()).digest
    assert digest == now, f"Tell in schema/changes.toml what has changed, then put {now} in as its digest."


def test_what_the_changes_name_is_there_and_what_was_removed_is_not() -> None:
    reference, (_, told) = Reference(printed_schema()), changes()
    gone = {name for each in told if each.kind == "removed" for name in each.names}
    named = {name for each in told for name in each.names} - gone
    assert [name for name in sorted(gone) if reference.address(name)] == []
    assert [name for name in sorted(named) if not reference.address(name)] == []


def test_every_deprecation_is_told_under_its_date() -> None:
    told = {(name, each.date) for each in changes()[1] if each.kind == "deprecated" for name in each.names}
    assert {(place, since(reason)) for place, reason in deprecated(printed_schema())} == told


def test_words_alone_change_no_digest_and_anything_else_does() -> None:
    text = "type Query { cases(first: Int = 20): [Int!]! kind: Kind } enum Kind { ONE TWO } union U = Query"
    digest = Reference(build_schema(text)).digest
    assert Reference(build_schema(f'"""Words."""\n{text}')).digest == digest
    others = [("= 20", "= 10"), ("[Int!]!", "[Int!]"), ("TWO", "THREE"), ("kind: Kind", "kind: Kind!")]
    assert len({Reference(build_schema(text.replace(*each))).digest for each in others} - {digest}) == len(
        others
    )


def test_an_input_and_an_enum_are_told_part_by_part() -> None:
    schema, kinds = printed_schema(), Reference(printed_schema()).kinds
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType) and not kind.name.startswith("__"):
            assert [part.name for part in kinds[kind.name].parts] == list(kind.fields)
        if isinstance(kind, GraphQLEnumType) and not kind.name.startswith("__"):
            assert [part.name for part in kinds[kind.name].parts] == list(kind.values)
