"""Reading a visit: what is wrong is told beside its field, what is missing is imputed and said."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.triage.features import BY_NAME, COMPLAINT, FEATURES, IMPORTANT, PROBLEMS, REQUIRED, read

WHOLE: dict[str, object] = {
    "age": 60,
    "sexe": "F",
    "frequence_cardiaque": 82,
    "pression_systolique": 124,
    "pression_diastolique": 78,
    "frequence_respiratoire": 16,
    "temperature": 37.2,
    "saturation_oxygene": 98,
    "echelle_douleur": 2,
    "glasgow": 15,
    "glycemie": 1.0,
    COMPLAINT: "toux",
}


def test_the_table_is_the_one_that_was_agreed() -> None:
    assert REQUIRED == (
        "age",
        "sexe",
        "frequence_cardiaque",
        "pression_systolique",
        "pression_diastolique",
        "frequence_respiratoire",
        "temperature",
        "saturation_oxygene",
    )
    assert IMPORTANT == ("echelle_douleur", "glasgow")
    assert BY_NAME["age"].default == 45
    assert BY_NAME["frequence_cardiaque"].default == 80
    assert BY_NAME["glycemie"].default == 1.0
    assert BY_NAME["glasgow"].default == 15
    assert all(each.low <= each.default <= each.high for each in FEATURES)


def test_a_whole_visit_is_of_high_quality_and_misses_nothing() -> None:
    reading = read(WHOLE)
    assert not reading.errors
    assert reading.visit.quality() == "high"
    assert reading.visit.missing() == ()


@pytest.mark.parametrize(
    "field, sent, code, values",
    [
        ("age", -3, "out_of_range", ("-3", "0", "120", "ans")),
        ("age", "soixante", "not_a_number", ("soixante",)),
        ("age", True, "not_a_number", ("True",)),
        ("age", math.nan, "not_a_number", ("nan",)),
        ("age", [60], "not_a_number", ("[60]",)),
        ("frequence_cardiaque", "rapide", "not_a_number", ("rapide",)),
        ("frequence_cardiaque", "1 200", "not_a_number", ("1 200",)),
        ("temperature", 98.6, "other_unit", ("98.6", "°F", "°C", "37")),
        ("temperature", "98,6 °F", "other_unit", ("98.6", "°F", "°C", "37")),
        ("temperature", "310 K", "not_a_number", ("310 K",)),
        ("temperature", 60, "out_of_range", ("60", "20", "44", "°C")),
        ("glycemie", 110, "other_unit", ("110", "mg/dl", "g/l", "1.1")),
        ("glycemie", 84, "other_unit", ("84", "mg/dl", "g/l", "0.84")),
        ("glycemie", 22, "out_of_range", ("22", "0.1", "15", "g/l")),
        ("glycemie", "5,5 mmol/l", "other_unit", ("5.5", "mmol/l", "g/l", "0.99")),
        ("pression_systolique", "12", "other_unit", ("12", "cmHg", "mmHg", "120")),
        ("saturation_oxygene", 0.97, "other_unit", ("0.97", "fraction", "%", "97")),
        ("glasgow", 14.5, "not_whole", ("14.5",)),
        ("glasgow", 2, "out_of_range", ("2", "3", "15", "/15")),
        ("sexe", "X", "not_a_sex", ("X",)),
        ("pression_diastolique", 130, "not_below", ("130", "124")),
        (COMPLAINT, 12, "not_text", ()),
        (COMPLAINT, "a" * 2000, "too_long", ("1000",)),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(
    field: str, sent: object, code: str, values: tuple[str, ...]
) -> None:
    (error,) = read({**WHOLE, field: sent}).errors
    assert (error.field, error.code, error.values) == (field, code, values)
    assert error.text()


@pytest.mark.parametrize(
    "field, sent, value",
    [
        ("temperature", "38,5", 38.5),
        ("temperature", " 38.5 °C ", 38.5),
        ("glycemie", "1,2 g/l", 1.2),
        ("age", "0,25", 0.25),
        ("sexe", "Homme", 0.0),
        ("sexe", "f", 1.0),
        ("saturation_oxygene", "97 %", 97.0),
    ],
)
def test_decimal_commas_and_the_own_unit_are_read(field: str, sent: object, value: float) -> None:
    reading = read({**WHOLE, field: sent})
    assert not reading.errors
    assert reading.visit.values[field] == value


def test_every_error_of_a_visit_is_told_at_once() -> None:
    errors = read({**WHOLE, "age": -1, "temperature": "chaud", "glycemie": 110}).errors
    assert [each.field for each in errors] == ["age", "temperature", "glycemie"]


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_what_is_blank_is_missing_imputed_and_said(blank: object) -> None:
    visit = read({**WHOLE, "frequence_cardiaque": blank, COMPLAINT: blank}).visit
    assert visit.missing() == ("frequence_cardiaque", COMPLAINT)
    assert visit.imputed()["frequence_cardiaque"] == 80


@pytest.mark.parametrize(
    "absent, quality",
    [
        (("glycemie",), "high"),
        (("glasgow",), "medium"),
        (("temperature",), "low"),
        (("temperature", "glasgow", "echelle_douleur"), "low"),
        (("temperature", "age", "sexe"), "low"),
        (("temperature", "age", "sexe", "saturation_oxygene"), "insufficient"),
    ],
)
def test_quality_follows_what_is_missing(absent: tuple[str, ...], quality: str) -> None:
    assert (
        read({name: value for name, value in WHOLE.items() if name not in absent}).visit.quality() == quality
    )


def test_answers_to_questions_are_yes_or_no() -> None:
    reading = read(
        {**WHOLE, "purpura": "oui", "agitation": False, "dyspnee": "peut-être"},
        {"purpura", "agitation", "dyspnee"},
    )
    assert reading.visit.answers == {"purpura": True, "agitation": False}
    assert [(each.field, each.code) for each in reading.errors] == [("dyspnee", "not_yes_or_no")]


@given(
    st.dictionaries(
        st.sampled_from([*BY_NAME, COMPLAINT]),
        st.none() | st.text("0123456789,.-+°CFMhg/l mné\x00") | st.floats() | st.integers(),
    )
)
def test_whatever_is_sent_gives_plausible_values_or_errors_with_a_sentence(given: dict[str, object]) -> None:
    reading = read(given)
    assert all(each.code in PROBLEMS and each.text() for each in reading.errors)
    for name, value in reading.visit.values.items():
        assert BY_NAME[name].low <= value <= BY_NAME[name].high
