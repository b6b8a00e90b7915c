"""The served product, as a newcomer starts it, and people who use it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.pacs import Orthanc
from tests.support.processes import free_port, running

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Site:
    """A running server, its folder, and the demo's passwords by role."""

    address: str
    folder: Path
    people: dict[str, tuple[str, str]]
    environment: dict[str, str]

    def command(self, *arguments: str) -> str:
        """Run `python -m server …` against the same settings and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "server", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a server that keeps everything in one folder."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    ours = {"CHEVET_DATA_DIR": str(folder), "CHEVET_MODEL_SYNC_MINUTES": "0", "PYTHONUNBUFFERED": "1"}
    if (archives := folder / "pacs.toml").exists():
        ours["CHEVET_PACS_FILE"] = str(archives)
    return {**kept, **ours}


@contextmanager
def serving(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m server serve` on a folder of its own, ready when the block starts."""
    said = [f"{name}={value}" for name, value in environment(folder).items()]
    serve = [sys.executable, "-m", "server", "serve", "--port", str(port), *options]
    with running(
        ["env", "-i", *said, *serve], log=folder / "serve.log", ready=lambda: is_ready(port)
    ) as process:
        yield process


def is_ready(port: int) -> bool:
    """Return whether the server on a port says that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, orthanc_to_be: Orthanc) -> Iterator[Site]:
    """Return the demo, served for this process's tests."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "pacs.toml").write_text(orthanc_to_be.settings, encoding="utf-8")
    port = free_port()
    with serving(folder, port, "--demo"):
        lines = (folder / "demo-passwords.txt").read_text(encoding="utf-8").splitlines()
        people = {role: (email, password) for role, email, password in (line.split(" ", 2) for line in lines)}
        yield Site(f"http://127.0.0.1:{port}", folder, people, environment(folder))


@pytest.fixture
def enter(site: Site, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """Return a function that opens a browser as one of the demo's people, signed in, in French."""

    def signed_in(role: str, **options: object) -> Page:
        page = new_page(**{"locale": "fr-FR", "viewport": {"width": 1366, "height": 768}, **options})
        page.set_default_timeout(15_000)
        sign_in(page, site, *site.people[role])
        return page

    return signed_in


def sign_in(page: Page, site: Site, email: str, password: str) -> None:
    """Sign in through the page."""
    page.goto(f"{site.address}/sign-in")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.locator("main form button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.fixture
def student_of(site: Site) -> Callable[[str], tuple[str, str]]:
    """Return a function that makes a fresh student's account."""

    def made(name: str) -> tuple[str, str]:
        email = f"{name.lower()}-{time.time_ns()}@chevet.example"
        password = site.command("user", "add", "--email", email, "--name", name, "--role", "student")
        return email, password

    return made


@pytest.fixture(scope="session")
def pictures(shared_data: Path) -> list[Path]:
    """Return three real ECGs on paper that name nobody."""
    folder = shared_data / "ecg-formats" / "image"
    return [folder / name for name in ("ecg00023.jpg", "ecg00029.jpg", "ecg00003.png")]
