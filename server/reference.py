"""What the API's reference pages tell, read from the schema itself, and what has changed in it by date."""

import hashlib
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    NullValueNode,
    get_named_type,
    is_specified_scalar_type,
    print_ast,
)
from graphql.utilities import get_default_value_ast

CHANGES = Path(__file__).resolve().parents[1] / "schema" / "changes.toml"
MOST_FOUND = 200
ROOTS = ("Query", "Mutation", "Subscription")
FAMILIES: dict[type[GraphQLNamedType], str] = {
    GraphQLObjectType: "object",
    GraphQLInterfaceType: "interface",
    GraphQLUnionType: "union",
    GraphQLInputObjectType: "input",
    GraphQLEnumType: "enum",
    GraphQLScalarType: "scalar",
}


@dataclass(frozen=True)
class Part:
    """A field, an argument, an input field or an enum's value.

    Parameters
    ----------
    place
        Its schema coordinate, such as `Query.cases` or `Query.cases(first:)`.
    type
        As the schema writes it, such as `[Case!]!`; empty for a value.
    of
        The type's name without list and null marks.
    """

    place: str
    name: str
    about: str
    type: str = ""
    of: str = ""
    default: str = ""
    deprecated: str = ""
    arguments: tuple["Part", ...] = ()


@dataclass(frozen=True)
class Kind:
    """A type of the schema.

    Parameters
    ----------
    family
        `root`, `object`, `interface`, `union`, `input`, `enum` or `scalar`.
    members
        The types of a union, those that implement an interface, the interfaces of an object.
    """

    name: str
    family: str
    about: str
    parts: tuple[Part, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return its schema coordinate."""
        return self.name


@dataclass(frozen=True)
class Change:
    """One change of the API: what it concerns, as schema coordinates, and what it means to clients."""

    date: date
    kind: str
    names: tuple[str, ...]
    about: str


class Reference:
    """The schema by type, searchable."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Return every type by name, the roots first."""
        names = [name for name in ROOTS if name in self._schema.type_map]
        names += sorted(self._schema.type_map.keys() - set(names))
        types = [self._schema.type_map[name] for name in names if not name.startswith("__")]
        return {each.name: self._kind(each) for each in types if not is_specified_scalar_type(each)}

    @cached_property
    def uses(self) -> dict[str, list[str]]:
        """Return where each type is asked for or answered, by name."""
        found: dict[str, list[str]] = defaultdict(list)
        for part in self._parts():
            found[part.of].append(part.place)
        for kind in self.kinds.values():
            for member in kind.members if kind.family == "union" else ():
                found[member].append(kind.name)
        return dict(found)

    @cached_property
    def digest(self) -> str:
        """Return what changes whenever the schema does in anything but its words."""
        lines = [f"{part.place} {part.type} {part.default} {bool(part.deprecated)}" for part in self._parts()]
        lines += [f"{kind.name} {kind.family} {sorted(kind.members)}" for kind in self.kinds.values()]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]

    def address(self, place: str) -> str | None:
        """Return where a schema coordinate is explained; None for what there is not, or not any more."""
        kind, _, rest = place.partition(".")
        name = rest.partition("(")[0]
        if kind not in self.kinds or (name and name not in {part.name for part in self.kinds[kind].parts}):
            return None
        return f"/api/types/{kind}" + (f"#field-{name}" if name else "")

    def search(self, words: str) -> list[Part | Kind]:
        """Return what has all of the words in its name or description, the first 200."""
        wanted = words.casefold().split()
        everything: list[tuple[str, Part | Kind]] = [(kind.name, kind) for kind in self.kinds.values()]
        everything += [(part.place, part) for part in self._parts()]
        found = [
            each
            for place, each in everything
            if all(word in f"{place} {each.about}".casefold() for word in wanted)
        ]
        return found[:MOST_FOUND]

    def _parts(self) -> Iterator[Part]:
        for kind in self.kinds.values():
            for part in kind.parts:
                yield part
                yield from part.arguments

    def _kind(self, kind: GraphQLNamedType) -> Kind:
        family = next(word for each, word in FAMILIES.items() if isinstance(kind, each))
        parts: tuple[Part, ...] = ()
        members: list[GraphQLNamedType] = []
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            parts = tuple(_part(f"{kind.name}.{name}", name, each) for name, each in kind.fields.items())
        if isinstance(kind, GraphQLEnumType):
            parts = tuple(_part(f"{kind.name}.{name}", name, each) for name, each in kind.values.items())
        if isinstance(kind, GraphQLUnionType):
            members += kind.types
        if isinstance(kind, GraphQLInterfaceType):
            members += sorted(self._schema.get_possible_types(kind), key=lambda each: each.name)
        if isinstance(kind, GraphQLObjectType):
            members += kind.interfaces
        family = "root" if kind.name in ROOTS else family
        return Kind(kind.name, family, kind.description or "", parts, tuple(each.name for each in members))


def changes() -> tuple[str, list[Change]]:
    """Return the digest of the schema that the changes lead to, and the changes, newest first."""
    read = tomllib.loads(CHANGES.read_text(encoding="utf-8"))
    return read["digest"], [Change(**{**each, "names": tuple(each["names"])}) for each in read["change"]]


def _part(
    place: str, name: str, each: GraphQLField | GraphQLInputField | GraphQLArgument | GraphQLEnumValue
) -> Part:
    about, deprecated = each.description or "", each.deprecation_reason or ""
    if isinstance(each, GraphQLEnumValue):
        return Part(place, name, about, deprecated=deprecated)
    arguments: tuple[Part, ...] = ()
    default = ""
    if isinstance(each, GraphQLField):
        arguments = tuple(_part(f"{place}({key}:)", key, one) for key, one in each.args.items())
    elif (written := get_default_value_ast(each)) and not isinstance(written, NullValueNode):
        default = print_ast(written)
    return Part(
        place, name, about, str(each.type), get_named_type(each.type).name, default, deprecated, arguments
    )
