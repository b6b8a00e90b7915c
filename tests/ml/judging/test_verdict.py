"""Whether a challenger may take the champion's place: each condition at its limit, and what was learnt."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.beats.comparing import compare as compare_beats
from ml.beats.synthetic import write_synthetic
from ml.judging.learnt import LEARNT, learnt, of_record
from ml.judging.paired import Measure, macro_f1
from ml.judging.verdict import Answered, Check, enough, judge, unseen
from ml.registry.artefact import Artefact
from ml.registry.manifest import ArtefactError
from ml.registry.shipped import shipped
from ml.triage.comparing import compare, costs
from ml.triage.dataset import Dataset, load
from ml.triage.evaluation import score
from ml.triage.packaging import package
from tests.support.models import write_toy
from tests.support.triage import quickly_learnt, written

MEASURE = Measure("macro_f1", macro_f1, 0.01)
TRUTH = np.repeat([0, 1], 500)


def answered(said: object, *, confidence: float = 1.0, seconds: float = 1.0) -> Answered:
    places = np.asarray(said)
    return Answered(places, places, np.full(len(places), confidence), seconds)


def verdict(champion: Answered, challenger: Answered) -> dict[str, Check]:
    found = judge(MEASURE, ("a", "b"), TRUTH, np.arange(1_000), champion, challenger)
    return {f"{each.name} {each.of or ''}".strip(): each for each in found}


def test_the_same_answers_pass_every_condition() -> None:
    checks = verdict(answered(TRUTH), answered(TRUTH))
    assert list(checks) == ["macro_f1", "recall a", "recall b", "ece", "latency_ms"]
    assert all(each.passed for each in checks.values())
    assert checks["recall b"].support == 500


@pytest.mark.parametrize("lost, passes", [(5, True), (6, False)])
def test_no_class_may_be_found_more_than_a_point_less_often(lost: int, *, passes: bool) -> None:
    said = TRUTH.copy()
    said[:lost] = 1
    check = verdict(answered(TRUTH), answered(said))["recall a"]
    assert check.value == pytest.approx(-lost / 500)
    assert check.passed is passes


@pytest.mark.parametrize("confidence, passes", [(0.99, True), (0.985, False)])
def test_the_calibration_may_be_worse_by_a_hundredth(confidence: float, *, passes: bool) -> None:
    check = verdict(answered(TRUTH), answered(TRUTH, confidence=confidence))["ece"]
    assert check.passed is passes


@pytest.mark.parametrize("seconds, passes", [(1.2, True), (1.21, False)])
def test_it_may_take_a_fifth_longer(seconds: float, *, passes: bool) -> None:
    check = verdict(answered(TRUTH), answered(TRUTH, seconds=seconds))["latency_ms"]
    assert (check.champion, check.passed) == (1.0, passes)


def test_a_challenger_that_is_equal_but_not_surely_so_is_not_non_inferior() -> None:
    champion, challenger = TRUTH.copy(), TRUTH.copy()
    champion[:250] = 1
    challenger[250:500] = 1
    check = verdict(answered(champion), answered(challenger))["macro_f1"]
    assert check.champion == check.challenger
    assert not check.passed


def test_two_hundred_examples_of_ten_patients_are_enough() -> None:
    assert enough(np.zeros(200, np.int64), np.arange(200) % 10)
    assert not enough(np.zeros(199, np.int64), np.arange(199))
    assert not enough(np.zeros(2_000, np.int64), np.arange(2_000) % 9)


def test_what_answers_of_triage_cost_is_what_the_model_weighs_them_with() -> None:
    cost = costs()
    assert (cost.diagonal() == 0).all()
    assert cost[2, 3] == 5, "an emergency missed"
    assert cost[0, 4] == 1 + 2 + 5 + 1
    assert cost[4, 2] == 2, "two steps too urgent"


@dataclass(frozen=True)
class Triage:
    """A file of visits, two models that learnt from its first 150, and one that learnt nothing of use."""

    file: Path
    champion: Artefact
    worse: Artefact


@pytest.fixture(scope="module")
def triage(tmp_path_factory: pytest.TempPathFactory) -> Triage:
    folder = tmp_path_factory.mktemp("comparing")
    first = load(written(folder))
    shuffled = np.random.default_rng(0).permutation(len(first.levels))
    confused = Dataset(first.visits, tuple(first.levels[at] for at in shuffled), {})
    made = []
    for name, data in (("champion", first), ("worse", confused)):
        model = quickly_learnt(data)
        made.append(package(model, data, score(data, model.model), folder / name))
    return Triage(written(folder, 450), *made)


def test_a_version_is_judged_on_the_visits_that_neither_has_learnt_from(triage: Triage) -> None:
    found = compare(triage.champion, triage.champion, triage.file)
    assert (found.examples, found.left_out, found.assumed) == (300, 150, False)
    assert found.incomparable is None
    by_name = {each.name: each for each in found.checks}
    assert by_name["clinical_cost"].value == 0
    assert by_name["ece"].value == 0
    assert [each.of for each in found.checks if each.name == "recall"] == [f"KTAS {at}" for at in range(1, 6)]


def test_a_version_that_learnt_nothing_of_use_does_not_pass(triage: Triage) -> None:
    found = compare(triage.champion, triage.worse, triage.file)
    assert not found.passed
    assert not found.checks[0].passed
    assert found.document()["passed"] is False
    assert "may not be promoted" in found.text()


def test_without_visits_that_are_new_to_both_nothing_is_said(triage: Triage, tmp_path: Path) -> None:
    assert compare(triage.champion, triage.champion, written(tmp_path)).incomparable == "all_learnt"
    few = compare(triage.champion, triage.champion, written(tmp_path, 300))
    assert (few.incomparable, few.examples, few.checks) == ("too_few", 150, ())
    assert not few.passed


def test_of_a_version_that_keeps_no_list_somebody_must_vouch(triage: Triage, tmp_path: Path) -> None:
    silent = write_toy(tmp_path / "silent")
    assert unseen(triage.champion, silent, ["a"], "").incomparable == "learnt_unknown"
    vouched = unseen(triage.champion, silent, ["a"], "", assume=True)
    assert (vouched.places.tolist(), vouched.assumed) == ([0], True)
    same = unseen(triage.champion, silent, ["a"], silent.manifest.data_hash)
    assert same.incomparable == "all_learnt", "it was trained on the very same data"


def test_what_the_shipped_versions_learnt_from_is_known() -> None:
    for family in ("triage", "beats"):
        version = shipped(family)
        assert version is not None
        assert len(learnt(version) or ()) > 500, f"nobody kept what {family} learnt from"


def test_a_list_that_names_nothing_is_refused(tmp_path: Path) -> None:
    version = shipped("triage")
    assert version is not None
    (tmp_path / "learnt").mkdir()
    (tmp_path / "learnt" / f"{version.digest}.json").write_text('{"seen": []}', encoding="utf-8")
    with pytest.raises(ArtefactError, match=LEARNT):
        learnt(version, tmp_path)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    write_synthetic(folder, 48 * 12, 3)
    return folder


def test_beats_are_judged_patient_by_patient(records: Path, tmp_path: Path) -> None:
    champion, challenger = (write_toy(tmp_path / str(seed), seed) for seed in range(2))
    assert compare_beats(champion, challenger, records).incomparable == "learnt_unknown"
    found = compare_beats(champion, challenger, records, assume=True)
    patients = 47  # 201 and 202 are of one man
    assert (found.examples, found.clusters, found.assumed) == (48 * 12, patients, True)
    assert [each.name for each in found.checks] == ["macro_f1", *["recall"] * 5, "ece", "latency_ms"]


def test_a_record_is_told_again_by_its_signals(records: Path) -> None:
    assert len({of_record(path) for path in records.glob("*.dat")}) == 48


def test_the_command_prints_a_table_for_people_and_one_line_for_the_program(
    triage: Triage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--champion", str(triage.champion.folder), "--challenger", str(triage.worse.folder)]
    written_to = tmp_path / "verdict.json"
    told = ["--data", str(triage.file), "--require", "--json", str(written_to)]
    assert main(["compare", "triage", *folders, *told]) == 1
    assert "clinical_cost" in capsys.readouterr().out
    assert json.loads(written_to.read_text())["passed"] is False
    assert main(["compare", "triage", *folders, "--data", str(tmp_path / "missing"), "--json-only"]) == 0
    assert json.loads(capsys.readouterr().out)["incomparable"] == "no_data"
    assert main(["compare", "triage", "--champion", str(tmp_path), "--json-only"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "failed"
