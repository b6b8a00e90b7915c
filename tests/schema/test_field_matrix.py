"""Every field of every type × everybody, and every id × everybody, against the table in permissions.toml."""

import asyncio
import io
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
)

from ml.ecg.decoding import DecoderPool
from schema.database import Database
from schema.types.base import global_id
from tests.schema.conftest import _world
from tests.schema.installation import Installation, installed
from tests.schema.operations import printed_schema, roots, sample
from tests.schema.test_permission_matrix import PATIENCE_S, TABLE, first_of

ROOTS = ("Query", "Mutation", "Subscription")
LONG_S = 20.0
"""How long a subscription is listened to that must be refused, which it is at once."""
BESIDES: dict[str, Callable[[], dict[str, Any]]] = {
    "answerTriagePatient": lambda: {"patient": "patient-01"},
    "enrolParticipant": lambda: {"email": "nobody@example.org"},
    "importParticipants": lambda: {"file": io.BytesIO(b"email\nnobody@example.org\n")},
}
"""What an input needs for its id to be looked at."""
VALUES = {"Language": "FR", "Int": "1"}
"""What fields are given that ask for something."""
REFUSALS = """... on ValidationErrors { fields { path message code } } ... on NotFound { message }
  ... on NotAllowed { message code } ... on Conflict { message code current }"""


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


@cache
def objects() -> dict[str, GraphQLObjectType]:
    """Return the schema's object types but its roots."""
    kinds = printed_schema().type_map.items()
    return {
        name: kind
        for name, kind in kinds
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name not in ROOTS
    }


def is_node(kind: GraphQLNamedType) -> bool:
    return isinstance(kind, GraphQLObjectType) and any(each.name == "Node" for each in kind.interfaces)


def named(fields: str) -> frozenset[str]:
    return frozenset(fields.split())


def readers(kind: str) -> dict[str, frozenset[str]]:
    """Return who may read each field of a type that is a node."""
    rows = table()["types"].get(kind, {})
    return {name: named(people) for names, people in rows.items() for name in names.split()}


def with_rows(kind: str) -> frozenset[str]:
    return frozenset(readers(kind)) if is_node(objects()[kind]) else named(table()["parts"].get(kind, ""))


@pytest.fixture(scope="module")
def installation(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, decoder: DecoderPool
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    path = folder / "chevet.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    for world in _world(database, decoder, folder):
        yield from installed(world, folder)
    database.dispose()


def whole(kind: GraphQLNamedType, above: tuple[str, ...] = ()) -> str:
    """Return a selection of everything, other nodes as their id."""
    if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
        members = printed_schema().get_possible_types(kind)
        return "__typename " + " ".join(f"... on {each.name} {{ {whole(each, above)} }}" for each in members)
    assert isinstance(kind, GraphQLObjectType)
    return "__typename " + " ".join(one(kind, name, above) for name in kind.fields)


def one(kind: GraphQLObjectType, name: str, above: tuple[str, ...] = ()) -> str:
    """Return one field of a type with what is selected from it; nothing when it leads back."""
    field = kind.fields[name]
    given = ", ".join(
        f"{key}: {VALUES[get_named_type(each.type).name]}"
        for key, each in field.args.items()
        if is_required_argument(each)
    )
    asked = f"{name}({given})" if given else name
    below = get_named_type(field.type)
    if isinstance(below, GraphQLLeafType):
        return asked
    if is_node(below) or (isinstance(below, GraphQLInterfaceType) and below.name == "Node"):
        return f"{asked} {{ __typename id }}"
    return "" if kind.name in above else f"{asked} {{ {whole(below, (*above, kind.name))} }}"


def flat(kind: str, value: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, str, Any]]:
    """Yield (type, path of the object, field, value) for an object and all parts within it."""
    fields = objects()[kind].fields
    for name, inner in value.items():
        if name != "__typename":
            yield kind, path, name, inner
            for number, item in enumerate(inner if isinstance(inner, list) else [inner]):
                below = get_named_type(fields[name].type)
                if (
                    isinstance(item, dict)
                    and not is_node(below)
                    and "__typename" in item
                    and below.name != "Node"
                ):
                    yield from flat(item["__typename"], item, f"{path}.{name}.{number}")


Seen = Mapping[tuple[str, str, str], frozenset[str]]
"""(type, path, field) -> who read something there."""


