"""The served process: a bare folder becomes a site, open streams do not hold up a stop."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.migrations import ROOT
from tests.support.processes import free_port, running

PASSWORD = "correct horse battery"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "CHEVET_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def served(
    tmp_path: Path, environment: dict[str, str]
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Serve an empty folder, outside of the checkout, and return a client and the process."""
    port = free_port()
    words = [f"{name}={value}" for name, value in environment.items()]
    command = [
        "env",
        "-C",
        str(tmp_path),
        "-i",
        *words,
        sys.executable,
        "-m",
        "server",
        "serve",
        "--port",
        str(port),
    ]
    headers = {"sec-fetch-site": "same-origin", "accept-language": "en"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client:

        def ready() -> bool:
            try:
                return client.get("/ready").status_code == 200
            except httpx.TransportError:
                return False

        with running(command, log=tmp_path / "serve.log", ready=ready) as process:
            yield client, process


def add_teacher(environment: dict[str, str]) -> None:
    words = [
        "user",
        "add",
        "--email",
        "t@example.org",
        "--name",
        "T",
        "--role",
        "teacher",
        "--password-stdin",
    ]
    command = [sys.executable, "-m", "server", *words]
    subprocess.run(command, input=PASSWORD, env=environment, cwd=ROOT, text=True, check=True)


def sign_in(client: httpx.Client) -> None:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert found
    form = {"csrf_token": found[1], "email": "t@example.org", "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 303


def test_a_stop_ends_open_streams_and_the_process_at_once(
    served: tuple[httpx.Client, subprocess.Popen[bytes]], environment: dict[str, str]
) -> None:
    client, process = served
    add_teacher(environment)
    sign_in(client)
    opened, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with client.stream("GET", "/statistics/live") as answer:
            for _ in answer.iter_raw():
                opened.set()
        ended.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert opened.wait(20)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    listener.join(20)
    assert ended.is_set(), "the stream broke off instead of ending"
    assert time.monotonic() - began < 5, "the process had to be killed"
