"""What is loaded in this process.

Somebody says what is to be deployed (`Registry.deploy`, again and again, from rows that the process watches);
loading happens in threads of its own, first when a model is first asked for. A new version is loaded before
the old one is dropped; where loading fails the old one goes on and the failure is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ml.registry.artefact import Artefact, Manifest
from ml.registry.predictor import Predictor, load

Slot: TypeAlias = tuple[str, str]
"""A family and an alias: ``("beats", "champion")``."""


class ModelUnavailableError(RuntimeError):
    """Nothing is loaded for a slot; the message says why, for a person who runs the site."""


@dataclass(frozen=True)
class Deployed:
    """The version that an alias means.

    Parameters
    ----------
    version : int
        In the store.
    digest : str
        Its artefact's, under which it lies in the cache.
    """

    version: int
    digest: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """A version that answers.

    Parameters
    ----------
    deployed : Deployed
        Which one.
    manifest : Manifest
        What it is.
    predictor : Predictor
        What answers.
    load_s : float
        Seconds that verifying, loading and warming up took.
    memory_mb : float
        By how much the process grew meanwhile (0 where it shrank).
    """

    deployed: Deployed
    manifest: Manifest
    predictor: Predictor
    load_s: float
    memory_mb: float


@dataclass(frozen=True)
class SlotStatus:
    """How a slot stands in this process, for the models' page.

    Parameters
    ----------
    slot : tuple of str
        Family and alias.
    wanted : Deployed
        What is to answer.
    loaded : Loaded or None
        What does.
    loading : bool
        Whether something is being loaded.
    fault : str or None
        Why what is wanted does not answer.
    """

    slot: Slot
    wanted: Deployed
    loaded: Loaded | None
    loading: bool
    fault: str | None


class Registry:
    """The models of this process; every method may be called from any thread.

    Parameters
    ----------
    cache : Path
        The folder of verified artefacts: each under its digest.
    key : bytes
        The site's, which they are sealed with.
    on_failure : callable
        Told the slot, what was wanted and why it failed; called in the loading thread.
    loader : callable
        Makes a predictor of a verified artefact.
    """

    def __init__(
        self,
        cache: Path,
        key: bytes,
        on_failure: Callable[[Slot, Deployed, str], None],
        loader: Callable[[Artefact], Predictor] = load,
    ) -> None:
        raise NotImplementedError

    def deploy(self, wanted: Mapping[Slot, Deployed]) -> None:
        """Say what is to answer, all of it; returns at once.

        A slot that was asked for before is loaded anew in the background; one that never was waits until it is.
        Saying the same again does nothing, but that what failed is tried again after half a minute.
        """

    def serving(self, family: str, alias: str, wait_s: float = 0.0) -> Loaded:
        """Return what answers for a slot, beginning to load it if nothing does yet.

        Blocks for `wait_s` at most, so call it in a thread where that is not 0.

        Raises
        ------
        ModelUnavailableError
            When nothing is deployed there, or nothing could be loaded (in time).
        """
        raise NotImplementedError

    def status(self) -> list[SlotStatus]:
        """Return how every slot stands."""
        raise NotImplementedError
