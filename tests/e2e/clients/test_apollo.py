"""Apollo Client does the main job and merges pages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import SCHEMA, Library, Program
from tests.e2e.conftest import Site

pytestmark = pytest.mark.e2e


def test_apollo_client_does_the_main_job(
    site: Site, program: Program, token_of: Callable[[str], str], pictures: list[Path]
) -> None:
    address = f"{site.address}/graphql"
    ended = program("apollo.mjs", "main-job", address, token_of("Apollo"), SCHEMA, *pictures[:2])
    assert ended["grades"]["submittedCount"] == 1
    [edge] = ended["grades"]["attempts"]["edges"]
    assert edge["node"]["student"]["displayName"] == "Apollo 1"
    [item] = edge["node"]["items"]
    verdicts = {each["concept"]["code"]: each["verdict"] for each in item["answer"]["grade"]["items"]}
    assert verdicts == {"LBBB": "FOUND", "SINUS_RHYTHM": "MISSED"}
    case = ended["case"]  # one entry of the cache holds what five mutations answered
    assert (case["name"], case["status"]) == ("Cas d’Apollo", "VALIDATED")
    assert (len(case["recordings"]), len(case["annotations"])) == (2, 2)
    assert ended["attempt"]["state"] == "SUBMITTED"


@pytest.mark.parametrize("direction, seen", [("forward", " bis"), ("backward", "Avant ")])
def test_apollo_client_pages_through_500_cases_while_others_come_and_go(
    site: Site, program: Program, library: Library, direction: str, seen: str
) -> None:
    walk = program("apollo.mjs", "pages", f"{site.address}/graphql", library.token, SCHEMA, direction)
    names, made, deleted = walk["names"], set(walk["made"]), set(walk["deleted"])
    there, library.names = library.names, library.names - deleted | made
    assert len(names) == len(set(names))
    assert names == sorted(names)
    assert set(names) == there - deleted | {name for name in made if seen in name}
    assert len(made) == 2 * len(deleted) >= 16
