"""The measurement itself: fill a database, start the servers, load them in turn."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import orjson

from schema.database import Database
from tests.bench import data
from tests.bench.baselines import orm
from tests.bench.client import HOST, Connection, get, post_graphql
from tests.bench.load import OK, Timings, UnexpectedAnswerError, flat_out, paced
from tests.bench.overload import Overloaded, Saver, overload
from tests.bench.peers.servers import PEERS, Peer
from tests.bench.report import GRAPHQL, LIBRARY, SAVE_GRAPHQL, SAVE_PAGE, Report, Round
from tests.bench.servers import ROOT, Cores, Server, serving
from tests.bench.students import page_students, participants, sign_in

DOCUMENT = Path(__file__).with_name("cases.graphql").read_text(encoding="utf-8")
LIBRARY_PATH = "/cases"
CONNECTIONS = 4
WARM_UP_S = 1.0
SAVE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long to measure."""

    rounds: int
    round_s: float
    autosave_s: float
    cold_starts: int


FULL = Plan(rounds=5, round_s=4.0, autosave_s=30.0, cold_starts=5)
QUICK = Plan(rounds=1, round_s=2.0, autosave_s=6.0, cold_starts=1)


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask of whom."""

    server: Server
    request: bytes


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything of one measurement: where it works, on what, and what it has found."""

    folder: Path
    cores: Cores
    seeded: data.Seeded
    found: Report

    @property
    def settings(self) -> dict[str, str]:
        """Return the product's environment."""
        return _settings(self.folder)

    def product(self, *, path: str = "/sign-in", cookie: str = "") -> AbstractContextManager[Server]:
        """Run the product, as it is run in production, until a page has been served."""

        def command(port: int) -> Sequence[str]:
            return [sys.executable, "-m", "server", "serve", "--port", str(port)]

        return self._serving("product", command, self.settings, _serves(path, cookie))

    def peer(self, peer: Peer) -> AbstractContextManager[Server]:
        """Run a peer that gives the product's answer."""
        settings = {"BENCH_ANSWER": str(self.answer), "BENCH_DATABASE": str(self.rows)}
        return self._serving(peer.name, peer.command, settings, _serves("/graphql?query={__typename}"))

    @property
    def answer(self) -> Path:
        """Return the file of the product's answer."""
        return self.folder / "answer.json"

    @property
    def rows(self) -> Path:
        """Return the SQLite file of the same, in the peers' tables."""
        return self.folder / "peers.db"

    def _serving(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        settings: dict[str, str],
        ready: Callable[[int], bool],
    ) -> AbstractContextManager[Server]:
        return serving(command, settings, self.cores, self.folder / f"{name}.log", ready)


def measure(folder: Path, plan: Plan, cores: Cores) -> Report:
    """Measure everything; nothing of it stays in the folder's servers."""
    shared = ", which is the same: figures are too high" if cores.server == cores.load else ""
    others = f"others kept {os.getloadavg()[0]:.1f} cores busy as it began"
    found = Report(f"server on core {cores.server}, load on core {cores.load}{shared}; {others}")
    bench = Bench(folder, cores, prepared(folder), found)
    with bench.product() as server:
        cookie = asyncio.run(cookie_of(server))
        asyncio.run(_pages(bench, server, cookie, plan))
        asyncio.run(_autosaves(bench, server, plan))
    for _ in range(plan.cold_starts):
        with bench.product(path=LIBRARY_PATH, cookie=cookie) as server:
            found.cold_starts_s.append(server.seconds_to_ready)
            found.memory = server.memory()
    found.limits_us = limits(folder, bench.seeded.token)
    _, *found.heavy_modules = _python(["-m", "tests.bench.modules", LIBRARY_PATH, cookie], folder).split()
    return found


def limits(folder: Path, token: str) -> tuple[float, float]:
    """Measure what the API's limits cost, in a process of its own: µs a request with them and without."""
    with_them, without = _python(["-m", "tests.bench.limits", token], folder).split()
    return float(with_them), float(without)


def limits_alone(folder: Path) -> tuple[float, float]:
    """Fill a database and measure that and nothing else."""
    return limits(folder, prepared(folder).token)


def overload_alone(folder: Path, savers: int, seconds: float) -> tuple[Overloaded, list[Saver]]:
    """Fill a database, ask for three times what the server can do, and stop it.

    Parameters
    ----------
    savers
        How many save through pages, and as many over the API.
    seconds
        Of each of the four stretches that are measured.
    """
    bench = Bench(folder, Cores.available(), prepared(folder), Report(""))
    with bench.product() as server:
        return asyncio.run(_overload(bench, server, savers, seconds))


