"""The store, asked in a process of its own: whoever serves pages never imports MLflow.

Each question runs `python -m ml registry …` (or `compare`), waits for a bounded time, and raises a
`StoreError` of the kind that the process met.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.registry.home import Home
from ml.registry.store import (
    StoreClosedError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    VersionMissingError,
)

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 120.0
COMPARE_TIMEOUT_S = 3600.0
KINDS: Mapping[str, type[StoreError]] = {
    "unavailable": StoreUnavailableError,
    "locked": StoreLockedError,
    "damaged": StoreDamagedError,
    "missing": VersionMissingError,
}


@dataclass(frozen=True)
class SyncedVersion:
    """A version of the store, and whether this machine can load it.

    Parameters
    ----------
    family : str
        The registered model's name.
    version : int
        From 1.
    digest : str or None
        What it lies in the cache under; None where it cannot be loaded.
    created : str
        ISO 8601, UTC.
    fault : str or None
        What is wrong with the store's copy: incomplete, not signed by this site, tampered with. An earlier
        copy in the cache can be loaded nevertheless.
    architecture, data_hash, code_version : str
        As its manifest says; empty where it cannot be loaded.
    classes : tuple of str
        The same.
    metrics : mapping of str to float
        The same.
    card : str
        The model card, Markdown.
    reference : str or None
        What later rows are held against, as it travels with the version; None for one without.
    """

    family: str
    version: int
    digest: str | None
    created: str
    fault: str | None = None
    architecture: str = ""
    data_hash: str = ""
    code_version: str = ""
    classes: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    card: str = ""
    reference: str | None = None


@dataclass(frozen=True)
class Synced:
    """What the store offers.

    Parameters
    ----------
    versions : tuple of SyncedVersion
        Of all families, oldest first.
    aliases : mapping
        Of family and alias to version: ``{"beats": {"champion": 1}}``.
    """

    versions: tuple[SyncedVersion, ...]
    aliases: Mapping[str, Mapping[str, int]]


class StoreProcess:
    """The store of a home; every method may be called from any thread.

    Parameters
    ----------
    home : Home
        Where the models are kept.
    timeout_s : float
        For how long an answer is waited for.
    """

    def __init__(self, home: Home, timeout_s: float = TIMEOUT_S) -> None:
        self.home = home
        self._timeout_s = timeout_s
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self._lock = threading.Lock()

    def sync(self) -> Synced:
        """Register the shipped champions the store has none of, and bring every version into the cache."""
        document = self._asked("sync")
        try:
            versions = (
                SyncedVersion(**each | {"classes": tuple(each["classes"])}) for each in document["versions"]
            )
            return Synced(tuple(versions), document["aliases"])
        except (KeyError, TypeError) as error:
            raise StoreError(f"an unknown answer ({error})") from error

    def set_alias(self, family: str, alias: str, version: int) -> None:
        """Let an alias mean a version in the store."""
        self._asked("promote", family, str(version), "--alias", alias)

    def compare(self, family: str, champion: str, challenger: str) -> dict[str, Any]:
        """Return the verdict on two versions of the cache, by their digests, on the site's held-out data."""
        folders = [str((self.home.cache / each).resolve()) for each in (champion, challenger)]
        named = ["--champion", folders[0], "--challenger", folders[1]]
        verdict: dict[str, Any] = self._answered(
            ["compare", family, *named, "--json-only"], COMPARE_TIMEOUT_S
        )
        return verdict

    def record(self, family: str, runs: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Put runs down, each once for its key, and return MLflow's name of each by its key."""
        with tempfile.NamedTemporaryFile("w", prefix="chevet-", suffix=".json", encoding="utf-8") as file:
            json.dump(list(runs), file)
            file.flush()
            return dict(self._asked("record", family, file.name))

    def close(self) -> None:
        """End what is being asked, and ask nothing more: whoever waits meets a StoreClosedError."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def _asked(self, *arguments: str) -> Any:
        """Ask the store."""
        return self._answered(["registry", *arguments, "--json"], self._timeout_s)

    def _answered(self, arguments: Sequence[str], timeout_s: float) -> Any:
        """Run a command and return what it answers."""
        process = self._begin(arguments)
        try:
            answer, said = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise StoreUnavailableError(f"no answer within {timeout_s:g} seconds") from None
        finally:
            process.kill()
            process.communicate()
            with self._lock:
                self._running.discard(process)
        if self._closed:
            raise StoreClosedError("the process that asked is about to end")
        try:
            document = json.loads(answer)
        except ValueError:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise StoreError(f"no answer, status {process.returncode}: {''.join(last)[:300]}") from None
        if "error" in document:
            raise KINDS.get(document["error"]["kind"], StoreError)(document["error"]["message"])
        return document

    def _begin(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._closed:
                raise StoreClosedError("the process that asks is about to end")
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "ml", *arguments],
                cwd=ROOT,
                env=environment_of(self.home),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            self._running.add(process)
        return process


def environment_of(home: Home) -> dict[str, str]:
    """Return the environment of a process that is to find the same models as this home says."""
    told = home.environment()
    environment = {name: value for name, value in os.environ.items() if name not in told}
    return environment | {name: value for name, value in told.items() if value}


def document_of(synced: Synced) -> dict[str, Any]:
    """Return what `sync` reads."""
    return asdict(synced)


def error_of(error: OSError) -> dict[str, Any]:
    """Return an error as the process writes it."""
    kind = next((name for name, each in KINDS.items() if type(error) is each), "failed")
    return {"error": {"kind": kind, "message": str(error)}}
