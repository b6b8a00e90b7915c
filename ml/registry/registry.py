"""What is loaded in this process.

Somebody says what is to be deployed (`Registry.deploy`, again and again, from rows that the process watches);
loading happens in threads of its own, first when a model is first asked for. A new version is loaded before
the old one goes, which stays loaded beside it until the next one comes, so that a rollback takes no time;
where loading fails the old one goes on and the failure is told.
"""

import mmap
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ml.registry.artefact import Artefact, open_sealed
from ml.registry.manifest import Manifest
from ml.registry.predictor import Predictor, load

RETRY_S = 30.0

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
    key : callable
        Returns the site's key, which they are sealed with.
    on_failure : callable
        Told the slot, what was wanted and why it failed; called in the loading thread.
    loader : callable
        Makes a predictor of a verified artefact.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        cache: Path,
        key: Callable[[], bytes],
        on_failure: Callable[[Slot, Deployed, str], None],
        loader: Callable[[Artefact], Predictor] = load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = cache
        self._key = key
        self._on_failure = on_failure
        self._loader = loader
        self._clock = clock
        self._slots: dict[Slot, _Slot] = {}
        self._changed = threading.Condition()

    def deploy(self, wanted: Mapping[Slot, Deployed]) -> None:
        """Say what is to answer, all of it; returns at once.

        A slot that was asked for before is loaded anew in the background; one that never was waits for that.
        Saying the same again does nothing, but that what failed is tried again after half a minute.
        """
        with self._changed:
            for slot in self._slots.keys() - wanted.keys():
                del self._slots[slot]
            for slot, deployed in wanted.items():
                state = self._slots.setdefault(slot, _Slot(deployed))
                if state.wanted != deployed:
                    state.wanted, state.fault = deployed, None
                    if state.before is not None and state.before.deployed == deployed:
                        state.loaded, state.before = state.before, state.loaded
                if state.asked_for:
                    self._begin(slot, state)
            self._changed.notify_all()

    def serving(self, family: str, alias: str, wait_s: float = 0.0) -> Loaded:
        """Return what answers for a slot, beginning to load it if nothing does yet.

        Blocks for `wait_s` at most, so call it in a thread where that is not 0.

        Raises
        ------
        ModelUnavailableError
            When nothing is deployed there, or nothing could be loaded (in time).
        """
        slot = (family, alias)
        with self._changed:
            state = self._slots.get(slot)
            if state is None:
                raise ModelUnavailableError(f"no model is deployed as {family} {alias}")
            state.asked_for = True
            if state.loaded is None:
                self._begin(slot, state)
                self._changed.wait_for(lambda: not self._pending(slot), wait_s)
            state = self._slots.get(slot, state)
            if state.loaded is None:
                raise ModelUnavailableError(state.fault or f"{family} {alias} is still being loaded")
            return state.loaded

    def status(self) -> list[SlotStatus]:
        """Return how every slot stands."""
        with self._changed:
            return [
                SlotStatus(slot, state.wanted, state.loaded, state.loading is not None, state.fault)
                for slot, state in sorted(self._slots.items())
            ]

    def _pending(self, slot: Slot) -> bool:
        state = self._slots.get(slot)
        return state is not None and state.loaded is None and state.loading is not None

    def _begin(self, slot: Slot, state: "_Slot") -> None:
        """Start loading what is wanted, unless it answers, is on its way, or failed a moment ago."""
        if state.loading is not None or (state.loaded is not None and state.loaded.deployed == state.wanted):
            return
        if state.fault is not None and self._clock() < state.again_at:
            return
        state.loading = state.wanted
        name = f"loading {slot[0]} {slot[1]}"
        threading.Thread(target=self._load, args=(slot, state.wanted), name=name, daemon=True).start()

    def _load(self, slot: Slot, deployed: Deployed) -> None:
        """Load a version and put it to use, if it is still what is wanted."""
        loaded, fault = None, None
        try:
            loaded = self._loaded(deployed)
        except Exception as error:  # noqa: BLE001 - whatever a model does wrong, the one before goes on
            fault = f"{type(error).__name__}: {error}"
        with self._changed:
            state = self._slots.get(slot)
            if state is None or state.loading != deployed:
                return  # it was taken away meanwhile
            state.loading = None
            if loaded is not None and state.wanted == deployed:
                state.loaded, state.before, state.fault = loaded, state.loaded, None
            elif state.wanted != deployed:
                self._begin(slot, state)
            else:
                state.fault, state.again_at = fault, self._clock() + RETRY_S
            self._changed.notify_all()
        if fault is not None:
            self._on_failure(slot, deployed, fault)

    def _loaded(self, deployed: Deployed) -> Loaded:
        started, before = time.perf_counter(), resident_bytes()
        artefact = open_sealed(self._cache / deployed.digest, self._key(), deployed.digest)
        predictor = self._loader(artefact)
        predictor.warm_up()
        predictor.verify_examples()
        grown = max(resident_bytes() - before, 0) / 1e6
        return Loaded(deployed, artefact.manifest, predictor, time.perf_counter() - started, grown)


@dataclass(eq=False)
class _Slot:
    wanted: Deployed
    loaded: Loaded | None = None
    before: Loaded | None = None
    loading: Deployed | None = None
    fault: str | None = None
    again_at: float = 0.0
    asked_for: bool = False


def resident_bytes() -> int:
    """Return how much memory the process holds just now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * mmap.PAGESIZE
