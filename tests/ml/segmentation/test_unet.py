"""The U-Net: who it learns from and is judged on, what it is shown, and that its graph answers as it does."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.corrections import VOLUMES, CorrectionsError
from ml.judging.learnt import learnt
from ml.registry.artefact import open_unsealed
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore
from ml.registry.syncing import register
from ml.retraining import Order, retrain
from ml.segmentation.dataset import IMAGES, DatasetError, Exam, load, split
from ml.segmentation.inputs import labels_of, slices_of, unsliced
from ml.segmentation.phantoms import phantom, write_phantoms
from ml.segmentation.predicting import load as load_predictor
from ml.segmentation.reading import Volume
from ml.segmentation.segments import SEGMENTS
from ml.training_process import TrainingProcess
from tests.support.segmentation import write_toy_unet
from tests.support.volumes import label_map, nifti, save

SOAK = os.environ.get("CHEVET_SOAK") == "1"
PATIENTS, HELD_OUT, THOROUGHLY = (30, 6, ["--require"]) if SOAK else (3, 1, ["--epochs", "1"])
"""Dice above nine tenths on unseen phantoms is asked for in the long run alone."""
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras' weights
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow"),  # of SQLAlchemy
]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "phantoms"
    write_phantoms(folder, PATIENTS, seed=5)
    return folder


def test_phantoms_are_the_same_for_a_seed_and_have_every_segment() -> None:
    for seed in range(8):
        images, codes = phantom(seed)
        assert set(np.unique(codes).tolist()) == {0, 1, 2, 3}, seed
        assert set(images) == set(IMAGES)
    again, _ = phantom(7)
    assert np.array_equal(images["flair"], again["flair"])


def test_no_patient_is_both_learnt_from_and_judged_on(tmp_path: Path) -> None:
    for patient in range(10):
        for visit in range(2):
            folder = tmp_path / f"p{patient}" / f"visit-{visit}"
            folder.mkdir(parents=True)
            for name in ("flair", "seg"):
                save(folder / f"{name}.nii.gz", nifti(label_map()))
    exams = load(tmp_path, ["flair"])
    learnt_from, held_out = split(exams, 0)
    assert len(exams) == len(learnt_from) + len(held_out) == 20
    assert len({each.patient for each in held_out}) == 2
    assert not {each.patient for each in learnt_from} & {each.patient for each in held_out}
    assert split(exams, 0) == (learnt_from, held_out)
    assert any(split(exams, seed)[1] != held_out for seed in range(1, 6))
    with pytest.raises(DatasetError, match="lacks t1c"):
        load(tmp_path, ["flair", "t1c"])
    with pytest.raises(DatasetError, match="one patient"):
        split(exams[:2], 0)


def test_slices_go_there_and_back_whatever_the_sides() -> None:
    codes = np.arange(5 * 11 * 3).reshape(5, 11, 3) % 4
    volume = Volume(codes.astype(np.uint8), np.eye(4), oriented=True)
    shown = labels_of(volume.data)
    assert shown.shape == (3, 8, 16)
    assert np.array_equal(unsliced(shown[..., None].astype(np.float32), (5, 11, 3))[..., 0], codes)
    assert slices_of([volume, volume]).shape == (3, 8, 16, 2)
    broken = Volume(np.full((4, 4, 2), np.nan), np.eye(4), oriented=True)
    assert np.isfinite(slices_of([broken])).all()


@pytest.mark.soak
@pytest.mark.timeout(1800 if SOAK else 300)  # TensorFlow is imported, and traces a network
def test_a_network_is_trained_judged_logged_and_asked_from_the_command_line(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path / "site"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = tmp_path / "unet"
    learning = ["train", "segmentation", "--data", str(phantoms), "--output", str(made), *THOROUGHLY]
    assert main([*learning, "--run-name", "first", "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["patients"] == HELD_OUT
    assert {f"dice_{each.value}" for each in SEGMENTS} <= set(figures)
    artefact = open_unsealed(made)
    assert artefact.manifest.parity <= 1e-5
    assert load_predictor(artefact).verify_examples() <= 1e-5
    of_held_out = split(load(phantoms, IMAGES), 0)[1]
    kept = learnt(artefact)
    assert kept is not None
    assert len(kept) == len(IMAGES) * (PATIENTS - HELD_OUT)
    assert kept.isdisjoint(each for exam in of_held_out for each in exam.fingerprints())

    store = MlflowStore(Home(tmp_path / "site"))
    (run,) = store.client.search_runs([store.experiment("segmentation")])
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert f"--run-id {run.info.run_id}" in capsys.readouterr().err
    assert run.data.metrics == pytest.approx({**artefact.manifest.metrics, "loss": run.data.metrics["loss"]})
    assert run.data.params["data_hash"] == run.data.tags["data_hash"] == artefact.manifest.data_hash
    assert run.data.params["code_version"] == artefact.manifest.code_version
    assert run.data.params["images"] == "['flair', 't1c']"
    files = {
        each.path
        for folder in (None, "model")
        for each in store.client.list_artifacts(run.info.run_id, folder)
    }
    assert files >= {"card.md", "model/model.onnx", "model/manifest.json", "model/learnt.json"}

    assert main(["evaluate", "segmentation", "--data", str(phantoms), "--model", str(made)]) == 0
    assert f"{HELD_OUT} exams of {HELD_OUT} patients it has not learnt from" in capsys.readouterr().out
    patient = phantoms / "phantom-0001"
    asked = ["--input", str(patient / "flair.nii.gz"), str(patient / "t1c.nii.gz")]
    command = ["predict", "segmentation", "--model", str(made), "--output", str(tmp_path / "map.nii.gz")]
    assert main([*command, *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["volumes_cm3"]) == {each.value for each in SEGMENTS}
    assert (tmp_path / "map.nii.gz").exists()
    assert main([*command, *asked[:2]]) == 2


@pytest.mark.timeout(300)  # TensorFlow is imported
def test_it_is_trained_anew_with_what_readers_confirmed_and_becomes_the_challenger(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path / "site"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    from ml.segmentation.network import Options  # noqa: PLC0415 - TensorFlow takes seconds

    monkeypatch.setattr("ml.segmentation.retraining.Options", lambda: Options(epochs=1))
    home = Home(tmp_path / "site")
    store = MlflowStore(home)
    swapped = write_toy_unet(tmp_path / "champion", images=IMAGES[::-1])
    champion = register(home, store, swapped.folder, "champion", None)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "segmentation").symlink_to(phantoms)
    write_phantoms(tmp_path / "seen", 1, seed=6)
    (seen,) = load(tmp_path / "seen", IMAGES)
    work = tmp_path / "work"
    corrections = confirmed(seen, work)

    def order(at_least: int) -> Order:
        return Order("segmentation", tmp_path / "data", corrections, at_least, work, "again")

    with pytest.raises(CorrectionsError, match="2 opinions, at least 3"):
        retrain(order(3), home, store, print)
    assert len(store.versions("segmentation")) == 1
    told = list[float]()
    made = retrain(order(2), home, store, told.append)
    assert told == sorted(told)
    assert dict(store.aliases("segmentation")) == {"champion": champion.version, "challenger": made.version}
    parameters = store.client.get_run(made.run).data.params
    assert parameters["images"] == "['t1c', 'flair']", "as its champion is shown"
    assert parameters["parent_version"] == str(champion.version)
    assert (parameters["feedback_opinions"], parameters["feedback_unusable"]) == ("2", "1")
    artefact = open_unsealed(work / "made" / "artefact")
    kept = learnt(artefact)
    assert kept is not None
    assert kept.issuperset(seen.fingerprints())
    assert "1 inputs that readers of this site confirmed" in artefact.read("card.md").decode()
    again = retrain(order(2), home, store, told.append)
    assert (again.version, len(store.versions("segmentation"))) == (made.version, 2), "registered once"


@pytest.mark.may_skip  # minutes, spent in the long run alone
@pytest.mark.skipif(not SOAK, reason="a process that imports TensorFlow is killed, and another begins anew")
@pytest.mark.soak
def test_a_training_that_is_killed_leaves_nothing_registered_and_the_next_one_goes_on(
    phantoms: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "segmentation").symlink_to(phantoms)
    home, work = Home(tmp_path / "site"), tmp_path / "work"
    command = [
        *(sys.executable, "-m", "ml", "retrain", "segmentation", "--json", "--home", str(home.folder)),
        *("--data", str(tmp_path / "data"), "--folder", str(work)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["progress"] < 0.3:
            pass
        process.kill()
    store = MlflowStore(home)
    assert store.versions("segmentation") == []
    assert not (work / "made").exists()
    order = Order("segmentation", tmp_path / "data", None, 1, work, "again")
    made = TrainingProcess(home).train(order, lambda _: None)
    assert dict(store.aliases("segmentation")) == {"challenger": made.version}


def confirmed(exam: Exam, folder: Path) -> Path:
    """Write that two readers call an exam's map right, and that one disagrees."""
    keys = {each: hashlib.sha256(each.read_bytes()).hexdigest() for each in (*exam.images, exam.labels)}
    (folder / VOLUMES).mkdir(parents=True)
    for path, key in keys.items():
        (folder / VOLUMES / key).write_bytes(path.read_bytes())
    images = dict(zip(IMAGES, (keys[each] for each in exam.images), strict=True))
    right = {"family": "segmentation", "label": keys[exam.labels], "images": images}
    lines = [right | {"reader": "a"}, right | {"reader": "b"}, right | {"reader": "c", "label": None}]
    path = folder / "corrections.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return path
