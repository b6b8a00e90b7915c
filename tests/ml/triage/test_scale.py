"""The file of the scale: whole, consistent with the transcription, and checked when it is loaded."""

import copy
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ml.triage.levels import LEVELS, gravity, ktas, most_urgent, read_gravity, urgency
from ml.triage.scale import Scale, ScaleError, load


@pytest.fixture
def document() -> dict[str, Any]:
    text = files("ml.triage").joinpath("data/french.json").read_text(encoding="utf-8")
    return copy.deepcopy(json.loads(text))


def test_it_holds_the_115_complaints_with_levels_modulators_and_both_languages(
    scale: Scale, shared_data: Path
) -> None:
    grid = json.loads((shared_data / "triage" / "french-grid.json").read_text(encoding="utf-8"))["motifs"]
    assert len(scale.complaints) == len(grid) == 115
    for row, complaint in zip(grid, scale.complaints.values(), strict=True):
        assert complaint.median == row["tri_m"]
        transcribed = [level for level in LEVELS if row[f"tri{level.lower()}"]]
        assert [each.level for each in complaint.modulators] == transcribed
        assert complaint.fr
        assert complaint.en


def test_a_text_differs_from_the_transcription_only_where_the_file_says_why(
    document: dict[str, Any], shared_data: Path
) -> None:
    grid = json.loads((shared_data / "triage" / "french-grid.json").read_text(encoding="utf-8"))["motifs"]
    for row, complaint in zip(grid, document["complaints"], strict=True):
        for modulator in complaint["modulators"]:
            said = row[f"tri{modulator['level'].lower()}"].replace("shock index", "indice de choc")
            said = said.replace("'", "’").replace("anormal: ", "anormal\u00a0: ")  # as it is to be set
            assert modulator["fr"] == said or (modulator["transcribed"] == said and modulator["corrected"])


def test_every_limit_of_a_text_is_in_its_condition(document: dict[str, Any]) -> None:
    """One end of a range is enough; how long, how much weight and how much breath a person answers."""
    answered = re.compile(
        r"(?:durée|délai|exposition|perte de poids|hoquet[^(]*\(|DEP|ex) ?[≤≥<>] ?\d+(?:h)?(?: ?h ?30)?"
    )
    same = {
        "20 mmol/l": "3.6 g/l",
        "24 mois": "2 ans",
        "6 mois": "0.5 an",
        "35,2": "35.2",
        "SpO2": "",
        " 4h 30": "",
    }
    for complaint in document["complaints"]:
        for modulator in complaint["modulators"]:
            text = modulator["fr"]
            for said, meant in same.items():
                text = text.replace(said, meant)
            text = answered.sub("", text).replace("2 × âge", "âge").replace("48 heures", "")
            compared = {float(each) for each in re.findall(r"(?<![a-z_\d])\d+(?:\.\d+)?", modulator["when"])}
            for low, high in re.findall(r"(\d+(?:\.\d+)?)(?: ?- ?(\d+))?", text):
                assert compared & {float(each) for each in (low, high) if each}, (complaint["id"], text)


def test_each_level_has_its_colour_and_a_longer_delay(scale: Scale) -> None:
    assert [gravity(level) for level in LEVELS] == ["ROUGE", "ORANGE", "JAUNE", "JAUNE", "VERT", "VERT"]
    assert [scale.delays[level].doctor_minutes for level in LEVELS] == [0, 20, 60, 90, 120, 240]
    assert scale.delays["2"].nurse_minutes == 10


def test_levels_are_compared_by_urgency_and_map_to_the_korean_ones() -> None:
    assert sorted({*LEVELS}, key=urgency) == list(LEVELS)
    assert most_urgent("4", "3B", "3A") == "3A"
    assert [ktas(level) for level in LEVELS] == [1, 2, 3, 3, 4, 5]


def test_the_grey_of_old_data_is_read_as_green() -> None:
    assert read_gravity("gris") == "VERT"
    assert read_gravity(" Orange ") == "ORANGE"
    with pytest.raises(ValueError, match="NOIR"):
        read_gravity("NOIR")


def test_all_faults_of_a_file_are_told_at_once_with_their_places(document: dict[str, Any]) -> None:
    chest = next(each for each in document["complaints"] if each["id"] == "douleur_thoracique_sca")
    chest["median"] = "3"
    chest["modulators"][0]["when"] = "ecg_inconnu | (agitation"
    chest["modulators"][1]["when"] = "ecg_inconnu"
    document["complaints"][1]["modulators"][0]["when"] = "pression_systolique <= 700"
    document["complaints"][2]["modulators"][0]["when"] = "pression <= 70"
    document["complaints"][3]["id"] = document["complaints"][4]["id"]
    document["questions"]["jamais_posee"] = {"fr": "?", "en": "?"}
    document["levels"]["4"]["gravity"] = "GRIS"
    document["complaints"][5].pop("en")
    document["complaints"][66]["stands_for"] = ["rien"]
    with pytest.raises(ScaleError) as error:
        load(document)
    told = "\n".join(error.value.faults)
    for part in (
        "median is not one of",
        "a bracket is not closed",
        "asks the unknown question ecg_inconnu",
        "compares pression_systolique with 700, which it never is",
        "compares the unknown feature pression",
        "is defined twice",
        "questions.jamais_posee is asked by no condition",
        "levels.4 is not VERT",
        "misses en",
        "names the unknown complaint rien",
    ):
        assert part in told


@pytest.mark.parametrize(
    "nothing", [None, [], {}, {"complaints": "x"}, {"complaints": [], "vital_signs": [1]}]
)
def test_what_is_no_scale_is_refused(nothing: object) -> None:
    with pytest.raises(ScaleError):
        load(nothing)
