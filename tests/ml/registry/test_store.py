"""The store: MLflow itself on SQLite, whole, locked, damaged, tampered with and out of reach."""

import json
import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.__main__ import main
from ml.registry.artefact import open_sealed, seal, with_file, write_artefact
from ml.registry.contents import CARD, GRAPH, REFERENCE
from ml.registry.helper import KINDS, StoreProcess, error_of
from ml.registry.home import Home
from ml.registry.mlflow_store import DIGEST, MlflowStore, RecordedRun
from ml.registry.predictor import LoadError
from ml.registry.shipped import ship, shipped
from ml.registry.store import (
    StoreClosedError,
    StoreDamagedError,
    StoredVersion,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    VersionMissingError,
)
from ml.registry.syncing import register, sync
from tests.support.models import linear, write_toy

BOUND_S = 60

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's, of SQLAlchemy
    pytest.mark.timeout(300),  # MLflow is imported, and once more in a process of its own
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database of MLflow's, which takes seconds to make."""
    home = Home(tmp_path_factory.mktemp("template"))
    MlflowStore(home).versions("beats")
    return home.store / "mlflow.db"


@pytest.fixture
def home(empty: Path, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.store.mkdir(parents=True)
    shutil.copyfile(empty, made.store / "mlflow.db")
    return made


@pytest.fixture
def store(home: Home) -> MlflowStore:
    return MlflowStore(home)


@pytest.fixture
def none_shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "none"
    folder.mkdir()
    return folder


def add(home: Home, store: MlflowStore, folder: Path, seed: int, alias: str | None = None) -> StoredVersion:
    return register(home, store, write_toy(folder / f"toy-{seed}", seed).folder, alias)


def kept(home: Home) -> Path:
    """Return the folder that the local store has of the first version."""
    (graph,) = (home.store / "artifacts").rglob(GRAPH)
    return graph.parent


def test_an_empty_store_has_no_versions_and_no_aliases(store: MlflowStore) -> None:
    assert store.versions("beats") == []
    assert store.aliases("beats") == {}


def test_what_is_registered_comes_back_whole_under_the_next_number(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    first, second = add(home, store, tmp_path, 0), add(home, store, tmp_path, 1)
    assert [first.version, second.version] == [1, 2]
    assert store.versions("beats") == [first, second]

    (tmp_path / "fetched").mkdir()
    store.fetch(second, tmp_path / "fetched")
    assert open_sealed(tmp_path / "fetched", home.key(), second.digest).read(CARD) == b"# Toy 1\n"


def test_the_same_artefact_is_not_registered_twice(home: Home, store: MlflowStore, tmp_path: Path) -> None:
    first = add(home, store, tmp_path, 0)

    assert register(home, store, tmp_path / "toy-0") == first
    assert store.versions("beats") == [first]


def test_the_run_of_a_version_says_what_its_manifest_does(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    run = store.client.get_run(add(home, store, tmp_path, 0).run)

    assert run.data.metrics == {"macro_f1": 0.5}
    assert run.data.params["architecture"] == "cnn-lstm"
    assert run.data.params["data_hash"] == "0" * 64
    assert run.info.status == "FINISHED"


def test_what_ran_elsewhere_is_put_down_once_for_its_key(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    runs: list[dict[str, Any]] = [
        {
            "key": key,
            "name": "nnU-Net 2",
            "at": 1.7e9,
            "parameters": {"model_name": "nnU-Net"},
            "metrics": {"total_tumor_volume_cm3": 30.18, "segmentation_status": 1.0},
        }
        for key in ("a", "b")
    ]
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    store.record("segmentation", RecordedRun(**runs[0] | {"metrics": {}}))  # as one that was killed leaves it
    for _ in range(2):
        arguments = ["registry", "record", "segmentation", str(tmp_path / "runs.json"), "--json"]
        assert main([*arguments, "--home", str(home.folder)]) == 0

    experiment = store.client.get_experiment_by_name("cerebloom_brain_tumor_segmentation")
    found = store.client.search_runs([experiment.experiment_id])
    assert sorted(each.data.tags["chevet.key"] for each in found) == ["a", "b"]
    assert [each.data.metrics for each in found] == [runs[0]["metrics"]] * 2
    assert {each.info.status for each in found} == {"FINISHED"}


def test_an_alias_means_one_version_and_goes_back_to_the_one_before(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    add(home, store, tmp_path, 0, "champion")
    add(home, store, tmp_path, 1, "champion")
    assert store.aliases("beats") == {"champion": 2}

    assert store.previous("beats", "champion") == 1
    store.set_alias("beats", "champion", 1)
    assert store.aliases("beats") == {"champion": 1}
    assert store.previous("beats", "champion") == 2
    store.set_alias("beats", "champion", 1)
    assert store.previous("beats", "champion") == 2


def test_a_version_that_is_not_there_is_named_as_missing(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    with pytest.raises(VersionMissingError):
        store.set_alias("beats", "champion", 1)
    add(home, store, tmp_path, 0, "champion")
    with pytest.raises(VersionMissingError):
        store.set_alias("beats", "champion", 7)
    with pytest.raises(VersionMissingError, match="nothing is known of a version before"):
        store.previous("beats", "champion")


def test_a_graph_that_answers_otherwise_than_its_model_is_not_registered(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    toy = write_toy(tmp_path / "toy")
    files = {name: toy.read(name) for name in toy.manifest.files}
    files[GRAPH] = linear(np.zeros((1000, 5), np.float32))
    folder = write_artefact(tmp_path / "other", toy.manifest, files).folder

    with pytest.raises(LoadError, match="parity fails"):
        register(home, store, folder)
    assert store.versions("beats") == []


def test_a_store_of_ones_own_is_not_taken_for_a_server_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path))
    MlflowStore(Home.of_environment(os.environ))
    home = Home.of_environment(os.environ)

    assert home.tracking_uri is None
    store = MlflowStore(home)
    location = store.client.get_experiment(store.experiment("beats")).artifact_location
    assert location.startswith(tmp_path.resolve().as_uri())


def test_the_shipped_champion_is_registered_where_there_is_none_and_only_there(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    pretrained = tmp_path / "pretrained"
    digest = ship(write_toy(tmp_path / "toy"), pretrained).digest

    synced = sync(home, store, pretrained)
    assert synced.aliases == {"beats": {"champion": 1}, "triage": {}, "segmentation": {}}
    (version,) = synced.versions
    assert (version.version, version.digest, version.fault) == (1, digest, None)
    assert (version.architecture, version.metrics, version.card) == (
        "cnn-lstm",
        {"macro_f1": 0.5},
        "# Toy 0\n",
    )
    assert open_sealed(home.cache / digest, home.key()).digest == digest

    assert version.reference is None

    ship(write_toy(tmp_path / "later", seed=1), pretrained)
    assert sync(home, store, pretrained) == synced


def test_what_a_version_learnt_from_is_told_with_it(home: Home, store: MlflowStore, tmp_path: Path) -> None:
    pretrained = tmp_path / "pretrained"
    ship(with_file(write_toy(tmp_path / "toy"), REFERENCE, b'{"counts": []}'), pretrained)

    (version,) = sync(home, store, pretrained).versions
    assert version.reference == '{"counts": []}'


def test_a_shipped_champion_that_was_altered_is_not_registered(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    pretrained = tmp_path / "pretrained"
    written = ship(write_toy(tmp_path / "toy"), pretrained)
    (written.folder / CARD).write_text("# Toy 9\n", encoding="utf-8")

    with pytest.raises(OSError, match="is not the file that was signed"):
        sync(home, store, pretrained)
    assert store.versions("beats") == []


def test_more_than_a_megabyte_is_not_shipped(tmp_path: Path) -> None:
    artefact = write_toy(tmp_path / "toy", card="# " + "x" * 1_000_000)

    with pytest.raises(OSError, match="more than 1000000"):
        ship(artefact, tmp_path / "pretrained")


def test_tampering_with_the_store_is_told_and_the_cached_copy_goes_on(
    home: Home, store: MlflowStore, tmp_path: Path, none_shipped: Path
) -> None:
    digest = add(home, store, tmp_path, 0, "champion").digest
    (kept(home) / GRAPH).write_bytes(b"\x08another graph")

    (version,) = sync(home, store, none_shipped).versions
    assert version.digest == digest
    assert version.fault is not None
    assert "model.onnx is not the file that was signed" in version.fault

    shutil.rmtree(home.cache)
    (version,) = sync(home, store, none_shipped).versions
    assert (version.digest, version.architecture) == (None, "")
    assert version.fault is not None


@pytest.mark.parametrize("fault", ["half", "none", "more", "folder", "another site's", "another version's"])
def test_what_is_not_a_whole_version_of_this_site_is_not_used(
    home: Home, store: MlflowStore, tmp_path: Path, none_shipped: Path, fault: str
) -> None:
    version = add(home, store, tmp_path, 0)
    folder = kept(home)
    shutil.rmtree(home.cache)
    if fault == "half":
        (folder / GRAPH).unlink()
    elif fault == "none":
        shutil.rmtree(folder)
    elif fault == "more":
        for number in range(30):
            (folder / f"{number}.md").write_bytes(b"x")
    elif fault == "folder":
        (folder / "sub").mkdir()
        (folder / "sub" / "x.md").write_bytes(b"x")
    elif fault == "another site's":
        (folder / "manifest.hmac").write_bytes(b"0" * 64 + b"\n")
    else:
        shutil.rmtree(folder)
        shutil.copytree(seal(write_toy(tmp_path / "other", 1), home.key()).folder, folder)

    (synced,) = sync(home, store, none_shipped).versions
    assert (synced.version, synced.digest) == (version.version, None)
    assert synced.fault
    assert not [path for path in home.cache.iterdir() if path.name != ".lock"]


def test_what_another_tool_registered_is_listed_with_its_fault(
    home: Home, store: MlflowStore, tmp_path: Path, none_shipped: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "model.pkl").write_bytes(b"x")
    store.client.create_registered_model("beats")
    store.client.create_model_version("beats", (tmp_path / "theirs").as_uri())

    (version,) = sync(home, store, none_shipped).versions
    assert (version.version, version.digest) == (1, None)
    assert version.fault is not None
    assert "manifest.hmac is missing" in version.fault


def test_a_version_of_another_family_is_not_used_as_one_of_this(
    home: Home, store: MlflowStore, tmp_path: Path, none_shipped: Path
) -> None:
    beats = add(home, store, tmp_path, 0)
    source = store.client.get_model_version("beats", "1").source
    store.client.create_registered_model("triage-classifier")
    store.client.create_model_version("triage-classifier", source, tags={DIGEST: beats.digest})
    store.set_alias("triage", "champion", 1)

    ours, theirs = sync(home, store, none_shipped).versions
    assert (ours.family, ours.digest, ours.fault) == ("beats", beats.digest, None)
    assert (theirs.family, theirs.digest, theirs.fault) == ("triage", None, "beats, not triage")


@pytest.fixture
def locked(home: Home) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(home.store / "mlflow.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    yield connection
    connection.close()


@pytest.mark.usefixtures("locked")
def test_a_locked_store_says_so_within_a_bounded_time(home: Home) -> None:
    started = time.monotonic()

    with pytest.raises(StoreLockedError):
        MlflowStore(home)
    assert time.monotonic() - started < BOUND_S


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_half_written_database_says_so(home: Home, damage: str) -> None:
    path = home.store / "mlflow.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3] if damage == "cut" else b"garbage" * 999)

    with pytest.raises(StoreDamagedError):
        MlflowStore(home)


def test_a_server_that_is_down_says_so_and_no_password_is_repeated(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://who:secret@127.0.0.1:{free.getsockname()[1]}"
    store = MlflowStore(Home(tmp_path, address))
    started = time.monotonic()

    with pytest.raises(StoreUnavailableError) as raised:
        store.versions("beats")
    assert "secret" not in str(raised.value)
    assert time.monotonic() - started < BOUND_S


def test_the_helper_is_waited_for_in_bounded_time(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="no answer within"):
        StoreProcess(Home(tmp_path), timeout_s=0.05).sync()


def test_who_waits_for_the_helper_is_let_go_when_the_process_ends(tmp_path: Path) -> None:
    store = StoreProcess(Home(tmp_path))
    closing = threading.Timer(0.5, store.close)
    closing.start()
    started = time.monotonic()
    with pytest.raises(StoreClosedError):
        store.sync()  # importing MLflow alone takes longer
    assert not closing.is_alive()
    with pytest.raises(StoreClosedError):
        store.set_alias("beats", "champion", 1)
    assert time.monotonic() - started < BOUND_S


def test_the_process_answers_what_was_synced_and_what_went_wrong(
    home: Home, store: MlflowStore, tmp_path: Path
) -> None:
    digest = add(home, store, tmp_path, 0, "champion").digest
    champion = shipped("triage")
    assert champion is not None

    synced = StoreProcess(home, timeout_s=250).sync()
    assert synced.aliases["beats"] == {"champion": 1}
    assert [(each.family, each.version, each.digest, each.classes[0]) for each in synced.versions] == [
        ("beats", 1, digest, "Normal"),
        ("triage", 1, champion.digest, "KTAS 1"),
    ]


def test_the_command_line_promotes_rolls_back_lists_and_names_failures(
    home: Home, store: MlflowStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[int, Any]:
        status = main(["registry", *arguments, "--home", str(home.folder), "--json"])
        return status, json.loads(capsys.readouterr().out)

    add(home, store, tmp_path, 0, "champion")
    status, registered = run("register", str(write_toy(tmp_path / "toy", 1).folder))
    assert (status, registered["version"]) == (0, 2)
    assert run("promote", "beats", "2") == (0, {"family": "beats", "alias": "champion", "version": 2})
    assert run("rollback", "beats") == (0, {"family": "beats", "alias": "champion", "version": 1})
    status, listed = run("list")
    assert (status, listed["aliases"]) == (0, {"champion": 1})
    status, failed = run("promote", "beats", "9")
    assert (status, failed["error"]) == (
        2,
        {"kind": "missing", "message": "Model Version (name=beats, version=9) not found"},
    )


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_of_failure_keeps_its_kind_on_the_way(name: str) -> None:
    error = KINDS[name]("why")

    assert error_of(error) == {"error": {"kind": name, "message": "why"}}
    assert error_of(StoreError("why"))["error"]["kind"] == "failed"
