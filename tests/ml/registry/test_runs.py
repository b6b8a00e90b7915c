"""Runs as the store has them: of their own family only, their files bounded, and nothing beside them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.registry import mlflow_store
from ml.registry.helper import StoreProcess
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore, TrackedRun
from ml.registry.store import StoreDamagedError, StoreUnavailableError, VersionMissingError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's, of SQLAlchemy
    pytest.mark.timeout(300),  # MLflow is imported
]
REPORT = "report/figures.json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def store(home: Home) -> MlflowStore:
    return MlflowStore(home)


@pytest.fixture(scope="module")
def run(store: MlflowStore) -> str:
    files = {REPORT: b'{"f1": 0.5}', "card.md": b"# A card"}
    return store.track("beats", TrackedRun("first", {"seed": 3}, {"f1": 0.5}, "d" * 64, "code", files))


Missing = Callable[[MlflowStore, str], object]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, run: store.run("triage", run),
        lambda store, run: store.download("triage", run, REPORT, Path()),
        lambda store, _run: store.run("beats", "0" * 32),
        lambda store, _run: store.run("beats", "../../mlflow"),
        lambda store, _run: store.download("beats", "x" * 32, REPORT, Path()),
    ],
)
def test_a_run_of_another_family_is_missing_like_one_that_there_is_not(
    store: MlflowStore, run: str, ask: Missing
) -> None:
    with pytest.raises(VersionMissingError):
        ask(store, run)


def test_the_latest_runs_are_told_and_a_chosen_one_with_its_files(store: MlflowStore, run: str) -> None:
    [listed] = store.runs("beats")
    assert (listed.id, listed.name, listed.status, listed.files) == (run, "first", "FINISHED", None)
    assert (listed.parameters["seed"], listed.metrics) == ("3", {"f1": 0.5})
    files = store.run("beats", run).files
    assert files is not None
    assert [(each.path, each.size) for each in files] == [("card.md", 8), (REPORT, 11)]
    assert store.runs("triage") == []


def test_a_listed_file_is_had(store: MlflowStore, run: str, tmp_path: Path) -> None:
    copy = store.download("beats", run, REPORT, tmp_path)
    assert json.loads(copy.read_bytes()) == {"f1": 0.5}
    assert copy.resolve().is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize(
    "path",
    ["../card.md", "report/../card.md", "/etc/passwd", "report", "", ".", "report//figures.json", "%2e%2e/x",
     "../../../../mlflow.db", "report\\figures.json", "file:///etc/passwd", "card.md\0"],
)  # fmt: skip
def test_what_is_not_listed_is_not_had_whatever_its_path_says(
    store: MlflowStore, run: str, path: str, tmp_path: Path
) -> None:
    with pytest.raises(VersionMissingError):
        store.download("beats", run, path, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_too_large_or_too_many_are_not_told(
    store: MlflowStore, run: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mlflow_store, "MAX_FILE", 9)
    files = store.run("beats", run).files
    assert [each.path for each in files or ()] == ["card.md"]
    with pytest.raises(VersionMissingError):
        store.download("beats", run, REPORT, tmp_path)
    monkeypatch.setattr(mlflow_store, "MAX_FILE", 100)
    monkeypatch.setattr(mlflow_store, "MOST_RUN_FILES", 1)
    assert len(store.run("beats", run).files or ()) == 1


def test_a_link_out_of_the_store_is_followed_nowhere(
    store: MlflowStore, home: Home, run: str, tmp_path: Path
) -> None:
    secret, into = tmp_path / "secret", tmp_path / "into"
    secret.write_text("the key", encoding="utf-8")
    into.mkdir()
    [card] = (home.store / "artifacts").rglob("card.md")
    link = card.with_name("link.md")
    link.symlink_to(secret)
    try:
        with pytest.raises((VersionMissingError, StoreDamagedError)):
            store.download("beats", run, "link.md", into)
    finally:
        link.unlink()


def test_the_same_is_told_by_a_process_of_its_own(
    home: Home, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.registry.helper.PAGE_TIMEOUT_S", 120.0)  # a busy machine imports MLflow slowly
    process = StoreProcess(home)
    [told] = process.runs("beats", [run])
    assert [each["path"] for each in told["files"]] == ["card.md", REPORT]
    copy = process.download("beats", run, "card.md", tmp_path)
    assert copy.read_bytes() == b"# A card"


def test_a_store_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        StoreProcess(Home(tmp_path), timeout_s=0.0).runs("beats")
