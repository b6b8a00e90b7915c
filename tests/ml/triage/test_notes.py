"""A nurse's note: values in the table's units with the words they were read from, and the complaint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.triage.features import read
from ml.triage.notes import read_note

FRENCH = (
    "Homme de 62 ans, consulte pour douleur thoracique constrictive depuis 2 h. TA 14/9, FC 98, FR 18,"
    " SpO2 96 % AA, T 37,2 °C, EN 7/10, GCS 15, dextro 1,12 g/l. ATCD : HTA, diabète."
)
ENGLISH = (
    "78 yo M presents with shortness of breath for 3 days. BP 150/90, HR 112, RR 28, temp 101 F,"
    " O2 sat 88%, GCS 14, glucose 180 mg/dl"
)


def test_a_french_note_is_read_whole() -> None:
    reading = read_note(FRENCH)
    assert {each.feature: each.value for each in reading.found} == {
        "sexe": "M",
        "age": 62,
        "pression_systolique": 140,
        "pression_diastolique": 90,
        "frequence_cardiaque": 98,
        "frequence_respiratoire": 18,
        "saturation_oxygene": 96,
        "temperature": 37.2,
        "echelle_douleur": 7,
        "glasgow": 15,
        "glycemie": 1.12,
    }
    assert reading.complaint == "douleur thoracique constrictive depuis 2 h"
    assert reading.match.complaint == "douleur_thoracique_sca"


def test_an_english_note_is_read_whole() -> None:
    reading = read_note(ENGLISH)
    values = {each.feature: each.value for each in reading.found}
    assert values["temperature"] == 38.33
    assert values["glycemie"] == 1.8
    assert (values["age"], values["sexe"], values["saturation_oxygene"]) == (78, "M", 88)
    assert reading.match.complaint == "dyspnee_respiratoire"


def test_each_value_tells_the_words_it_was_read_from() -> None:
    for note in (FRENCH, ENGLISH):
        for each in read_note(note).found:
            assert note[each.start : each.end].strip() == each.text


@pytest.mark.parametrize(
    "note, words",
    [
        (
            "M. Jean Dupont, 12 rue des Lilas, 62 ans, douleur dans la poitrine. Dr Martin.",
            "douleur poitrine",
        ),
        ("Homme 62 ans douleur thoracique TA 14/8 FC 96", "douleur thoracique"),
        ("Homme 62 ans, vient pour douleur thoracique, TA 14/8, FC 96", "douleur thoracique"),
        ("pas de douleur thoracique, fièvre chez Paul", "fièvre"),
        ("vient pour Mme Durand, 12 rue des Lilas à Paris, suivie par le Dr Martin, fièvre", "fièvre"),
        ("Mme Durand ne va pas bien", ""),
    ],
)
def test_of_a_note_only_the_words_that_state_the_complaint_are_taken(note: str, words: str) -> None:
    taken = read_note(note).complaint.split()
    assert [each for each in taken if each not in {"dans", "la"}] == words.split()


def test_what_states_a_complaint_is_found_late_in_a_long_note_too() -> None:
    assert read_note("le patient attend ici depuis longtemps " * 100 + "fièvre").complaint == "fièvre"


@pytest.mark.parametrize(
    "note, feature, value",
    [
        ("bébé de 8 mois, fièvre", "age", 0.667),
        ("toux depuis 3 ans", "age", None),
        ("toux depuis 8 mois", "age", None),
        ("6 month old girl with fever", "age", 0.5),
        ("fébrile à 38,6", "temperature", 38.6),
        ("apyrétique, T° 36.8", "temperature", 36.8),
        ("PAS 85, PAD 50", "pression_systolique", 85),
        ("TA 90/130", "pression_systolique", None),
        ("TA imprenable, FC 130", "pression_systolique", None),
        ("glycémie capillaire 5,5 mmol/l", "glycemie", 0.99),
        ("glycémie 22", "glycemie", None),
        ("dextro 22 mmol/l", "glycemie", 3.96),
        ("dextro 110", "glycemie", 1.1),
        ("FC 1300", "frequence_cardiaque", None),
        ("pouls à 88", "frequence_cardiaque", 88),
        ("douleur cotée à 4/10", "echelle_douleur", 4),
        ("Mme D., 34 ans", "sexe", "F"),
        ("F 34 ans", "sexe", "F"),
        ("patient de 40 ans", "sexe", None),
    ],
)
def test_shorthand_is_understood_and_what_is_implausible_left_out(
    note: str, feature: str, value: float | str | None
) -> None:
    found = {each.feature: each.value for each in read_note(note).found}
    assert found.get(feature) == value


@pytest.mark.parametrize(
    "note, left_out",
    [
        (
            "FC 12 T 45 SpO2 30%",
            {"frequence_cardiaque": "FC 12", "temperature": "T 45", "saturation_oxygene": "SpO2 30"},
        ),
        ("dextro 22", {"glycemie": "dextro 22"}),
        ("TA 90/130", {"pression_systolique": "TA 90/130", "pression_diastolique": "TA 90/130"}),
        ("douleur 12/10", {"echelle_douleur": "douleur 12/10"}),
        ("FC 12 puis FC 80", {}),
        ("fièvre depuis 3 jours, tension depuis 3/4 jours", {}),
        ("TA imprenable", {}),
    ],
)
def test_an_impossible_or_ambiguous_number_is_shown_for_somebody_to_look_at_again(
    note: str, left_out: dict[str, str]
) -> None:
    reading = read_note(note)
    assert {each.feature: each.text for each in reading.left_out} == left_out
    assert not {each.feature for each in reading.found} & set(left_out)
    assert all(note[each.start : each.end].strip() == each.text for each in reading.left_out)


@pytest.mark.parametrize(
    "note, pain",
    [
        ("perte de 8 kg en 6 mois", None),
        ("fatigue apparue en 3 jours", None),
        ("chute de 2 m en 10 s", None),
        ("oxygène en 2 litres", None),
        ("EN 6 FC 90", 6),
        ("EN: 6, T 38", 6),
        ("TA 12/8, en 6/10", 6),
        ("EN 7", 7),
    ],
)
def test_a_preposition_is_no_numeric_scale(note: str, pain: float | None) -> None:
    found = {each.feature: each.value for each in read_note(note).found}
    assert found.get("echelle_douleur") == pain


def test_a_duration_is_no_heart_rate() -> None:
    assert not read_note("pain for 2 hr 30 min").found


@pytest.mark.parametrize(
    "note, feature, value",
    [
        ("FR 20 semble gêné", "frequence_respiratoire", 20),
        ("FR 24 min", "frequence_respiratoire", 24),
        ("sat 95 s/ O2", "saturation_oxygene", 95),
        ("FC 90 sec et pâle", "frequence_cardiaque", 90),
        ("HR 90, BP 120/80", "frequence_cardiaque", 90),
        ("EN 7 à la mobilisation", "echelle_douleur", 7),
        ("EN 8 thoracique", "echelle_douleur", 8),
    ],
)
def test_a_vital_sign_is_read_whatever_word_follows(note: str, feature: str, value: float) -> None:
    assert {each.feature: each.value for each in read_note(note).found}.get(feature) == value


@given(st.text("TAFCRSpO2EN:/,. 0123456789\nGCS°anshom", max_size=200))
def test_whatever_a_note_states_can_be_sent(note: str) -> None:
    found = {each.feature: each.value for each in read_note(note).found}
    assert not [each for each in read(found).errors if each.code != "not_below"]
