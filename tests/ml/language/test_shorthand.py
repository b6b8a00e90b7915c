"""Answers as wards write them: telegraphic, abbreviated, without accents, in lists, dictated."""

import json
from pathlib import Path

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.types import Expression

ANSWERS = [
    json.loads(line)
    for line in (Path(__file__).parent / "labels" / "answers-by-hand.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def stated(matcher: EmbeddedMatcher, text: str) -> set[tuple[str, str, str]]:
    """Return what a text states, what it only implies left out."""
    return {
        (claim.concept, claim.polarity.value, claim.certainty.value)
        for claim in matcher.match(text).claims
        if claim.expression is not Expression.IMPLIED and claim.confidence >= 50
    }


def noted(matcher: EmbeddedMatcher, text: str) -> set[str]:
    """Return the concepts that a text affirms."""
    return {concept for concept, polarity, _ in stated(matcher, text) if polarity == "present"}


@pytest.mark.parametrize("answer", ANSWERS, ids=[each["id"] for each in ANSWERS])
def test_a_french_answer_is_read_claim_by_claim(matcher: EmbeddedMatcher, answer: dict[str, object]) -> None:
    expected = {
        (claim["concept"], claim["polarity"], claim["certainty"])
        for claim in answer["claims"]  # type: ignore[attr-defined]
    }

    assert stated(matcher, str(answer["text"])) == expected


@pytest.mark.parametrize(
    "text, concepts",
    [
        ("Sus ST D2 D3 VF", {"ST_ELEVATION_INFERIOR"}),
        ("sus st d2d3vf", {"ST_ELEVATION_INFERIOR"}),
        ("sus ST v1v2v3v4", {"ST_ELEVATION_ANTERIOR"}),
        ("Faire V7V8V9 : sus ST", {"ST_ELEVATION_POSTERIOR"}),
        ("V1-V4: T négatives", {"T_INVERSION_ANTERIOR"}),
        ("sus-décalage V3R V4R", {"ST_ELEVATION_RIGHT"}),
        ("T- en inf", {"T_INVERSION_INFERIOR"}),
    ],
)
def test_leads_are_read_however_they_are_strung(
    matcher: EmbeddedMatcher, text: str, concepts: set[str]
) -> None:
    assert noted(matcher, text) == concepts


def test_a_ventricular_rate_is_no_fibrillation(matcher: EmbeddedMatcher) -> None:
    assert "VENTRICULAR_FIBRILLATION" not in noted(matcher, "flutter, fv 150")
    assert noted(matcher, "FV") == {"VENTRICULAR_FIBRILLATION"}


@pytest.mark.parametrize("text", ["TSV à QRS fins à 190", "échappement à QRS fins à 42"])
def test_a_bare_number_no_qrs_has_is_a_rate(matcher: EmbeddedMatcher, text: str) -> None:
    (measurement,) = matcher.match(text).measurements

    assert measurement.name == "rate"


def test_the_rate_of_the_p_waves_is_the_atria_s(matcher: EmbeddedMatcher) -> None:
    (measurement,) = matcher.match("P à 85/min").measurements

    assert measurement.name == "atrial_rate"


@pytest.mark.parametrize(
    "text", ["Sokolow négatif", "indice de Sokolow sous le seuil", "Sokolow criteria not met"]
)
def test_a_negative_sokolow_denies_the_voltage_criterion(matcher: EmbeddedMatcher, text: str) -> None:
    assert noted(matcher, text) == {"SOKOLOW_NEGATIVE"}


@pytest.mark.parametrize(
    "text",
    ["Second-degree AV block, Mobitz 1", "BAV 2, Mobitz 1", "BAV 2 (Mobitz 1)", "BAV 2 de type Mobitz 1"],
)
def test_a_name_said_more_precisely_is_one_claim(matcher: EmbeddedMatcher, text: str) -> None:
    assert noted(matcher, text) == {"AV_BLOCK_2_MOBITZ_1"}


def test_a_wave_lends_its_word_to_a_second_name(matcher: EmbeddedMatcher) -> None:
    assert noted(matcher, "P positive en DII devant chaque QRS") == {"P_WAVE_NORMAL", "P_BEFORE_EVERY_QRS"}


@pytest.mark.parametrize(
    "text, concept",
    [
        ("onde S élargie, empâtée, en aVL et V6", "SLURRED_S_LATERAL"),
        ("R haute et large, crochetée, de V5 à V6", "BROAD_R_LATERAL"),
        ("very tall R waves in V1", "DOMINANT_R_V1"),
    ],
)
def test_a_wave_is_known_by_its_shape_in_its_leads(matcher: EmbeddedMatcher, text: str, concept: str) -> None:
    assert concept in noted(matcher, text)


def test_seconds_are_no_pronoun(matcher: EmbeddedMatcher) -> None:
    assert "PROGRESSIVE_PR_PROLONGATION" not in noted(matcher, "PR à 0,24 s, allongé")
    assert "PROGRESSIVE_PR_PROLONGATION" in noted(matcher, "Le PR s'allonge progressivement")