async def _overload(
    bench: Bench, server: Server, count: int, seconds: float
) -> tuple[Overloaded, list[Saver]]:
    seeded = replace(
        bench.seeded,
        attempts=bench.seeded.attempts[:count],
        managed_attempts=bench.seeded.managed_attempts[:count],
    )
    reads = [
        post_graphql(DOCUMENT, token=seeded.token),
        get("/cases", cookie=await cookie_of(server), accept="text/html"),
    ]
    for read in reads:
        await flat_out(server.port, read, 1, 0.5)
    savers: list[Saver] = [*await page_students(server.port, seeded), *participants(seeded)]
    return await overload(server.port, reads, savers, seconds), savers


async def _pages(bench: Bench, server: Server, cookie: str, plan: Plan) -> None:
    """Load the pages and the peers in turn, so that all see the same machine."""
    found, asked = bench.found, post_graphql(DOCUMENT, token=bench.seeded.token)
    expected = data_of(await _body(server, asked))
    bench.answer.write_bytes(expected)
    orm.fill(bench.rows, orjson.loads(expected)["data"]["cases"])
    targets = {LIBRARY: Target(server, get(LIBRARY_PATH, cookie=cookie)), GRAPHQL: Target(server, asked)}
    with ExitStack() as stack:
        for peer in PEERS:
            if lacking := peer.lacking():
                found.lacking[peer.label] = lacking
                continue
            target = Target(stack.enter_context(bench.peer(peer)), post_graphql(DOCUMENT))
            if await _body(target.server, target.request) != expected:
                raise RuntimeError(f"{peer.name} answers something else")
            targets[peer.label] = target
        for label, target in targets.items():
            found.sizes[label] = len(await _body(target.server, target.request))
            await flat_out(target.server.port, target.request, CONNECTIONS, WARM_UP_S)
        for _ in range(plan.rounds):
            for label, target in targets.items():
                load = flat_out(target.server.port, target.request, CONNECTIONS, plan.round_s)
                found.add(label, await _round(target.server, load))
        for label, target in targets.items():
            found.rss_mb[label] = target.server.memory().rss


def data_of(answer: bytes) -> bytes:
    """Return the product's answer without what it says of its cost; the data's bytes are left as they are."""
    start, comma, _rest = answer.rpartition(b',"extensions":{"cost":')
    return start + b"}" if comma else answer


async def _autosaves(bench: Bench, server: Server, plan: Plan) -> None:
    writing = {
        SAVE_PAGE: [student.save for student in await page_students(server.port, bench.seeded)],
        SAVE_GRAPHQL: [participant.save for participant in participants(bench.seeded)],
    }
    for label, savers in writing.items():
        load = paced(server.port, savers, SAVE_EVERY_S, plan.autosave_s)
        bench.found.add(label, await _round(server, load))


async def _round(server: Server, load: Awaitable[Timings]) -> Round:
    before = server.cpu_seconds()
    timings = await load
    return Round.of(timings, server.cpu_seconds() - before)


async def cookie_of(server: Server) -> str:
    """Sign the teacher in."""
    async with await Connection.to(server.port) as connection:
        return await sign_in(connection, data.TEACHER)


async def _body(server: Server, request: bytes) -> bytes:
    async with await Connection.to(server.port) as connection:
        answer = await connection.send(request)
    if answer.status != OK or b'"errors"' in answer.body:
        raise UnexpectedAnswerError(answer)
    return answer.body


def prepared(folder: Path) -> data.Seeded:
    """Fill a database in a folder."""
    _python(["-m", "server", "migrate"], folder)
    database = Database(f"sqlite:///{folder / 'chevet.db'}")
    try:
        return data.seed(database)
    finally:
        database.dispose()


def _settings(folder: Path) -> dict[str, str]:
    return {
        "CHEVET_ENV": "production",
        "CHEVET_DATA_DIR": str(folder),
        "CHEVET_SECRET_KEY": "a key for this one measurement only",
        "CHEVET_PUBLIC_URL": "https://bench.example",
        "CHEVET_API_POINTS": str(10**15),
    }


def _python(arguments: list[str], folder: Path) -> str:
    environment = {**os.environ, **_settings(folder)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{arguments} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _serves(path: str, cookie: str = "") -> Callable[[int], bool]:
    def ready(port: int) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}{path}", headers={"cookie": cookie}).status_code == OK
        except httpx.TransportError:
            return False

    return ready
