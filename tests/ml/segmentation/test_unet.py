"""The U-Net: who it learns from and is judged on, what it is shown, and that its graph answers as it does."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.registry.artefact import open_unsealed
from ml.segmentation.dataset import DatasetError, load, split
from ml.segmentation.inputs import labels_of, slices_of, unsliced
from ml.segmentation.phantoms import IMAGES, phantom, write_phantoms
from ml.segmentation.predicting import load as load_predictor
from ml.segmentation.reading import Volume
from ml.segmentation.segments import SEGMENTS
from tests.support.volumes import label_map, nifti, save

SOAK = os.environ.get("CHEVET_SOAK") == "1"
PATIENTS, HELD_OUT, THOROUGHLY = (30, 6, ["--require"]) if SOAK else (3, 1, ["--epochs", "1"])
"""Dice above nine tenths on unseen phantoms is asked for in the long run alone."""
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras' weights


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
def test_a_network_is_trained_judged_and_asked_from_the_command_line(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "unet"
    learning = ["train", "segmentation", "--data", str(phantoms), "--output", str(made), *THOROUGHLY]
    assert main([*learning, "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["patients"] == HELD_OUT
    assert {f"dice_{each.value}" for each in SEGMENTS} <= set(figures)
    artefact = open_unsealed(made)
    assert artefact.manifest.parity <= 1e-5
    assert load_predictor(artefact).verify_examples() <= 1e-5
    capsys.readouterr()

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
