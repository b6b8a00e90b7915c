"""The figures by hand, the command's output, and what `--require` does of a missed aim."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.triage.evaluation import Aims, Report
from ml.triage.metrics import (
    accuracy,
    calibration_error,
    confusion,
    coverage,
    debiased_calibration_error,
    emergencies_missed,
    macro,
    over_triage,
    under_triage,
    very_urgent_recall,
    weighted_kappa,
)

EXPERT = np.array([1, 2, 2, 3, 3, 3, 4, 4, 5, 5])
SAID = np.array([2, 2, 4, 3, 4, 2, 4, 3, 5, 4])


def test_the_figures_of_ten_visits_are_those_worked_out_by_hand() -> None:
    assert accuracy(EXPERT, SAID) == 0.4
    assert under_triage(EXPERT, SAID) == 0.3
    assert over_triage(EXPERT, SAID) == 0.3
    assert emergencies_missed(EXPERT, SAID) == pytest.approx(2 / 6)
    assert very_urgent_recall(EXPERT, SAID) == pytest.approx(2 / 3)
    assert confusion(EXPERT, SAID)[2].tolist() == [0, 1, 1, 1, 0]
    precision, recall, f1 = macro(EXPERT, SAID)
    assert precision == pytest.approx((0 + 1 / 3 + 1 / 2 + 1 / 4 + 1) / 5)
    assert recall == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2 + 1 / 2) / 5)
    assert f1 == pytest.approx((0 + 2 / 5 + 2 / 5 + 2 / 6 + 2 / 3) / 5)


def test_kappa_is_1_when_all_agree_0_by_chance_and_weighs_by_the_square() -> None:
    assert weighted_kappa(EXPERT, EXPERT) == 1
    half = np.array([1, 1, 5, 5])
    assert weighted_kappa(half, np.array([1, 5, 1, 5])) == 0
    # observed 9 squared steps of 10 visits; expected from the margins by hand
    margins = [(expert - said) ** 2 for expert in EXPERT for said in SAID]
    assert weighted_kappa(EXPERT, SAID) == pytest.approx(1 - 9 / (sum(margins) / 10))


def test_nobody_is_missed_where_there_is_no_emergency() -> None:
    assert emergencies_missed(np.array([4, 5]), np.array([5, 5])) == 0
    assert very_urgent_recall(np.array([4, 5]), np.array([5, 5])) == 1


def test_the_calibration_error_is_the_mean_gap_of_bins_of_equal_mass() -> None:
    confidence = np.repeat(np.linspace(0.05, 0.95, 10), 20)
    perfect = np.concatenate([np.arange(20) < round(20 * each) for each in np.linspace(0.05, 0.95, 10)])
    assert calibration_error(perfect, confidence) == pytest.approx(0)
    assert calibration_error(np.ones(200, np.bool_), confidence) == pytest.approx(0.5)
    assert debiased_calibration_error(perfect, confidence) == 0
    assert debiased_calibration_error(np.ones(200, np.bool_), confidence) > 0.5


def test_coverage_counts_the_sets_with_the_experts_level() -> None:
    sets = np.zeros((2, 5), np.bool_)
    sets[0, 2] = True
    assert coverage(np.array([3, 4]), sets) == 0.5


def test_a_report_tells_each_aim_it_misses_in_a_sentence(report: Report) -> None:
    hard = Aims(emergencies_missed=0.0, over_triage=-1, weighted_kappa=1.1, calibration_error=-1)
    told = replace(report, aims=hard).missed()
    assert [each.split(":")[0] for each in told] == ["emergencies missed", "over-triage", "QWK", "ECE"]
    easy = Aims(emergencies_missed=1.1, over_triage=1, weighted_kappa=-1, calibration_error=1)
    assert replace(report, aims=easy).missed() == []


def test_combined_with_the_scale_fewer_emergencies_are_missed_and_none_is_lowered(report: Report) -> None:
    assert report.combined.emergencies_missed <= report.decision.emergencies_missed
    assert report.combined.under_triage <= min(report.decision.under_triage, 1)


def test_cross_validation_prints_its_folds_and_require_fails_where_an_aim_is_missed(
    visits_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    command = ["evaluate", "triage", "--data", str(visits_file), "--n-estimators", "1", "--max-depth", "1"]
    assert main([*command, "--json", str(figures), "--require"]) == 1
    told = capsys.readouterr()
    assert "accuracy by fold" in told.out
    assert "aim" in told.err
    assert "cv_accuracy_mean" in json.loads(figures.read_text(encoding="utf-8"))


def test_a_file_without_visits_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a;b\n", encoding="utf-8")
    assert main(["evaluate", "triage", "--data", str(path)]) == 2
    assert main(["train", "triage", "--data", str(path), "--output", str(tmp_path / "m")]) == 2
    assert "misses the columns" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--max-depth", "7"], ["--n-estimators", "0"], ["--max-depth", "x"]])
def test_options_out_of_range_are_refused(visits_file: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "triage", "--data", str(visits_file), *wrong])
