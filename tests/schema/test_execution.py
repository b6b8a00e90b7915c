"""The shorter way must never change an answer: everything is compared with Strawberry's own executor."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import pytest
import strawberry
from strawberry.extensions import FieldExtension, SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import Info

from schema.execution import Executor

T = TypeVar("T")


@strawberry.enum
class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Louder(FieldExtension):
    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any) -> Any:
        return f"{next_(source, info, **kwargs)}!"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    number: int = 1
    share: float = 0.5
    size: Size = Size.SMALL
    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    flag: bool = True
    note: str | None = None
    words: list[str] = strawberry.field(default_factory=lambda: ["a", "b"])
    loud: str = strawberry.field(default="quiet", extensions=[Louder()])


@strawberry.type
class Other(Named):
    kind: str = "other"


@strawberry.type
class Box(Generic[T]):
    inside: T
    label: str = "box"


@strawberry.type
class Tree:
    id: strawberry.ID
    leaf: Leaf
    either: Leaf | Other
    named: Named
    box: Box[Leaf]
    leaves: list[Leaf] = strawberry.field(default_factory=list)
    grid: list[list[Leaf | None] | None] | None = None
    perhaps: Leaf | None = None

    @strawberry.field
    async def later(self) -> list[Leaf]:
        await asyncio.sleep(0)
        return self.leaves

    @strawberry.field
    def called(self, info: Info[None, None], times: int = 1) -> str:
        return info.field_name * times

    @strawberry.field
    def at_once(self) -> str:
        return f"tree {self.id}"

    @strawberry.field
    def in_context(self, info: Info[Any, None]) -> str:
        return f"{info.field_name} of {info.context}"

    @strawberry.field
    def ready(self, info: Info[Any, None]) -> list[Leaf]:
        assert info.context is not Tree
        return self.leaves

    @strawberry.field
    def perhaps_later(self) -> list[Leaf]:
        """Wait, as a loader does that has not been asked before."""
        later: Any = self.later_leaves()
        return later  # type: ignore[no-any-return]

    async def later_leaves(self) -> list[Leaf]:
        await asyncio.sleep(0)
        return self.leaves

    @strawberry.field
    def raising(self) -> str | None:
        raise ValueError("failed at once")

    @strawberry.field
    def raising_whole(self) -> str:
        raise ValueError("failed at once, and may not be null")

    @strawberry.field
    async def failing(self) -> str | None:
        raise ValueError("failed later")


class Strange(Leaf):
    """A subclass, which the schema does not know."""


@dataclass
class Stranger:
    """No type of the schema, though it looks like one."""

    name: str = "stranger"


def leaf(**fields: Any) -> Leaf:
    made = Leaf(name="leaf")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def tree(**fields: Any) -> Tree:
    made = Tree(
        id=strawberry.ID("1"),
        leaf=leaf(),
        either=Other(name="b"),
        named=leaf(),
        box=Box(inside=leaf()),
        leaves=[leaf(), leaf(number=2)],
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


class Shouting(SchemaExtension):
    def resolve(self, _next: Callable[..., Any], root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        value = _next(root, info, *args, **kwargs)
        return value.upper() if isinstance(value, str) else value


def schema_of(planted: Any, executor: type[Any], extensions: Any = ()) -> strawberry.Schema:
    @strawberry.type
    class Query:
        @strawberry.field
        async def tree(self) -> Tree | None:
            return planted  # type: ignore[no-any-return]

        @strawberry.field
        def trees(self) -> list[Tree]:
            return [planted, planted]

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def grown(self) -> AsyncIterator[Tree]:
            yield planted

    return strawberry.Schema(
        query=Query,
        subscription=Subscription,
        types=[Leaf, Other],
        extensions=extensions,
        execution_context_class=executor,
    )


def answers(query: str, planted: Any, extensions: Any = (), **variables: Any) -> list[Any]:
    """Return what each executor answers, in the order of its keys."""

    async def ask(executor: type[Any]) -> Any:
        schema = schema_of(planted, executor, extensions)
        result = await schema.execute(query, variable_values=variables)
        return repr(result.data), [error.formatted for error in result.errors or ()]

    return [asyncio.run(ask(executor)) for executor in (Executor, StrawberryGraphQLCoreExecutionContext)]


LEAF = "name number share size at flag note words"
QUERIES = {
    "plain": f"{{ tree {{ id leaf {{ {LEAF} }} leaves {{ {LEAF} }} }} }}",
    "typenames": "{ tree { __typename id leaf { name __typename } } }",
    "aliases": "{ tree { z: id a: leaf { two: name one: name } id } }",
    "merged": "{ tree { leaf { name } leaf { number } } }",
    "fragments": "{ tree { ...A leaf { ... on Leaf { size } ...B } } } fragment A on Tree { id } "
    "fragment B on Leaf { name number }",
    "union": "{ tree { either { ... on Leaf { number } ... on Other { kind } } id } }",
    "interface": "{ tree { named { name ... on Leaf { number } } } }",
    "generic": f"{{ tree {{ box {{ label inside {{ {LEAF} }} }} }} }}",
    "nested lists": "{ tree { grid { name number } } }",
    "null": "{ tree { perhaps { name } grid { name } } }",
    "resolvers between": "{ tree { a: called later { name number } b: called(times: 2) leaf { name } } }",
    "extension of a field": "{ tree { leaf { loud name } } }",
    "resolvers that do not wait": "{ tree { inContext id atOnce ready { name number } } }",
    "resolvers that may wait": "{ trees { atOnce perhapsLater { name } leaf { name } ready { name } } }",
    "a list of both": "{ trees { perhapsLater { name } later { name } ready { name } id } }",
    "a resolver that raises": "{ trees { id raising leaf { name } } }",
    "a resolver that raises away its object": "{ tree { id raisingWhole } }",
    "failing": "{ tree { id failing leaf { name } } }",
    "list of roots": f"{{ trees {{ id later {{ name }} leaves {{ {LEAF} }} }} }}",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_an_answer_is_the_same_the_short_way(query: str) -> None:
    ours, expected = answers(query, tree(grid=[[leaf(), None], None]))
    assert ours == expected
    assert "leaf" in ours[0] or "tree" in ours[0]


STRANGE: dict[str, Callable[[], Tree]] = {
    "a missing string": lambda: tree(leaf=leaf(name=None)),
    "a number for a string": lambda: tree(leaf=leaf(name=7)),
    "a list for a string": lambda: tree(leaf=leaf(name=[])),
    "an integer beyond 32 bits": lambda: tree(leaves=[leaf(number=2**31)]),
    "a true integer": lambda: tree(leaf=leaf(number=True)),
    "no number": lambda: tree(leaf=leaf(share=math.nan)),
    "an infinite number": lambda: tree(leaves=[leaf(), leaf(share=math.inf)]),
    "a whole number for a fraction": lambda: tree(leaf=leaf(share=3)),
    "an enum's value": lambda: tree(leaf=leaf(size="small")),
    "no value of the enum": lambda: tree(leaf=leaf(size="middling")),
    "an unhashable enum": lambda: tree(leaf=leaf(size=[])),
    "a text for a time": lambda: tree(leaf=leaf(at="yesterday")),
    "a missing list": lambda: tree(leaves=None),
    "a missing item": lambda: tree(leaves=[leaf(), None]),
    "a tuple": lambda: tree(leaves=(leaf(), leaf(number=3))),
    "an iterator": lambda: tree(leaves=iter([leaf(), leaf(number=3)])),
    "no list": lambda: tree(leaves=leaf()),
    "a text for a list": lambda: tree(leaf=leaf(words="abc")),
    "an error for a value": lambda: tree(leaf=leaf(name=ValueError("held"))),
    "an error in a list": lambda: tree(leaves=[leaf(), ValueError("held")]),
    "a subclass": lambda: tree(leaf=Strange(name="strange")),
    "a stranger": lambda: tree(leaf=Stranger()),
    "a stranger in a list": lambda: tree(leaves=[leaf(), Stranger()]),
    "another type of the schema": lambda: tree(leaf=Other(name="b")),
    "no object": lambda: tree(leaf="leaf"),
    "a missing object": lambda: tree(leaf=None),
}


@pytest.mark.parametrize("planted", STRANGE.values(), ids=STRANGE)
def test_what_is_wrong_is_said_in_the_same_words_and_places(planted: Callable[[], Tree]) -> None:
    query = f"{{ tree {{ id leaf {{ {LEAF} }} leaves {{ {LEAF} }} perhaps {{ name }} }} }}"
    results = []
    for executor in (Executor, StrawberryGraphQLCoreExecutionContext):
        result = asyncio.run(schema_of(planted(), executor).execute(query))
        results.append((repr(result.data), [error.formatted for error in result.errors or ()]))
    assert results[0] == results[1]


@pytest.mark.parametrize("wanted", [True, False])
def test_skipped_and_included_fields_are_the_same(*, wanted: bool) -> None:
    query = """query($wanted: Boolean!) { tree {
      id @include(if: $wanted)
      leaf { name @skip(if: $wanted) number ... @include(if: $wanted) { size } }
      leaves @skip(if: $wanted) { name }
    } }"""
    ours, expected = answers(query, tree(), wanted=wanted)
    assert ours == expected


def test_an_extension_that_wraps_every_field_still_does() -> None:
    ours, expected = answers("{ tree { leaf { name words } } }", tree(), [Shouting])
    assert ours == expected
    assert "'LEAF'" in ours[0]


def test_an_awaitable_attribute_is_awaited() -> None:
    async def name() -> str:
        return "awaited"

    results = []
    for executor in (Executor, StrawberryGraphQLCoreExecutionContext):
        planted = tree(leaf=leaf(name=name()))
        results.append(asyncio.run(schema_of(planted, executor).execute("{ tree { id leaf { name } } }")))
    assert results[0].data == results[1].data == {"tree": {"id": "1", "leaf": {"name": "awaited"}}}


def test_a_subscription_gives_the_same_events() -> None:
    async def events(executor: type[Any]) -> list[Any]:
        schema = schema_of(tree(), executor)
        stream = await schema.subscribe(
            f"subscription {{ grown {{ id leaf {{ {LEAF} }} later {{ name }} }} }}"
        )
        assert isinstance(stream, AsyncIterator)
        return [event.data async for event in stream]

    ours, expected = (
        asyncio.run(events(executor)) for executor in (Executor, StrawberryGraphQLCoreExecutionContext)
    )
    assert ours == expected
    assert len(ours) == 1


def ways_taken(query: str) -> list[str]:
    """Return what graphql-core's own algorithm executes of a query."""
    taken: list[str] = []

    class Noting(Executor):
        def execute_field(self, parent_type: Any, source: Any, details: Any, *rest: Any) -> Any:
            taken.append(f"{parent_type.name}.{details[0].node.name.value}")
            return super().execute_field(parent_type, source, details, *rest)

    result = asyncio.run(schema_of(tree(), Noting).execute(query))
    assert result.errors is None
    return taken


def test_attributes_never_reach_the_general_way() -> None:
    assert ways_taken(QUERIES["plain"]) == ["Query.tree"]


def test_resolvers_that_do_not_wait_never_reach_the_general_way() -> None:
    assert ways_taken("{ trees { id atOnce inContext ready { name } } }") == []


def test_a_resolver_that_waited_once_is_awaited_from_then_on() -> None:
    taken = ways_taken("{ trees { id perhapsLater { name } } }")
    assert taken == ["Query.trees", "Tree.perhapsLater", "Tree.perhapsLater"]
