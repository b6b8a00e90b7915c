"""A challenger from first data and from what readers said: whole or not at all, whatever is killed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.corrections import CorrectionsError
from ml.registry.artefact import open_unsealed
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore
from ml.retraining import Order, RetrainingError, lacking, retrain
from ml.training_process import TrainingFailedError, TrainingProcess
from ml.triage.corrections import read_visits, taught
from ml.triage.dataset import Dataset, load, visit_key
from tests.support.triage import quickly_learnt, written

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of SQLAlchemy
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
WORKER = """
import sys
from pathlib import Path
from ml.registry.home import Home
from ml.retraining import Order
from ml.training_process import TrainingProcess

home, data, corrections, folder = map(Path, sys.argv[1:])
order = Order("triage", data, corrections, 5, folder, "killed")
TrainingProcess(Home(home)).train(order, lambda fraction: print(fraction, flush=True))
"""


@dataclass
class Site:
    """A store, training data, and what readers said."""

    home: Home
    data: Path
    corrections: Path
    folder: Path

    def order(self, at_least: int = 5) -> Order:
        return Order("triage", self.data, self.corrections, at_least, self.folder, "again")


def lines(data: Dataset, level: str) -> str:
    """Return corrections of visits by three readers."""
    documents = (
        {
            "family": "triage",
            "reader": reader,
            "label": level,
            "values": dict(visit.values),
            "complaint": visit.complaint,
        }
        for visit in data.visits
        for reader in "abc"
    )
    return "".join(json.dumps(each) + "\n" for each in documents)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("retraining")
    others = load(written(folder, 12))
    corrections = folder / "corrections.jsonl"
    corrections.write_text(lines(others, "2"), encoding="utf-8")
    data = folder / "data"
    data.mkdir()
    made = written(data, 90).rename(data / "ktas.csv")
    head, *rows = made.read_text(encoding="utf-8").splitlines()
    made.write_text("\n".join([head, *rows[20:]]) + "\n", encoding="utf-8")
    return Site(Home(folder / "home"), data, corrections, folder / "work")


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def running(folder: Path) -> bool:
    """Return whether a process trains in a folder."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"--folder\0{folder}".encode() in each.read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.timeout(300)
def test_a_killed_worker_leaves_no_half_registered_model_and_the_next_one_registers_a_challenger(
    site: Site,
) -> None:
    command = [
        sys.executable,
        "-c",
        WORKER,
        *map(str, (site.home.folder, site.data, site.corrections, site.folder)),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        first = worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
    assert first == "0.0\n", (site.folder / "log.txt").read_text(encoding="utf-8")
    until(lambda: not running(site.folder))
    store = MlflowStore(site.home)
    (shipped,) = store.versions("triage")
    assert dict(store.aliases("triage")) == {"champion": shipped.version}
    assert not (site.folder / "made").exists()

    told = list[float]()
    trained = TrainingProcess(site.home).train(site.order(), told.append)
    assert told == sorted(told)
    assert dict(store.aliases("triage")) == {"champion": 1, "challenger": trained.version}
    parameters = store.client.get_run(trained.run).data.params
    assert parameters["parent_version"] == "1"
    assert parameters["feedback_opinions"] == "36"
    assert parameters["data_hash"] == load(site.data / "ktas.csv").data_hash
    card = (site.folder / "made" / "artefact" / "card.md").read_text(encoding="utf-8")
    assert "12 inputs that readers of this site confirmed or corrected" in card
    settings = open_unsealed(site.folder / "made" / "artefact").manifest.settings
    assert settings["feedback_hash"] == parameters["feedback_hash"]

    again = retrain(site.order(), site.home, store, told.append)
    assert (again.version, len(store.versions("triage"))) == (trained.version, 2)


def test_a_training_that_cannot_be_says_why(site: Site, tmp_path: Path) -> None:
    few = Order("triage", site.data, site.corrections, 500, tmp_path, "few")
    with pytest.raises(CorrectionsError, match="36 opinions, at least 500"):
        retrain(few, site.home, MlflowStore(site.home), print)
    with pytest.raises(TrainingFailedError, match=r"ended early: .*must be at least 1"):
        TrainingProcess(site.home).train(site.order(0), print)
    with pytest.raises(RetrainingError, match=r"has no ktas.csv"):
        retrain(
            Order("triage", tmp_path, None, 1, tmp_path, "none"), site.home, MlflowStore(site.home), print
        )
    assert lacking("triage", site.data) is None
    assert lacking("beats", site.data) == "data"


def test_no_visit_is_both_learnt_from_as_a_correction_and_held_out(site: Site, tmp_path: Path) -> None:
    data = load(site.data / "ktas.csv")
    everything = tmp_path / "all.jsonl"
    everything.write_text(lines(data, "1") + site.corrections.read_text(encoding="utf-8"), encoding="utf-8")
    kept = read_visits(everything, data).settled
    assert {each.input for each in kept}.isdisjoint(visit_key(visit) for visit in data.visits)
    assert {each.weight for each in kept} == {3}
    assert len(kept) == 12


def test_the_trees_learn_what_readers_said(site: Site) -> None:
    data = load(site.data / "ktas.csv")
    besides = taught(read_visits(site.corrections, data, 5))
    assert set(besides.levels) == {2}
    plain, corrected = quickly_learnt(data), quickly_learnt(data, besides)
    of_level_2 = [each.model.chances(besides.seen)[:, :2].sum() for each in (plain, corrected)]
    assert of_level_2[1] > of_level_2[0]
