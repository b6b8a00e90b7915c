"""Whatever is searched for, there is an answer, on both databases."""

import pytest

from schema.policy import Role
from tests.schema.conftest import World

LISTS = ("cases", "sessions", "accounts")


@pytest.mark.parametrize(
    "asked", ["", " ", "\x00", "a\x00b", "\ud800", "%", "_", "\\", "'", "é" * 5000, "🫀", "\u202e"]
)
def test_a_search_never_fails(each_world: World, asked: str) -> None:
    admin = each_world.person(Role.ADMIN)
    for name in LISTS:
        kind = name[:-1].capitalize()
        query = f"query($f: {kind}Filter) {{ {name}(filter: $f) {{ totalCount edges {{ cursor }} }} }}"
        found = each_world.ask(query, admin, f={"search": asked})
        assert found["totalCount"] >= 0
