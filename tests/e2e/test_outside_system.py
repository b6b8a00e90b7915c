"""A learning system does the main job over GraphQL with a token."""

import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.e2e.graphql import Client, make_session

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def platform(site: Site) -> Client:
    """Return a learning system with a teacher's token."""
    return Client(site.address, site.command("token", "create", "--role", "teacher", "--name", "Moodle"))


@pytest.mark.parametrize("headers", [{"Origin": "{address}"}, {"Authorization": "Bearer chv_guessed"}])
def test_without_a_good_token_nothing_is_told(site: Site, headers: dict[str, str]) -> None:
    said = {name: value.replace("{address}", site.address) for name, value in headers.items()}
    answer = httpx.post(
        f"{site.address}/graphql", json={"query": "{ cases { totalCount } }"}, headers=said
    ).json()
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert not answer.get("data")


def test_a_platform_builds_a_session_enrols_a_participant_and_reads_the_grade(
    platform: Client, pictures: list[Path]
) -> None:
    proposals = platform.send(
        'query { matchConcepts(text: "BAV du 1er degré avec PR allongé à 240ms") '
        "{ proposals { confidence proposed concept { code } } } }"
    )["matchConcepts"]["proposals"]
    codes = [one["concept"]["code"] for one in proposals if one["proposed"]]
    assert codes
    session_id = make_session(platform, pictures[0], codes)
    enrolled = {
        "sessionId": session_id,
        "externalId": f"moodle-{uuid.uuid4()}",
        "displayName": "Participante 7",
    }
    enrolment = platform.mutate("enrolParticipant", "Enrolment", "id", enrolled)
    attempt = platform.mutate(
        "startAttempt", "Attempt", "id items { position title }", {"enrolmentId": enrolment["id"]}
    )
    assert [item["title"] for item in attempt["items"]] == ["Cas 1"]
    saved = {
        "attemptId": attempt["id"],
        "position": 1,
        "text": "BAV du premier degré, PR à 240 ms",
        "conceptIds": [],
        "revision": 0,
    }
    platform.mutate("saveAnswer", "Answer", "revision savedAt", saved)
    key = str(uuid.uuid4())
    wanted = (
        "id score submittedAt items { answer { grade { score items { verdict credit concept { code } } } } }"
    )
    handed = {"attemptId": attempt["id"], "idempotencyKey": key}
    first = platform.mutate("submitAttempt", "Attempt", wanted, handed)
    again = platform.mutate("submitAttempt", "Attempt", wanted, handed)
    assert first == again
    assert first["score"] > 60


def test_another_platform_cannot_tell_a_foreign_session_from_a_missing_one(
    platform: Client, site: Site, pictures: list[Path]
) -> None:
    session_id = make_session(platform, pictures[1], _one_code(platform))
    other = Client(site.address, site.command("token", "create", "--role", "teacher", "--name", "Autre"))
    query = "query($id: ID!) { session(id: $id) { id } node(id: $id) { id } }"
    assert other.send(query, id=session_id) == other.send(query, id="U2Vzc2lvbjo5OTk5OTk=")


def test_a_case_made_over_graphql_is_in_the_teachers_library(
    platform: Client, enter: Callable[..., Page], site: Site, pictures: list[Path]
) -> None:
    make_session(platform, pictures[2], _one_code(platform))
    page = enter("admin")
    page.goto(f"{site.address}/sessions?search=plateforme")
    expect(page.get_by_role("link", name="Depuis une plateforme").first).to_be_visible()


def _one_code(platform: Client) -> list[str]:
    found = platform.send(
        'query { concepts(search: "rythme sinusal", first: 1) { edges { node { code } } } }'
    )
    return [edge["node"]["code"] for edge in found["concepts"]["edges"]]
