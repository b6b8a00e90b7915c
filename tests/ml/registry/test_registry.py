"""What is loaded: with toy, slow and failing models, as MLServer tests its own."""

import gc
import shutil
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ml.registry.artefact import Artefact, copy_sealed, seal
from ml.registry.contents import GRAPH
from ml.registry.registry import Deployed, ModelUnavailableError, Registry, Slot
from tests.support.models import write_toy

KEY = b"k" * 32
CHAMPION: Slot = ("beats", "champion")
PATIENCE_S = 30.0


class Toy:
    """Answers with the name of its version."""

    def __init__(self, artefact: Artefact) -> None:
        self.name = artefact.digest
        self.warm = False

    def warm_up(self) -> None:
        self.warm = True

    def verify_examples(self) -> float:
        return 0.0


@dataclass
class Loading:
    """Loads toys; some when they are let, some never."""

    held: dict[str, threading.Event] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)

    def __call__(self, artefact: Artefact) -> Toy:
        self.begun.append(artefact.digest)
        if artefact.digest in self.held:
            assert self.held[artefact.digest].wait(PATIENCE_S)
        if artefact.digest in self.broken:
            raise MemoryError("too large a model")
        return Toy(artefact)


@dataclass
class Rig:
    """A registry, three artefacts in its cache, and what it told."""

    registry: Registry
    cache: Path
    loading: Loading
    versions: list[Deployed]
    told: list[tuple[Slot, Deployed, str]]
    clock: list[float]
    heard: threading.Event

    def deploy(self, number: int) -> None:
        self.registry.deploy({CHAMPION: self.versions[number]})

    def serving(self, wait_s: float = PATIENCE_S) -> int:
        return self.versions.index(self.registry.serving(*CHAMPION, wait_s).deployed)

    def settled(self) -> int:
        """Wait until nothing is being loaded any more."""
        assert _until(lambda: not any(each.loading for each in self.registry.status()))
        return self.serving(0)


def _until(true: object) -> bool:
    waiting = threading.Event()
    for _ in range(int(PATIENCE_S * 200)):
        if true():  # type: ignore[operator] # a function
            return True
        waiting.wait(0.005)
    return False


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Deployed]]:
    folder = tmp_path_factory.mktemp("models")
    digests = [
        copy_sealed(seal(write_toy(folder / str(seed), seed), KEY).folder, folder / "cache", KEY).digest
        for seed in range(3)
    ]
    return folder / "cache", [Deployed(number, digest) for number, digest in enumerate(digests, 1)]


@pytest.fixture
def rig(stocked: tuple[Path, list[Deployed]]) -> Iterator[Rig]:
    cache, versions = stocked
    told: list[tuple[Slot, Deployed, str]] = []
    clock, loading, heard = [0.0], Loading(), threading.Event()

    def tell(slot: Slot, deployed: Deployed, reason: str) -> None:
        told.append((slot, deployed, reason))
        heard.set()

    registry = Registry(cache, lambda: KEY, tell, loading, lambda: clock[0])
    yield Rig(registry, cache, loading, versions, told, clock, heard)
    for event in loading.held.values():
        event.set()


def test_nothing_is_loaded_until_it_is_asked_for(rig: Rig) -> None:
    rig.deploy(0)
    rig.deploy(1)
    assert rig.loading.begun == []
    assert [each.loaded for each in rig.registry.status()] == [None]

    assert rig.serving() == 1
    assert rig.loading.begun == [rig.versions[1].digest]


def test_what_serves_is_warm_and_says_how_long_it_took_and_what_it_weighs(rig: Rig) -> None:
    rig.deploy(0)
    loaded = rig.registry.serving(*CHAMPION, PATIENCE_S)

    assert isinstance(loaded.predictor, Toy)
    assert loaded.predictor.warm
    assert loaded.load_s > 0
    assert loaded.memory_mb >= 0
    assert loaded.manifest.family == "beats"
    (status,) = rig.registry.status()
    assert (status.slot, status.wanted, status.loaded, status.fault) == (
        CHAMPION,
        rig.versions[0],
        loaded,
        None,
    )


def test_whoever_does_not_wait_is_told_that_it_is_being_loaded(rig: Rig) -> None:
    rig.loading.held[rig.versions[0].digest] = threading.Event()
    rig.deploy(0)

    with pytest.raises(ModelUnavailableError, match="is still being loaded"):
        rig.serving(0)
    with pytest.raises(ModelUnavailableError, match="is still being loaded"):
        rig.serving(0.01)
    rig.loading.held[rig.versions[0].digest].set()
    assert rig.serving() == 0
    assert len(rig.loading.begun) == 1


def test_many_who_ask_at_once_load_it_once(rig: Rig) -> None:
    rig.deploy(0)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(rig.serving())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [0] * 8
    assert len(rig.loading.begun) == 1


