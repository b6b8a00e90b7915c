"""Bounds of what one document may ask for."""

import pytest
from graphql import get_introspection_query

from schema.documents import LONGEST_DOCUMENT
from tests.schema.conftest import World

FAN_OUT = "{ ...f0 }" + "".join(
    f" fragment f{n} on Query {{ a{n}: viewer {{ id }} ...f{n + 1} ... {{ ...f{n + 1} }} }}"
    for n in range(20)
)


@pytest.mark.parametrize(
    "document",
    [
        "{" + "viewer { id } " * 3_000 + "}",
        "{" + "".join(f"a{n}: viewer {{ id }} " for n in range(550)) + "}",
        "query($ids: [ID!]!) {" + "".join(f"a{n}: nodes(ids: $ids) {{ id }} " for n in range(60)) + "}",
        FAN_OUT + " fragment f20 on Query { viewer { id } }",
        '{ node(id: "' + "x" * LONGEST_DOCUMENT + '") { id } }',
    ],
    ids=["repeated", "aliases", "aliased lists", "fragments", "long"],
)
def test_a_document_that_asks_for_too_much_is_refused_before_it_runs(world: World, document: str) -> None:
    result = world.run(document, None, {"ids": ["x"]})
    assert result.data is None
    assert result.errors


def test_tools_may_still_ask_for_the_whole_schema(world: World) -> None:
    assert world.run(get_introspection_query(), None).data
