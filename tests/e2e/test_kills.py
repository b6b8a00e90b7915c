"""kill -9 under load: what was acknowledged is kept, nothing is handed in twice, all can be resumed.

A server that is started again is forked from a process that has imported the product's modules and done
nothing else: imports are most of a start's work, and no part of what is asked here.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.__main__ import main
from tests.e2e.conftest import environment, is_ready
from tests.e2e.graphql import REFUSALS, Client, make_session
from tests.support.processes import free_port

SOAK = os.environ.get("CHEVET_SOAK") == "1"
CAMPAIGNS = 8 if SOAK else 2
"""Small enough that two processes end together; a start, what a campaign waits for, is work for one."""
KILLS = (200 if SOAK else 20) // CAMPAIGNS
STUDENTS = 6
START_SECONDS = 120
SAVE = f"""mutation($input: SaveAnswerInput!) {{
  saveAnswer(input: $input) {{ __typename ... on Answer {{ revision text }} {REFUSALS} }} }}"""
SUBMIT = f"""mutation($input: SubmitAttemptInput!) {{
  submitAttempt(input: $input) {{ __typename ... on Attempt {{ id submittedAt }} {REFUSALS} }} }}"""
WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload(["server.app", "server.commands.serve"])
READ = "query($id: ID!) { attempt(id: $id) { state submittedAt items { answer { text revision } } } }"


class Killable:
    """A server that is killed with everything it started, and started again on the same folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.start()

    def start(self) -> None:
        """Start, and return once it is ready."""
        self.process = WARM.Process(target=_serve, args=(self.folder, self.port))
        self.process.start()
        end = time.monotonic() + START_SECONDS
        while not is_ready(self.port):
            if not self.process.is_alive() or time.monotonic() > end:
                pytest.fail((self.folder / "serve.log").read_text()[-2000:])
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill -9 the server and its workers at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.join()


def _serve(folder: Path, port: int) -> None:
    """Be a server, in a session of its own and with the environment of one."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment(folder))
    with (folder / "serve.log").open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    multiprocessing.set_start_method("fork", force=True)  # as where nobody forked it
    sys.exit(main(["serve", "--port", str(port)]))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Killable]:
    """Return a server that is not alive any more once the test has ended."""
    made = Killable(tmp_path, free_port())
    yield made
    made.kill()


@dataclass
class Student:
    """One participant who writes without pause, and remembers what the server acknowledged."""

    client: Client
    attempt_id: str
    number: int
    acknowledged: tuple[int, str] = (0, "")
    sent: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    saves: int = 0

    def write(self, until: threading.Event) -> None:
        """Save again and again; a server that is away is asked again."""
        while not until.is_set():
            text = f"étudiant {self.number}, texte {self.saves}"
            self.sent.append(text)
            try:
                self._save(text)
            except (httpx.TransportError, ValueError):
                until.wait(0.05)

    def _save(self, text: str) -> None:
        given = {
            "attemptId": self.attempt_id,
            "position": 1,
            "text": text,
            "conceptIds": [],
            "revision": self.acknowledged[0],
        }
        answer = self.client.send(SAVE, input=given)["saveAnswer"]
        if answer["__typename"] == "Conflict":
            # The save before was stored and its acknowledgement lost with the server.
            self._catch_up()
        elif answer["__typename"] == "Answer":
            self.acknowledged = (answer["revision"], text)
            self.saves += 1
        else:
            self.faults.append(str(answer))

    def _catch_up(self) -> None:
        stored = self.client.send(READ, id=self.attempt_id)["attempt"]["items"][0]["answer"]
        if stored["revision"] < self.acknowledged[0] or stored["text"] not in self.sent:
            self.faults.append(f"acknowledged {self.acknowledged}, stored {stored}")
        self.acknowledged = (stored["revision"], stored["text"])


@pytest.mark.e2e
@pytest.mark.soak
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("campaign", range(CAMPAIGNS))
def test_kills_under_load_lose_no_acknowledged_answer_and_hand_nothing_in_twice(
    server: Killable, pictures: list[Path], campaign: int
) -> None:
    chance = random.Random(20261121 + campaign)  # noqa: S311 - a seeded campaign
    students = _enrolled(server, pictures[0])
    with _writing(students):
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.4))
            server.kill()
            server.start()
    for student in students:
        assert student.faults == []
        stored = student.client.send(READ, id=student.attempt_id)["attempt"]
        assert stored["state"] == "OPEN"
        answer = stored["items"][0]["answer"]
        assert answer["revision"] >= student.acknowledged[0]
        assert answer["text"] in {student.acknowledged[1], student.sent[-1]}
    assert min(student.saves for student in students) > 0
    _submit_while_killed(server, students, chance)


def _submit_while_killed(server: Killable, students: list[Student], chance: random.Random) -> None:
    """Hand every attempt in, twice each with the same key, with the server killed in between."""
    keys = {student.attempt_id: str(uuid.uuid4()) for student in students}
    threads = [
        threading.Thread(target=_insist, args=(student, keys[student.attempt_id])) for student in students
    ]
    for thread in threads:
        thread.start()
    time.sleep(chance.uniform(0.0, 0.05))
    server.kill()
    server.start()
    for thread in threads:
        thread.join()
    for student in students:
        first = _insist(student, keys[student.attempt_id])
        assert _insist(student, keys[student.attempt_id]) == first
        other = {"attemptId": student.attempt_id, "idempotencyKey": "another"}
        refused = student.client.send(SUBMIT, input=other)
        assert refused["submitAttempt"]["__typename"] == "Conflict"


def _insist(student: Student, key: str) -> dict[str, Any]:
    """Submit until the server answers."""
    given = {"attemptId": student.attempt_id, "idempotencyKey": key}
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            answer: dict[str, Any] = student.client.send(SUBMIT, input=given)["submitAttempt"]
        except (httpx.TransportError, ValueError):
            time.sleep(0.05)
            continue
        assert answer["__typename"] == "Attempt", answer
        return answer
    pytest.fail("no answer in time")


def _enrolled(server: Killable, picture: Path) -> list[Student]:
    token = subprocess.run(
        [sys.executable, "-m", "server", "token", "create", "--role", "teacher", "--name", "campagne"],
        env=environment(server.folder),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    client = Client(f"http://127.0.0.1:{server.port}", token)
    found = client.send('query { concepts(search: "rythme sinusal", first: 1) { edges { node { code } } } }')
    codes = [edge["node"]["code"] for edge in found["concepts"]["edges"]]
    session_id = make_session(client, picture, codes, minutes=180)
    return [_begun(client, session_id, number) for number in range(STUDENTS)]


def _begun(client: Client, session_id: str, number: int) -> Student:
    given = {"sessionId": session_id, "externalId": f"p{number}", "displayName": f"Participant {number}"}
    enrolment = client.mutate("enrolParticipant", "Enrolment", "id", given)
    attempt = client.mutate("startAttempt", "Attempt", "id", {"enrolmentId": enrolment["id"]})
    return Student(client, attempt["id"], number)


@contextmanager
def _writing(students: list[Student]) -> Iterator[None]:
    until = threading.Event()
    threads = [threading.Thread(target=student.write, args=(until,)) for student in students]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        until.set()
        for thread in threads:
            thread.join()
