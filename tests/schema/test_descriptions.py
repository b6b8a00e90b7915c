"""What the schema says of itself."""

from collections.abc import Iterator

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from tests.schema.operations import printed_schema


def parts() -> Iterator[tuple[str, str | None]]:
    """Return every part of the schema with its description."""
    for name, kind in printed_schema().type_map.items():
        if name.startswith("__"):
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{key}", value.description) for key, value in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{key}", each.description) for key, each in kind.fields.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in kind.fields.items():
                yield f"{name}.{key}", field.description
                yield from ((f"{name}.{key}({arg})", each.description) for arg, each in field.args.items())


def test_every_type_field_argument_and_value_says_what_it_means() -> None:
    assert [name for name, description in parts() if not description] == []
