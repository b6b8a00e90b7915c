"""A challenger of segmentations: held against the champion on patients neither has learnt from."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ml.__main__ import main
from ml.judging.verdict import Check, Verdict
from ml.segmentation.comparing import compare, mean_dice
from ml.segmentation.dataset import IMAGES, load
from ml.segmentation.phantoms import VOXEL_MM, write_phantoms
from ml.segmentation.segments import SEGMENTS
from tests.support.segmentation import write_toy_unet

PATIENTS = 11


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held-out") / "segmentation"
    write_phantoms(folder, PATIENTS, seed=9)
    return folder


@pytest.fixture(scope="module")
def prints(held_out: Path) -> list[tuple[str, ...]]:
    return [each.fingerprints() for each in load(held_out, IMAGES)]


def by_name(verdict: Verdict) -> dict[str, Check]:
    return {f"{each.name} {each.of or ''}".strip(): each for each in verdict.checks}


def test_mean_dice_is_the_mean_of_the_segments_means_over_exams() -> None:
    sums = np.array([[[1.6, 2], [0.5, 2], [2.0, 2]]])
    assert mean_dice(sums) == pytest.approx([(0.8 + 0.25 + 1.0) / 3])


def test_a_version_is_as_good_as_itself_on_every_patient(held_out: Path, tmp_path: Path) -> None:
    same = write_toy_unet(tmp_path / "unet", learnt=())
    found = compare(same, same, held_out)
    assert (found.incomparable, found.examples, found.clusters, found.left_out) == (None, 11, 11, 0)
    checks = by_name(found)
    of_segments = [f"recall {each.value}" for each in SEGMENTS]
    assert list(checks) == ["mean_dice", *of_segments, "ece", "latency_ms"]
    assert all(each.value == 0 and each.passed for name, each in checks.items() if name != "latency_ms")
    assert checks["mean_dice"].support == 11
    truth = sum(int(np.count_nonzero(exam.volumes()[1] == 2)) for exam in load(held_out, IMAGES))
    assert checks["recall edema"].support == truth
    assert truth < checks["ece"].support < 11 * 64 * 64 * 20, "of tumour alone, not of everything"
    assert 0 < checks["ece"].champion < 1


def test_one_that_finds_a_segment_no_more_may_not_be_promoted(held_out: Path, tmp_path: Path) -> None:
    seeing, blind = (
        write_toy_unet(tmp_path / name, blind=name == "blind", learnt=()) for name in ("seeing", "blind")
    )
    checks = by_name(compare(seeing, blind, held_out))
    assert checks["recall enhancing"].champion > 0.5
    assert checks["recall enhancing"].challenger == 0
    assert not checks["recall enhancing"].passed
    assert not checks["mean_dice"].passed
    assert checks["recall edema"].passed
    assert by_name(compare(blind, seeing, held_out))["mean_dice"].passed


def test_drawing_what_is_not_there_costs_as_much_as_missing_it(held_out: Path, tmp_path: Path) -> None:
    none = tmp_path / "healthy"
    shutil.copytree(held_out, none)
    for exam in load(none, IMAGES):
        _, codes = exam.volumes()
        _save(exam.labels, np.where(codes == 3, 0, codes))
    seeing, blind = (
        write_toy_unet(tmp_path / name, blind=name == "blind", learnt=()) for name in ("seeing", "blind")
    )
    checks = by_name(compare(seeing, blind, none))
    assert checks["mean_dice"].value > 0.2
    assert "recall enhancing" not in checks, "there is none to be found"


def test_a_patient_of_whom_either_has_learnt_any_image_is_left_out(
    held_out: Path, prints: list[tuple[str, ...]], tmp_path: Path
) -> None:
    free = write_toy_unet(tmp_path / "free", learnt=())
    learnt = write_toy_unet(tmp_path / "learnt", learnt=prints[0][1:])
    for pair in ((free, learnt), (learnt, free)):
        found = compare(*pair, held_out)
        assert (found.incomparable, found.clusters, found.left_out) == (None, 10, 1)
    two = write_toy_unet(tmp_path / "two", learnt=[*prints[0], *prints[1]])
    assert compare(free, two, held_out).incomparable == "too_few"
    half = write_toy_unet(tmp_path / "half", learnt=[each[0] for each in prints])
    found = compare(free, half, held_out)
    assert (found.incomparable, found.left_out) == ("all_learnt", 11)
    unknown = write_toy_unet(tmp_path / "unknown")
    assert compare(free, unknown, held_out).incomparable == "learnt_unknown"
    assumed = compare(free, unknown, held_out, assume=True)
    assert (assumed.incomparable, assumed.assumed) == (None, True)


def test_the_command_finds_the_sites_held_out_data_and_prints_a_verdict(
    held_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing, blind = (
        write_toy_unet(tmp_path / name, blind=name == "blind", learnt=()) for name in ("seeing", "blind")
    )
    pair = ["--champion", str(seeing.folder), "--challenger", str(blind.folder)]
    monkeypatch.delenv("CHEVET_HELD_OUT", raising=False)
    assert main(["compare", "segmentation", *pair, "--json-only"]) == 0
    assert json.loads(capsys.readouterr().out)["incomparable"] == "no_data"
    monkeypatch.setenv("CHEVET_HELD_OUT", str(held_out.parent))
    assert main(["compare", "segmentation", *pair, "--require"]) == 1
    told = capsys.readouterr().out
    assert "11 examples of 11 patients; 0 left out" in told
    assert "may not be promoted" in told


def _save(path: Path, codes: np.ndarray) -> None:
    affine = np.diag([-VOXEL_MM[0], -VOXEL_MM[1], VOXEL_MM[2], 1.0])
    nib.save(nib.Nifti1Image(codes.astype(np.uint8), affine), path)
