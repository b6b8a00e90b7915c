"""What a document costs, and which are refused for it: all of it known before anything is validated."""

import time
from collections.abc import Iterator
from functools import cache

import pytest
from graphql import GraphQLError, get_introspection_query

from schema.cost import CALL, DEAR, LIST, LISTS, MOST_COST, READING
from schema.documents import Documents
from schema.pagination import DEFAULT_PAGE, MAX_PAGE
from schema.policy import Role
from tests.schema.attacks import ATTACKS, chain
from tests.schema.conftest import World, the_schema
from tests.schema.operations import printed_schema
from tests.support.growth import slowness

LONGEST_CPU_S = 0.05


def documents() -> Documents:
    """Return a reader that has read nothing yet."""
    return Documents(the_schema()._schema)  # noqa: SLF001 - Strawberry has no public name for it


@cache
def reader() -> Documents:
    return documents()


def points(text: str, **variables: object) -> int:
    return reader().price(text, None, variables)


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_within_moments(text: str) -> None:
    spent = []
    for _ in range(3):  # collecting garbage may fall into one of them
        fresh, started = documents(), time.process_time()
        try:
            faults: list[GraphQLError] = []
            fresh.price(text, None, {"ids": ["x"] * MAX_PAGE})
            faults = fresh.faults(text)
        except GraphQLError as error:
            faults = [error]
        spent.append(time.process_time() - started)
        assert faults
    assert min(spent) < LONGEST_CPU_S * slowness()


MISSPELT = {
    "fields": "{ viewer { " + " ".join(f"displayNam{n}" for n in range(200)) + " } }",
    "long fields": "{ viewer { " + " ".join("displayName" * 20 + str(n) for n in range(60)) + " } }",
    "arguments": "{ cases(" + " ".join(f"firs{n}: 1" for n in range(200)) + ") { totalCount } }",
    "input fields": "{ cases(filter: {"
    + " ".join(f"searc{n}: 1" for n in range(200))
    + "}) { totalCount } }",
    "types": "{ viewer { id } } " + " ".join(f"fragment f{n} on Accoun{n} {{ id }}" for n in range(49)),
}


@pytest.mark.parametrize("text", MISSPELT.values(), ids=MISSPELT)
def test_suggestions_are_found_within_moments(text: str) -> None:
    spent = []
    for _ in range(3):
        fresh, started = documents(), time.process_time()
        assert fresh.faults(text, told=True)
        spent.append(time.process_time() - started)
    assert min(spent) < LONGEST_CPU_S * slowness()


def test_fragments_cost_what_they_select_wherever_they_stand() -> None:
    written_out = points("{ viewer { id displayName } }")
    assert points(chain(20).replace("{ id }", "{ id displayName }")) == written_out
    assert points("{ viewer { ...a } } fragment a on Account { id ... { displayName } }") == written_out


def test_tools_may_still_ask_for_the_whole_schema() -> None:
    assert 0 < reader().price(get_introspection_query(), None, None) < MOST_COST
    assert reader().faults(get_introspection_query(), told=True) == []


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{ __typename }", 1),
        ("{ viewer { id displayName } }", CALL + 1 + 2),
        ("{ viewer { tokens { id } } }", CALL + 1 + 1 + LIST * 2),
        ('{ case(id: "x") { revisions { number } } }', CALL + 1 + 1 + LISTS["Case.revisions"] * 2),
        ("{ cases { totalCount } }", CALL + 1 + 1),
        ("{ cases { edges { node { id } } } }", CALL + 1 + 1 + DEFAULT_PAGE * 3),
        ("{ cases(first: 7) { edges { node { id } } totalCount } }", CALL + 1 + 1 + 1 + 7 * 3),
        ("{ cases(last: 7) { edges { node { id } } } }", CALL + 1 + 1 + 7 * 3),
        ("{ cases(first: null) { edges { node { id } } } }", CALL + 1 + 1 + DEFAULT_PAGE * 3),
        ("{ cases(first: -7) { edges { node { id } } } }", CALL + 1 + 1 + 7 * 3),
        ('{ nodes(ids: ["a", "b"]) { id } }', CALL + 1 + 2 * 2),
        ('{ matchConcepts(text: "x") { unresolved } }', READING + 1 + 1 + LIST),
        ('{ case(id: "x") { id } b: case(id: "y") { id } }', 2 * (CALL + 2)),
        ("{ cases(first: 2) { ...a } } fragment a on CaseConnection { edges { cursor } }", CALL + 2 + 2 * 2),
    ],
)
def test_lists_multiply_and_questions_cost_more_than_values(text: str, expected: int) -> None:
    assert points(text) == expected


@pytest.mark.parametrize(
    "variables, size",
    [({}, 7), ({"n": 5}, 5), ({"n": 5.0}, 5), ({"n": -5}, 0), ({"n": "5"}, 7), ({"n": 5.5}, 7)],
)
def test_a_variable_says_the_size_of_a_page(variables: dict[str, object], size: int) -> None:
    text = "query($n: Int = 7) { cases(first: $n) { edges { cursor } } }"
    assert points(text, **variables) == CALL + 1 + 1 + size * 2


def test_a_list_in_a_variable_counts_its_items() -> None:
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert points(text, ids=["x"] * 30) - points(text, ids=["x"] * 10) == 20 * 2


def test_a_huge_page_in_a_variable_is_refused() -> None:
    with pytest.raises(GraphQLError, match="cost"):
        points("query($n: Int) { cases(first: $n) { edges { cursor } } }", n=2_000_000)


def pages() -> Iterator[str]:
    """Yield every root field that gives a page, with its selection."""
    root = printed_schema().query_type
    for name, field in root.fields.items() if root else ():
        if str(field.type).endswith("Connection!"):
            yield name


@pytest.mark.parametrize("size", [0, -1, MAX_PAGE + 1])
@pytest.mark.parametrize("name", list(pages()))
def test_every_page_has_1_to_100_items(world: World, name: str, size: int) -> None:
    asked = f"{{ {name}(first: {size}) {{ pageInfo {{ hasNextPage }} }} }}"
    assert world.codes(asked, world.person(Role.ADMIN)) == ["BAD_REQUEST"]


def test_every_page_says_how_long_it_is_when_left_out() -> None:
    root = printed_schema().query_type
    assert root is not None
    told = {str(root.fields[name].args["first"].description) for name in pages()}
    assert all(f"{DEFAULT_PAGE} when left out" in text for text in told)


def test_variables_nobody_declared_are_not_looked_at() -> None:
    fresh, many = documents(), {f"v{n}": n for n in range(10_000)}
    assert fresh.price("{ __typename }", None, many) == 1
    text = "query($n: Int) { cases(first: $n) { edges { cursor } } }"
    with pytest.raises(GraphQLError, match=r"cost of 50000 at most\.$"):
        fresh.price(text, None, {"n": 10**400})


def test_fields_known_to_be_dear_are_fields_of_the_schema() -> None:
    for name in DEAR:
        kind, _, field = name.partition(".")
        assert field in printed_schema().type_map[kind].fields  # type: ignore[attr-defined]


def test_lists_known_to_be_long_are_lists_of_the_schema() -> None:
    for name in LISTS:
        kind, _, field = name.partition(".")
        assert "[" in str(printed_schema().type_map[kind].fields[field].type)  # type: ignore[attr-defined]
