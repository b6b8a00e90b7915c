"""Training in a process of its own: whoever works off jobs never imports what trains.

It runs `python -m ml retrain … --json`, which ends with the process that asked, however that ends.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ml.registry.helper import ROOT, environment_of
from ml.registry.home import Home
from ml.retraining import Order

LONGEST_S = 24 * 3600.0
LOG = "log.txt"


class TrainingFailedError(Exception):
    """Nothing was registered; the message says why."""


class TrainingClosedError(Exception):
    """Whoever asked is about to end: no fault of the training."""


@dataclass(frozen=True)
class Trained:
    """What was registered as the challenger.

    Parameters
    ----------
    version
        Its number in the store.
    run
        MLflow's.
    """

    version: int
    run: str


class TrainingProcess:
    """Trains models of a home; every method may be called from any thread."""

    def __init__(self, home: Home, longest_s: float = LONGEST_S) -> None:
        self._home = home
        self._longest_s = longest_s
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False
        self._lock = threading.Lock()

    def train(self, order: Order, tell: Callable[[float], None]) -> Trained:
        """Train and register a challenger, telling how far it has come.

        Raises
        ------
        TrainingFailedError
            When it ends otherwise, or takes too long.
        TrainingClosedError
            When `close` ended it.
        """
        order.folder.mkdir(parents=True, exist_ok=True)
        with (order.folder / LOG).open("w", encoding="utf-8") as log:
            process = self._begin(order, log)
            patience = threading.Timer(self._longest_s, process.kill)
            patience.start()
            try:
                answer = _followed(process, tell)
            finally:
                patience.cancel()
                process.kill()
                process.communicate()
                with self._lock:
                    self._running.discard(process)
        if self._closed:
            raise TrainingClosedError
        if "version" not in answer:
            said = (order.folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise TrainingFailedError(answer.get("error") or f"it ended early: {''.join(said[-1:])[:300]}")
        return Trained(int(answer["version"]), str(answer["run"]))

    def close(self) -> None:
        """End what is being trained, and train nothing more."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def _begin(self, order: Order, log: Any) -> "subprocess.Popen[str]":
        feedback = (
            ["--no-feedback"]
            if order.corrections is None
            else ["--feedback", str(order.corrections.resolve())]
        )
        with self._lock:
            if self._closed:
                raise TrainingClosedError
            process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *(sys.executable, "-m", "ml", "retrain", order.family, "--json"),
                    *("--data", str(order.data.resolve()), "--folder", str(order.folder.resolve())),
                    *(f"--run-name={order.run_name}", "--min-feedback", str(order.at_least)),
                    *feedback,
                ],
                cwd=ROOT,
                env=environment_of(self._home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            self._running.add(process)
        return process


def _followed(process: "subprocess.Popen[str]", tell: Callable[[float], None]) -> dict[str, Any]:
    """Return the last line that is no progress; empty where there is none."""
    answer: dict[str, Any] = {}
    for line in process.stdout or ():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if "progress" in document:
            tell(float(document["progress"]))
        else:
            answer = document
    return answer
