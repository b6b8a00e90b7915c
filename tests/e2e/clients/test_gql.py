"""gql, the Python client, does the main job, follows it over a socket and reads all cases both ways."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gql import Client, FileVar, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import DocumentNode

from tests.e2e.clients.conftest import Library
from tests.e2e.conftest import Site

pytestmark = pytest.mark.e2e
Operations = dict[str, DocumentNode]


class Speaker:
    """Asks the operations of the main job in one session of gql."""

    def __init__(self, session: AsyncClientSession, operations: Operations) -> None:
        self._session, self._operations = session, operations

    async def ask(self, name: str, /, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation; errors raise."""
        request = GraphQLRequest(self._operations[name], variable_values=variables)
        files = name == "AddRecording"
        data: dict[str, Any] = await self._session.execute(request, upload_files=files)
        return data

    async def change(self, name: str, /, **given: Any) -> dict[str, Any]:
        """Return what a mutation made; a refusal fails."""
        [value] = (await self.ask(name, input=given)).values()
        assert "code" not in value, value
        made: dict[str, Any] = value
        return made


def speaking(site: Site, token: str, *, reads_schema: bool = False) -> Client:
    """Return a client, which may read the schema from the site to check what it sends."""
    headers = {"Authorization": f"Bearer {token}"}
    transport = HTTPXAsyncTransport(url=f"{site.address}/graphql", headers=headers, timeout=60)
    return Client(transport=transport, fetch_schema_from_transport=reads_schema, execute_timeout=60)


async def a_session(speaker: Speaker, pictures: list[Path]) -> str:
    """Return the id of a session of one case with two recordings."""
    case = await speaker.change("CreateCase", name="Cas de gql")
    for path in pictures:
        await speaker.change("AddRecording", caseId=case["id"], file=FileVar(str(path)))
    annotations = [{"conceptId": "LBBB"}, {"conceptId": "SINUS_RHYTHM"}]
    annotated = await speaker.change("AddAnnotations", caseId=case["id"], annotations=annotations)
    await speaker.change("ValidateCase", id=case["id"], revision=annotated["revision"])
    given = {"name": "gql", "difficulty": "BEGINNER", "timeLimitMinutes": 30, "caseIds": [case["id"]]}
    session_id: str = (await speaker.change("CreateSession", **given))["id"]
    return session_id


async def an_attempt(speaker: Speaker, session_id: str) -> None:
    """Enrol somebody and do the session in their place."""
    who = {"sessionId": session_id, "externalId": "gql-1", "displayName": "gql 1"}
    enrolment = await speaker.change("Enrol", **who)
    attempt = await speaker.change("StartAttempt", enrolmentId=enrolment["id"])
    await speaker.change(
        "SaveAnswer", attemptId=attempt["id"], position=1, text="Bloc de branche gauche", revision=0
    )
    await speaker.change("SubmitAttempt", attemptId=attempt["id"], idempotencyKey="gql-1")


def test_gql_does_the_main_job_and_follows_it_over_a_socket(
    site: Site, operations: Operations, token_of: Callable[[str], str], pictures: list[Path]
) -> None:
    token = token_of("gql")

    async def followed(session_id: str, after: int | None, last: str) -> list[tuple[int, str]]:
        events = []
        socket = WebsocketsTransport(
            url=f"{site.address.replace('http', 'ws')}/graphql",
            init_payload={"authorization": f"Bearer {token}"},
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        )
        async with Client(transport=socket, execute_timeout=60) as session:
            request = GraphQLRequest(
                operations["Activity"], variable_values={"sessionId": session_id, "after": after}
            )
            async for data in session.subscribe(request):
                event = data["sessionActivity"]
                events.append((event["sequence"], event["kind"]))
                if event["kind"] == last:
                    break
        return events

    async def job() -> tuple[list[tuple[int, str]], list[tuple[int, str]], dict[str, Any]]:
        async with speaking(site, token, reads_schema=True) as session:
            speaker = Speaker(session, operations)
            session_id = await a_session(speaker, pictures[:2])
            following = asyncio.create_task(followed(session_id, 0, "SUBMITTED"))
            await an_attempt(speaker, session_id)
            events = await following
            again = await followed(session_id, events[0][0], "SUBMITTED")
            return events, again, (await speaker.ask("Grades", sessionId=session_id))["session"]

    events, again, graded = asyncio.run(job())
    assert [kind for _, kind in events] == ["STARTED", "SAVED", "SUBMITTED"]
    assert again == events[1:]
    [edge] = graded["attempts"]["edges"]
    [item] = edge["node"]["items"]
    verdicts = {each["concept"]["code"]: each["verdict"] for each in item["answer"]["grade"]["items"]}
    assert (edge["node"]["score"], verdicts) == (50, {"LBBB": "FOUND", "SINUS_RHYTHM": "MISSED"})


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_gql_reads_every_case_once_while_others_are_made(
    site: Site, operations: Operations, library: Library, direction: str
) -> None:
    forward = direction == "forward"
    name, size, cursor = (
        ("CasesForward", "first", "after") if forward else ("CasesBackward", "last", "before")
    )
    more, end = ("hasNextPage", "endCursor") if forward else ("hasPreviousPage", "startCursor")

    async def walk() -> tuple[list[str], set[str]]:
        seen: list[str] = []
        made: set[str] = set()
        async with speaking(site, library.token) as session:
            speaker = Speaker(session, operations)
            place: str | None = None
            while True:
                asked = {size: 60, cursor: place} if place else {size: 60}
                page = (await speaker.ask(name, **asked))["cases"]
                names = [edge["node"]["name"] for edge in page["edges"]]
                seen = seen + names if forward else names + seen
                if not page["pageInfo"][more]:
                    return seen, made
                place = page["pageInfo"][end]
                behind = names[0] if forward else names[-1]
                made.add((await speaker.change("CreateCase", name=f"{behind} après"))["name"])

    seen, made = asyncio.run(walk())
    there, library.names = library.names, library.names | made
    assert seen == sorted(there)
    assert len(made) >= 8
