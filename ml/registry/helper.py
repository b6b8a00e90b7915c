"""The store, asked in a process of its own: whoever serves pages never imports MLflow.

Each function runs `python -m ml registry …`, waits for a bounded time, and raises a `StoreError` of the
kind that the process met.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.registry.home import Home
from ml.registry.store import (
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    VersionMissingError,
)

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 120.0
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


def sync(home: Home, timeout_s: float = TIMEOUT_S) -> Synced:
    """Register the shipped champion where the store has none, and bring every version into the cache."""
    document = _asked(home, ["sync"], timeout_s)
    try:
        versions = (
            SyncedVersion(**each | {"classes": tuple(each["classes"])}) for each in document["versions"]
        )
        return Synced(tuple(versions), document["aliases"])
    except (KeyError, TypeError) as error:
        raise StoreError(f"an unknown answer ({error})") from error


def set_alias(home: Home, family: str, alias: str, version: int, timeout_s: float = TIMEOUT_S) -> None:
    """Let an alias mean a version in the store."""
    _asked(home, ["promote", family, str(version), "--alias", alias], timeout_s)


def document_of(synced: Synced) -> dict[str, Any]:
    """Return what `sync` reads."""
    return asdict(synced)


def error_of(error: OSError) -> dict[str, Any]:
    """Return an error as the process writes it."""
    kind = next((name for name, each in KINDS.items() if type(error) is each), "failed")
    return {"error": {"kind": kind, "message": str(error)}}


def _asked(home: Home, arguments: Sequence[str], timeout_s: float) -> Any:
    """Run the command and return what it answers."""
    environment = {name: value for name, value in os.environ.items() if name not in home.environment()}
    environment |= {name: value for name, value in home.environment().items() if value}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "ml", "registry", *arguments, "--json"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreUnavailableError(f"no answer within {timeout_s:g} seconds") from None
    try:
        document = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise StoreError(f"no answer, status {done.returncode}: {''.join(last)[:300]}") from None
    if "error" in document:
        raise KINDS.get(document["error"]["kind"], StoreError)(document["error"]["message"])
    return document
