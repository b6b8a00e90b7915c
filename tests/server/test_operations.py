"""Operation files are all checked at start, and executed with the fragments they reach."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import strawberry

from schema.context import Context
from server.operations import Operations, OperationsError, Outcome, operation_name


@strawberry.interface
class Animal:
    name: str


@strawberry.type
class Cat(Animal):
    lives: int


@strawberry.type
class Dog(Animal):
    tricks: list[str]


@strawberry.type
class Query:
    @strawberry.field
    def animals(self) -> list[Animal]:
        return [Cat(name="Tom", lives=9), Dog(name="Rex", tricks=["sit"])]

    @strawberry.field
    def pet(self, number: int) -> Cat | Dog | None:
        pets: dict[int, Cat | Dog] = {1: Cat(name="Tom", lives=9), 2: Dog(name="Rex", tricks=[])}
        return pets.get(number)

    @strawberry.field
    def broken(self) -> int:
        raise RuntimeError("secret detail")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, after: int = 0) -> AsyncIterator[int]:
        for number in range(after + 1, after + 4):
            yield number


COUNT = "subscription LiveCount($after: Int!) { count(after: $after) }"
SCHEMA = strawberry.Schema(Query, subscription=Subscription, types=[Cat, Dog])


def context() -> Context:
    """Return the little these resolvers ask of a context."""
    return cast("Context", SimpleNamespace(request_id="request-1", language="fr"))


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def faults(folder: Path) -> list[str]:
    with pytest.raises(OperationsError) as caught:
        Operations(SCHEMA, folder)
    return caught.value.problems


@pytest.mark.parametrize(
    "path, name",
    [("cases/list", "CasesList"), ("cases/new_list", "CasesNewList"), ("home/home", "HomeHome")],
)
def test_an_operation_is_named_after_its_file(path: str, name: str) -> None:
    assert operation_name(path) == name


def run(folder: Path, name: str, **variables: Any) -> Outcome:
    return asyncio.run(Operations(SCHEMA, folder).run(name, variables, context()))


def test_a_fragment_in_another_file_is_added_where_it_is_reached(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "pets/list.graphql": "query PetsList { animals { ...PetRow } }",
            "pets/_row.graphql": "fragment PetRow on Animal { name ... on Cat { ...CatRow } }",
            "cats/_row.graphql": "fragment CatRow on Cat { lives }",
            "cats/_unused.graphql": "fragment Unused on Cat { lives }",
        },
    )
    assert run(folder, "pets/list").data == {
        "animals": [{"__typename": "Cat", "name": "Tom", "lives": 9}, {"__typename": "Dog", "name": "Rex"}]
    }
    assert "Unused" not in Operations(SCHEMA, folder)["pets/list"].text


def test_the_type_is_told_wherever_a_union_is_selected(tmp_path: Path) -> None:
    selected = "... on Cat { lives } ... on Dog { tricks }"
    text = f"query PetsShow($number: Int!) {{ pet(number: $number) {{ {selected} }} }}"
    folder = write(tmp_path, {"pets/show.graphql": text})
    assert run(folder, "pets/show", number=1).data == {"pet": {"__typename": "Cat", "lives": 9}}
    assert run(folder, "pets/show", number=2).data == {"pet": {"__typename": "Dog", "tricks": []}}
    assert run(folder, "pets/show", number=3).data == {"pet": None}


def test_every_fault_is_named_at_once_with_its_file_and_line(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "a/unknown_field.graphql": "query AUnknownField {\n  animals { name }\n  minerals\n}",
            "b/syntax.graphql": "query BSyntax { animals {",
            "c/named_otherwise.graphql": "query Other { animals { name } }",
            "d/two.graphql": "query DTwo { animals { name } } query DThree { animals { name } }",
            "e/_partial.graphql": "query NotAFragment { animals { name } }",
            "f/spread.graphql": "query FSpread { animals { ...Nowhere } }",
            "g/_wrong.graphql": "fragment Wrong on Cat { wings }",
            "h/variable.graphql": "query HVariable($number: String!) { pet(number: $number) { __typename } }",
        },
    )
    named = {problem.split(":")[0] for problem in faults(folder)}
    assert named == {path.relative_to(folder).as_posix() for path in folder.rglob("*.graphql")}
    assert any(problem.startswith("a/unknown_field.graphql:3:") for problem in faults(folder))


def test_two_fragments_of_one_name_are_refused(tmp_path: Path) -> None:
    files = dict.fromkeys(("a/_row.graphql", "b/_row.graphql"), "fragment Row on Cat { lives }")
    assert any("Row" in problem for problem in faults(write(tmp_path, files)))


def test_an_introspection_field_asked_for_by_hand_is_not_asked_twice(tmp_path: Path) -> None:
    folder = write(tmp_path, {"pets/list.graphql": "query PetsList { animals { __typename name } }"})
    assert Operations(SCHEMA, folder)["pets/list"].text.count("__typename") == 1


def test_an_unforeseen_error_is_masked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outcome = run(write(tmp_path, {"pets/broken.graphql": "query PetsBroken { broken }"}), "pets/broken")
    assert outcome.codes == ["INTERNAL"]
    assert "secret detail" not in str(outcome.errors)
    assert outcome.errors[0]["extensions"]["requestId"] == "request-1"
    ours = [record for record in caplog.records if record.name == "chevet.faults"]
    assert "request-1" in ours[0].getMessage()
    assert "RuntimeError" in ours[0].getMessage()
    assert "secret detail" not in ours[0].getMessage()


def test_a_variable_of_the_wrong_type_is_a_bad_request(tmp_path: Path) -> None:
    text = "query PetsShow($number: Int!) { pet(number: $number) { __typename } }"
    outcome = run(write(tmp_path, {"pets/show.graphql": text}), "pets/show", number="one")
    assert outcome.codes == ["BAD_REQUEST"]


def test_a_subscription_yields_one_outcome_for_each_event(tmp_path: Path) -> None:
    folder = write(tmp_path, {"live/count.graphql": COUNT})

    async def collected() -> list[Any]:
        stream = Operations(SCHEMA, folder).subscribe("live/count", {"after": 4}, context())
        return [outcome.data async for outcome in stream]

    assert asyncio.run(collected()) == [{"count": 5}, {"count": 6}, {"count": 7}]


def test_a_refused_subscription_yields_its_errors(tmp_path: Path) -> None:
    folder = write(tmp_path, {"live/count.graphql": COUNT})

    async def collected() -> list[list[str]]:
        stream = Operations(SCHEMA, folder).subscribe("live/count", {}, context())
        return [outcome.codes async for outcome in stream]

    assert asyncio.run(collected()) == [["BAD_REQUEST"]]
