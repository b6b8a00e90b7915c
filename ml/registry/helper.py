"""The store, asked in a process of its own: whoever serves pages never imports MLflow.

Each function runs `python -m ml registry …`, waits for a bounded time, and raises a `StoreError` of the
kind that the process met.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ml.registry.home import Home

TIMEOUT_S = 90.0


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
        Its artefact's; what it lies in the cache under, where `fault` is None.
    created : str
        ISO 8601, UTC.
    fault : str or None
        Why it cannot be loaded: incomplete, not signed by this site, tampered with.
    architecture, data_hash, code_version : str
        As its manifest says; empty where there is a fault.
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
    metrics: Mapping[str, float] | None = None
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
    raise NotImplementedError


def set_alias(home: Home, family: str, alias: str, version: int, timeout_s: float = TIMEOUT_S) -> None:
    """Let an alias mean a version in the store."""
    raise NotImplementedError