def test_the_old_version_answers_until_the_new_one_does_and_is_dropped_with_the_next(rig: Rig) -> None:
    rig.deploy(0)
    old = weakref.ref(rig.registry.serving(*CHAMPION, PATIENCE_S))
    rig.loading.held[rig.versions[1].digest] = threading.Event()

    rig.deploy(1)
    assert rig.serving(0) == 0
    assert [each.loading for each in rig.registry.status()] == [True]
    rig.loading.held[rig.versions[1].digest].set()
    assert rig.settled() == 1
    assert old() is not None
    rig.deploy(2)
    assert rig.settled() == 2
    gc.collect()
    assert old() is None


def test_the_version_before_answers_again_at_once_and_is_not_loaded_anew(rig: Rig) -> None:
    rig.deploy(0)
    rig.serving()
    rig.deploy(1)
    assert rig.settled() == 1

    rig.deploy(0)
    assert rig.serving(0) == 0
    rig.deploy(1)
    assert rig.serving(0) == 1
    assert rig.loading.begun == [rig.versions[0].digest, rig.versions[1].digest]


def test_a_version_that_fails_leaves_the_old_one_serving_and_is_told_once(rig: Rig) -> None:
    rig.deploy(0)
    rig.serving()
    rig.loading.broken.add(rig.versions[1].digest)

    rig.deploy(1)
    assert rig.settled() == 0
    rig.deploy(1)
    assert rig.settled() == 0
    assert rig.heard.wait(PATIENCE_S)
    assert rig.told == [(CHAMPION, rig.versions[1], "MemoryError: too large a model")]
    assert [each.fault for each in rig.registry.status()] == ["MemoryError: too large a model"]


def test_with_nothing_before_it_a_failure_is_the_answer(rig: Rig) -> None:
    rig.loading.broken.add(rig.versions[0].digest)
    rig.deploy(0)

    with pytest.raises(ModelUnavailableError, match="MemoryError: too large a model"):
        rig.serving()


def test_what_failed_is_tried_again_after_half_a_minute(rig: Rig) -> None:
    rig.loading.broken.add(rig.versions[0].digest)
    rig.deploy(0)
    with pytest.raises(ModelUnavailableError):
        rig.serving()
    rig.loading.broken.clear()

    rig.clock[0] = 29
    with pytest.raises(ModelUnavailableError, match="too large"):
        rig.serving()
    rig.clock[0] = 31
    assert rig.serving() == 0
    assert [each.fault for each in rig.registry.status()] == [None]


def test_going_back_while_the_next_is_loading_keeps_what_serves(rig: Rig) -> None:
    rig.deploy(0)
    rig.serving()
    rig.loading.held[rig.versions[1].digest] = threading.Event()
    rig.deploy(1)
    rig.deploy(0)
    rig.loading.held[rig.versions[1].digest].set()

    assert rig.settled() == 0
    assert len(rig.loading.begun) == 2


def test_of_several_that_follow_each_other_quickly_the_last_one_serves(rig: Rig) -> None:
    rig.deploy(0)
    rig.serving()
    rig.loading.held[rig.versions[1].digest] = threading.Event()
    rig.deploy(1)
    rig.deploy(2)
    rig.loading.held[rig.versions[1].digest].set()

    assert _until(lambda: rig.serving(0) == 2)


def test_a_slot_that_is_deployed_no_more_answers_no_more(rig: Rig) -> None:
    rig.deploy(0)
    rig.serving()
    rig.registry.deploy({})

    with pytest.raises(ModelUnavailableError, match="no model is deployed as beats champion"):
        rig.serving()
    with pytest.raises(ModelUnavailableError, match="no model is deployed as triage champion"):
        rig.registry.serving("triage", "champion")


def test_what_is_taken_away_while_it_loads_is_not_put_to_use(rig: Rig) -> None:
    rig.loading.held[rig.versions[0].digest] = threading.Event()
    rig.deploy(0)
    with pytest.raises(ModelUnavailableError):
        rig.serving(0)
    rig.registry.deploy({})
    rig.loading.held[rig.versions[0].digest].set()

    assert _until(lambda: not any("loading beats" in each.name for each in threading.enumerate()))
    assert rig.registry.status() == []


@pytest.mark.parametrize("fault", ["missing", "tampered", "another key"])
def test_only_what_this_site_has_sealed_is_loaded(
    stocked: tuple[Path, list[Deployed]], tmp_path: Path, fault: str
) -> None:
    cache, (deployed, *_) = stocked
    shutil.copytree(cache, tmp_path / "cache")
    if fault == "missing":
        shutil.rmtree(tmp_path / "cache" / deployed.digest)
    elif fault == "tampered":
        (tmp_path / "cache" / deployed.digest / GRAPH).write_bytes(b"\x08another graph")
    key = b"o" * 32 if fault == "another key" else KEY
    loading = Loading()
    registry = Registry(tmp_path / "cache", lambda: key, lambda *_: None, loading)
    registry.deploy({CHAMPION: deployed})

    with pytest.raises(ModelUnavailableError, match="ArtefactError"):
        registry.serving(*CHAMPION, PATIENCE_S)
    assert loading.begun == []
