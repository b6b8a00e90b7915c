"""Students who save what they write, through the page and through an outside system."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import orjson

from tests.bench.client import Answer, Connection, get, post_form, post_graphql
from tests.bench.data import PASSWORD, Seeded
from tests.bench.load import OK, UnexpectedAnswerError

FORM_TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')
SAVE = """mutation($input: SaveAnswerInput!) {
  saveAnswer(input: $input) { __typename ... on Answer { revision savedAt } }
}"""
SENTENCE = "Rythme sinusal régulier à 75/min, sus-décalage de ST en V2-V4 avec miroir inférieur. "


@dataclass
class Writing:
    """An answer that changes with each save: a text and one concept."""

    concepts: list[str]
    revision: int = 0

    @property
    def text(self) -> str:
        """Return what is written by now."""
        return SENTENCE * (self.revision % 10 + 1)

    @property
    def concept(self) -> str:
        """Return the concept picked by now."""
        return self.concepts[self.revision % len(self.concepts)]

    @property
    def acknowledged(self) -> tuple[int, str]:
        """Return the revision and the text of the last acknowledged save; (0, "") before the first."""
        return self.revision, SENTENCE * ((self.revision - 1) % 10 + 1) if self.revision else ""

    def saved(self, answer: Answer, acknowledgement: Any) -> None:
        """Note an acknowledged save; anything else ends the measurement."""
        if answer.status != OK or acknowledgement.get("revision") != self.revision + 1:
            raise UnexpectedAnswerError(answer)
        self.revision += 1


@dataclass
class PageStudent:
    """A student whose page saves by itself."""

    attempt: str
    path: str
    cookie: str
    form_token: str
    writing: Writing

    async def save(self, connection: Connection) -> None:
        """Save as the page's script does."""
        writing = self.writing
        fields = {
            "csrf_token": self.form_token,
            "revision": str(writing.revision),
            "text": writing.text,
            "conceptIds": writing.concept,
        }
        request = post_form(self.path, fields, cookie=self.cookie, accept="application/json")
        answer = await connection.send(request)
        writing.saved(answer, orjson.loads(answer.body))


@dataclass
class Participant:
    """A participant of an outside system, which saves for them with its token."""

    attempt: str
    token: str
    writing: Writing

    async def save(self, connection: Connection) -> None:
        """Save by the mutation."""
        writing = self.writing
        given = {
            "attemptId": self.attempt,
            "position": 1,
            "text": writing.text,
            "conceptIds": [writing.concept],
            "revision": writing.revision,
        }
        answer = await connection.send(post_graphql(SAVE, {"input": given}, self.token))
        body = orjson.loads(answer.body)
        writing.saved(answer, {} if "errors" in body else body["data"]["saveAnswer"])


async def sign_in(connection: Connection, email: str) -> str:
    """Sign in through the page and return the cookie."""
    token = _form_token(await connection.send(get("/sign-in")))
    fields = {"csrf_token": token, "email": email, "password": PASSWORD, "next": "/"}
    answer = await connection.send(post_form("/sign-in", fields))
    cookies = answer.headers("set-cookie")
    if not cookies:
        raise UnexpectedAnswerError(answer)
    return cookies[0].partition(";")[0]


async def page_students(port: int, seeded: Seeded) -> list[PageStudent]:
    """Sign every student in and open their first case."""
    students = []
    async with await Connection.to(port) as connection:
        for email, attempt in seeded.attempts:
            cookie, path = await sign_in(connection, email), f"/attempts/{attempt}/1"
            token = _form_token(await connection.send(get(path, cookie=cookie)))
            students.append(PageStudent(attempt, path, cookie, token, Writing(seeded.concepts)))
    return students


def participants(seeded: Seeded) -> list[Participant]:
    """Return the outside system's participants."""
    return [
        Participant(attempt, seeded.token, Writing(seeded.concepts)) for attempt in seeded.managed_attempts
    ]


def _form_token(answer: Answer) -> str:
    found = FORM_TOKEN.search(answer.body)
    if found is None:
        raise UnexpectedAnswerError(answer)
    return unescape(found[1].decode())
