"""How figures of versions are told: one scale, classes side by side, strangers' names untouched."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.pages.model_figures import LOGGED, told

SHIPPED = Path(__file__).resolve().parents[3] / "ml" / "pretrained"


def shipped(family: str) -> list[dict[str, Any]]:
    logged: dict[str, float] = json.loads((SHIPPED / family / "manifest.json").read_text())["metrics"]
    return [{"name": name, "value": value} for name, value in logged.items()]


def cells(figures: dict[str, Any]) -> list[dict[str, Any]]:
    return [*figures["whole"], *(cell for row in figures["rows"] for cell in row["cells"])]


@pytest.mark.parametrize("family", ["beats", "triage"])
def test_every_figure_of_the_versions_that_come_with_the_program_is_known(family: str) -> None:
    figures = told(family.upper(), shipped(family))
    assert figures["others"] == []
    assert len(cells(figures)) == len(shipped(family))


@pytest.mark.parametrize("family", ["beats", "triage"])
def test_shares_are_told_in_per_cent_whatever_scale_they_were_logged_in(family: str) -> None:
    shares = {each["name"]: each["value"] for each in told(family.upper(), shipped(family))["whole"]}
    assert 70 < shares["accuracy"] < 90
    assert 89 < shares["coverage"] < 91


def test_the_classes_of_beats_are_rows_in_the_order_of_their_family() -> None:
    figures = told("BEATS", shipped("beats"))
    assert figures["columns"] == ["sensitivity", "specificity", "ppv", "f1"]
    assert [row["of"] for row in figures["rows"]] == ["Normal", "LBBB", "RBBB", "APB", "PVC"]
    [of_pvc] = [row["cells"] for row in figures["rows"] if row["of"] == "PVC"]
    assert round(of_pvc[0]["value"], 1) == 93.4


def test_a_part_without_a_distance_keeps_its_row_and_the_other_parts_have_none() -> None:
    figures = told("SEGMENTATION", [{"name": "dice_edema", "value": 0.81}])
    [row] = figures["rows"]
    assert row["of"] == "edema"
    assert [cell["value"] for cell in row["cells"]] == [0.81, None]


@pytest.mark.parametrize("family", list(LOGGED))
def test_names_nobody_here_knows_stay_as_they_are(family: str) -> None:
    figures = told(family, [{"name": "auc_weird", "value": 0.5}])
    assert [(each["name"], each["value"]) for each in figures["others"]] == [("auc_weird", 0.5)]
    assert (figures["whole"], figures["rows"]) == ([], [])
