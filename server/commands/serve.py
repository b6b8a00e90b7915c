"""`serve`: make the database ready, say where everything is, and serve with granian."""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from ml.language.ontology import load_ontology
from schema.services.clock import now
from schema.services.editions import take_up
from server.metrics import FOLDER
from server.migrations import current_revision, expected_head, is_empty, migrate
from server.opening import opened
from server.settings import Settings, load_settings

STOP_SECONDS = 5
"""How long a request may hold up a stop."""


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop; 1 when the port is taken."""
    settings = load_settings()
    if not is_free(options.host, options.port):
        print(f"Port {options.port} of {options.host} is taken: choose another with --port.", file=sys.stderr)
        return 1
    prepare(settings, demo=options.demo, may_migrate=not options.no_migrate)
    if options.demo:
        os.environ.setdefault("CHEVET_ACCESS_LOG", "false")
    server = Server(
        "server.app:from_environment",
        factory=True,
        address=options.host,
        port=options.port,
        workers=options.workers,
        interface=Interfaces.ASGI,
        loop=Loops.asyncio,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.on_startup(lambda: announce(settings, f"http://{options.host}:{options.port}", demo=options.demo))
    with counted_together(settings):
        server.serve()
    return 0


@contextmanager
def counted_together(settings: Settings) -> Iterator[None]:
    """Have the processes that serve count into one folder, which goes with them."""
    if settings.metrics_token is None:
        yield
        return
    with TemporaryDirectory(prefix="chevet-metrics-") as folder:
        os.environ[FOLDER] = folder
        yield


def is_free(host: str, port: int) -> bool:
    """Return whether nobody listens there; granian itself would share the port without a word."""
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


def prepare(settings: Settings, *, demo: bool, may_migrate: bool) -> None:
    """Migrate the database when it is behind, and fill an empty one with the demo when asked."""
    with opened(settings) as database:
        if may_migrate and current_revision(database) != expected_head():
            migrate(settings)
        if current_revision(database) == expected_head():
            with database.write() as session:
                take_up(session, now, load_ontology())
        empty = demo and is_empty(database)
    if empty:
        subprocess.run([sys.executable, "-m", "server", "seed", "--demo"], check=True)


def announce(settings: Settings, address: str, *, demo: bool) -> None:
    """Print where the site is, and in a demo how to sign in."""
    print(f"\nChevet: {address}", flush=True)
    if demo:
        from server.commands.seed import sign_ins  # noqa: PLC0415 - only a demo has them

        for role, email, password in sign_ins(settings):
            print(f"  {role:<10} {email:<28} {password}", flush=True)
