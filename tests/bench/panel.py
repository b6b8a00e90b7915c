"""How long the panel of beats takes once the shipped classifier is loaded, through the whole application.

`python -m tests.bench.panel` measures in a process of its own, on a fresh SQLite file: the panel as htmx
asks for it, with the strip and the least certain beats, and the same with one beat's saliency.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.ecg.readers import kept
from ml.ecg.signal import Signal
from ml.registry.home import Home
from ml.registry.shipped import shipped
from ml.registry.syncing import sealed
from schema.models.cases import Case, CaseCategory, Difficulty, Recording
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily
from schema.policy import Actor, Role
from schema.services.clock import now
from schema.types.base import global_id
from server.app import Application, close_services, create_app
from server.migrations import migrate
from server.settings import load_settings
from server.stack import with_room
from tests.bench.data import recording
from tests.bench.servers import ROOT
from tests.schema.toys import deployed, registered
from tests.server.conftest import ADDRESS
from tests.server.pages.conftest import FRAGMENT, Visitor
from tests.support.ecg import made

MOST_MS = 300.0
WARM = 3
ROUNDS = 40
OK = 200
LENGTHS_S = {"ten seconds": 10, "half an hour": 1800}
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Report:
    """Milliseconds by what is shown: of the processor (p50, p99), and by the clock (p50)."""

    taken_ms: Mapping[str, tuple[float, float, float]]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        for name, (p50, p99, clock) in self.taken_ms.items():
            verdict = "MISSED" if p99 > MOST_MS else "kept"
            yield (
                f"{verdict:<7} {name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms of one core (at most {MOST_MS:g}), "
                f"p50 {clock:.0f} ms by the clock"
            )

    def missed(self) -> bool:
        """Return whether a page took too long."""
        return any(p99 > MOST_MS for _, p99, _ in self.taken_ms.values())


def measure() -> Report:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.panel"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the panel failed:\n{done.stdout}{done.stderr}")
    return Report(json.loads(done.stdout.splitlines()[-1]))


def _main() -> None:
    taken: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="chevet-bench-") as folder:
        settings = load_settings(None, data_dir=Path(folder), jobs="elsewhere", public_url=ADDRESS)
        migrate(settings)
        app = create_app(settings)
        try:
            _deploy(app, Path(folder))
            teacher = Visitor(app, Role.TEACHER, "fr")

            def time_pages() -> None:
                for length, seconds in LENGTHS_S.items():
                    panel = teacher.leads(_recorded(app, teacher.actor, seconds))
                    for number in range(WARM + ROUNDS):
                        beat = f"{panel}?beat={number % 7 + 2}"
                        for what, path in (("the panel", panel), ("the panel with a beat's saliency", beat)):
                            started, begun = time.perf_counter(), time.process_time()
                            answer = teacher.browser.get(path, headers=FRAGMENT)
                            took = time.process_time() - begun, time.perf_counter() - started
                            if answer.status_code != OK or "<svg" not in answer.text:
                                raise RuntimeError(answer.text)
                            if number >= WARM:
                                taken.setdefault(f"{what}, {length}", []).append(took)

            with_room(time_pages)
        finally:
            close_services(app.site.services)
    found = {}
    for name, each in taken.items():
        core, clock = 1000 * np.asarray(each).T
        found[name] = [*np.percentile(core, [50, 99]), float(np.median(clock))]
    print(json.dumps(found))


def _deploy(app: Application, folder: Path) -> None:
    """Let the shipped classifier answer, and wait until it can."""
    services, home, artefact = app.site.services, Home(folder), shipped("beats")
    if artefact is None:
        raise RuntimeError("no model of beats comes with the program")
    digest = sealed(home, artefact).digest
    with services.database.write() as session:
        version = registered(session, now, digest, architecture=artefact.manifest.architecture)
        deployed(session, now, version)
    services.deployments.refresh(at_once=True)
    services.deployments.serving(ModelFamily.BEATS, ModelAlias.CHAMPION, PATIENCE_S)


def _recorded(app: Application, teacher: Actor, seconds: int) -> str:
    """Keep a made signal of two leads in a case of theirs; return where its beats are read."""
    lead = np.tile(made(np.arange(0.4, 9.6, 0.79), 360, 10), seconds // 10)
    signal = Signal(("II", "V1"), np.stack([lead, -0.6 * lead], axis=1).astype(np.float32), 360.0)
    services = app.site.services
    key = services.blobs.put(kept.write(signal), kept.MEDIA_TYPE)
    with services.database.write() as session:
        case = Case(
            owner_id=teacher.account_id,
            name="Banc",
            category=next(iter(CaseCategory)).value,
            difficulty=next(iter(Difficulty)).value,
            created_at=now(),
            updated_at=now(),
        )
        session.add(case)
        session.flush()
        row = Recording(**recording(case.id or 0) | {"original_key": key, "duration_s": float(seconds)})
        session.add(row)
        session.flush()
        ids = global_id("Case", case.id or 0), global_id("Recording", row.id or 0)
    return "/cases/{}/recordings/{}/beats".format(*ids)


if __name__ == "__main__":
    _main()
