"""What versions of models exist, and which of them an alias means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ml.registry.artefact import Artefact

CHAMPION = "champion"
ALIASES = (CHAMPION, "challenger", "shadow")


class StoreError(OSError):
    """The store cannot do what it was asked; the message says why."""


class StoreUnavailableError(StoreError):
    """It does not answer, in time or at all."""


class StoreLockedError(StoreUnavailableError):
    """Another holds its database."""


class StoreDamagedError(StoreError):
    """What it holds is incomplete or cannot be read."""


class StoreClosedError(Exception):
    """Whoever asked is about to end: no fault of the store's."""


class VersionMissingError(StoreError):
    """It has no such version or alias."""


@dataclass(frozen=True)
class StoredVersion:
    """A version as the store knows it.

    Parameters
    ----------
    family : str
        The registered model's name.
    version : int
        From 1.
    digest : str or None
        What its artefact's must be; None where another tool registered it.
    run : str or None
        The run that it comes from.
    created : datetime
        When it was registered, UTC.
    """

    family: str
    version: int
    digest: str | None
    run: str | None
    created: datetime


class ModelStore(Protocol):
    """Where versions are kept. Every method raises a `StoreError`, within a bounded time."""

    def versions(self, family: str) -> list[StoredVersion]:
        """Return the versions of a family, oldest first."""

    def aliases(self, family: str) -> Mapping[str, int]:
        """Return which version each alias means."""

    def set_alias(self, family: str, alias: str, version: int) -> None:
        """Let an alias mean a version."""

    def previous(self, family: str, alias: str) -> int:
        """Return the version that an alias meant before, as far as `set_alias` has changed it."""

    def fetch(self, version: StoredVersion, folder: Path) -> None:
        """Copy a version's files into a folder, unverified, but neither more nor larger than they may be."""

    def register(self, artefact: Artefact, run: str | None = None) -> StoredVersion:
        """Add a sealed artefact as the next version of its family; one that is there already stays.

        Parameters
        ----------
        artefact : Artefact
            Sealed.
        run : str or None
            The run that trained it; one is made where there is none.
        """