def seen(installation: Installation, kind: str) -> Seen:
    """Have everybody ask for everything of one object."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {whole(objects()[kind])} }} }} }}"
    for name, actor in installation.people.items():
        result = installation.world.run(query, actor, {"id": installation.ids[kind]})
        codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
        assert codes <= {"UNAUTHENTICATED", "FORBIDDEN"}, result.errors
        node = (result.data or {}).get("node")
        for type_, path, field, value in flat(kind, node) if node else ():
            found[type_, path, field].update({name} if value not in (None, []) else ())
    return {key: frozenset(names) for key, names in found.items()}


def test_every_field_of_every_type_has_a_row_and_every_row_a_field() -> None:
    missing = [
        f"{kind}.{field}"
        for kind in objects()
        for field in sorted(objects()[kind].fields.keys() - with_rows(kind))
    ]
    assert not missing, f"say who may read them, in {TABLE.name}: {', '.join(missing)}"
    stale = [
        f"{kind}.{field}"
        for kind in (*table()["types"], *table()["parts"])
        for field in sorted(with_rows(kind) - objects()[kind].fields.keys())
    ]
    assert not stale, f"the schema has them no more, remove from {TABLE.name}: {', '.join(stale)}"


@pytest.mark.parametrize("kind", [kind for kind in objects() if is_node(objects()[kind])])
def test_each_field_is_read_by_those_in_its_row(installation: Installation, kind: str) -> None:
    found, rows = seen(installation, kind), readers(kind)
    for (type_, path, field), people in found.items():
        if type_ == kind and not path:
            assert people in {rows[field], frozenset()}, f"{kind}.{field}"
    assert found[kind, "", "id"] == rows["id"]


@pytest.mark.parametrize("kind", [kind for kind in objects() if is_node(objects()[kind])])
def test_who_is_given_a_part_reads_all_of_it(installation: Installation, kind: str) -> None:
    found = seen(installation, kind)
    for (_type, path, field), people in found.items():
        if path and people:
            above, _, name = path.rpartition(".")[0].rpartition(".")
            owner = next(key for key in found if key[1] == above and key[2] == name)
            assert people == found[owner], f"{kind}{path}.{field}"


MET = """query($case: ID!, $contest: ID!) {{
  case(id: $case) {{ owner {{ {fields} }} }} contest(id: $contest) {{ ruledBy {{ {fields} }} }} }}"""


def test_whoever_meets_the_owner_in_another_object_reads_nothing_private(installation: Installation) -> None:
    fields = whole(objects()["Account"])
    private = named(table()["met"]["Account"])
    for person in ("owner", "participant", "admin", "teacher", "expert"):
        given = {"case": installation.ids["validated"], "contest": installation.ids["Contest"]}
        result = installation.world.run(MET.format(fields=fields), installation.people[person], given)
        met = [
            (each or {}).get(name)
            for each, name in zip((result.data or {}).values(), ("owner", "ruledBy"), strict=True)
        ]
        assert any(met), person
        for account in filter(None, met):
            read = {name for name in account.keys() & private if account[name] not in (None, [])}
            allowed = {name for name in private if person in readers("Account")[name]}
            assert read == allowed, person
            assert account["displayName"]


def ids_of(root: str, name: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of each id among the arguments of a root field."""

    def walk(kind: GraphQLInputType, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        inner = get_named_type(kind)
        if inner.name == "ID":
            yield path
        elif isinstance(inner, GraphQLInputObjectType):
            for key, each in inner.fields.items():
                yield from walk(each.type, (*path, key))

    for key, each in roots()[root][name].args.items():
        yield from walk(each.type, (key,))


def rows_with_ids() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for root in ROOTS:
        for name in roots()[root]:
            for path in ids_of(root, name):
                yield root, name, path


def kind_of(root: str, name: str, path: tuple[str, ...]) -> str:
    """Return the type that an id is of, as its row says."""
    return str(table()[root][name].get("ids", {}).get(path[-1], ""))


def asking(
    root: str, name: str, path: tuple[str, ...], identifier: str, others: Mapping[tuple[str, ...], str]
) -> tuple[str, dict[str, Any]]:
    """Return an operation of one root field with an id at a path, and others where the rest belong."""
    field: GraphQLField = roots()[root][name]
    needed = {key: each for key, each in field.args.items() if is_required_argument(each) or key == path[0]}
    declared = ", ".join(f"${key}: {each.type}" for key, each in needed.items())
    passed = ", ".join(f"{key}: ${key}" for key in needed)
    kind = get_named_type(field.type)
    more = REFUSALS if isinstance(kind, GraphQLUnionType) else ""
    more = "totalCount" if kind.name.endswith("Connection") else more
    variables = {key: sample(each.type) for key, each in needed.items()}
    if isinstance(variables.get("input"), dict):
        variables["input"] |= BESIDES.get(name, dict)()
    for each, other in [*others.items(), (path, identifier)]:
        holder: Any = variables
        for step in each[:-1]:
            holder = holder[step]
        holder[each[-1]] = [other] if each[-1].endswith("ds") else other
    return f"{root.lower()}({declared}) {{ {name}({passed}) {{ __typename {more} }} }}", variables


def answer(
    installation: Installation, person: str, asked: tuple[str, dict[str, Any]], patience: float = LONG_S
) -> bytes:
    world, actor = installation.world, installation.people[person]
    if asked[0].startswith("subscription"):
        said = asyncio.run(first_of(world, actor, *asked, patience))
        return orjson.dumps([each.formatted for each in said or ()])
    result = world.run(asked[0], actor, deepcopy(asked[1]))  # whoever reads a file leaves nothing of it
    errors = [error.formatted for error in result.errors or ()]
    return orjson.dumps({"data": result.data, "errors": errors})


def test_every_id_has_a_row_that_says_what_it_is_of() -> None:
    missing = [
        f"{root}.{name}: {path[-1]}" for root, name, path in rows_with_ids() if not kind_of(root, name, path)
    ]
    assert not missing, f"say what these ids are of, in {TABLE.name}: {missing}"


@pytest.mark.parametrize("root, name, path", list(rows_with_ids()), ids=str)
def test_a_foreign_id_answers_to_the_byte_like_a_missing_one(
    installation: Installation, root: str, name: str, path: tuple[str, ...]
) -> None:
    kind = kind_of(root, name, path)
    missing = global_id(kind, 987_654 if kind != "Concept" else "NOTHING")
    rest = [each for each in ids_of(root, name) if each != path and each[0] != "filter"]
    ids = installation.ids
    others = {each: ids.get(f"{name}.{each[-1]}", ids[kind_of(root, name, each)]) for each in rest}
    own = ids.get(f"{name}.{path[-1]}", ids[kind])
    there, nothing = (asking(root, name, path, each, others) for each in (own, missing))
    for person in installation.people.keys() - readers(kind)["id"]:
        assert answer(installation, person, there) == answer(installation, person, nothing), person
    with installation.undone():
        differ = [
            person
            for person in sorted(readers(kind)["id"])
            if answer(installation, person, there, PATIENCE_S) != answer(installation, person, nothing)
        ]
    assert differ, "nobody's answer depends on the id: what is compared above is not what it seems"
