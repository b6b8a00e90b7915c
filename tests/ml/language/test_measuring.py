import pytest

from ml.language.measuring import measure
from ml.language.normalising import fold


def read(text: str) -> list[tuple[str, float, str]]:
    return [
        (each.measurement.name, each.measurement.value, each.measurement.unit) for each in measure(fold(text))
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("FC 45/min", [("rate", 45, "/min")]),
        ("45 bpm", [("rate", 45, "/min")]),
        ("78 battements par minute", [("rate", 78, "/min")]),
        ("heart rate of 72", [("rate", 72, "/min")]),
        ("FC ventriculaire 35", [("rate", 35, "/min")]),
        ("rythme sinusal à 75, PR à 160 ms", [("rate", 75, "/min"), ("pr", 160, "ms")]),
        ("échappement jonctionnel à 40", [("rate", 40, "/min")]),
        ("rythme régulier à 3 mm", []),
        ("sinusal à 2/1", []),
        ("PR à 240 ms", [("pr", 240, "ms")]),
        ("espace PQ de 0,24 s", [("pr", 240, "ms")]),
        ("PR 0.16", [("pr", 160, "ms")]),
        ("QRS = 0,12 sec", [("qrs", 120, "ms")]),
        ("QT 400 ms, QTc 420 ms", [("qt", 400, "ms"), ("qtc", 420, "ms")]),
        ("QT corrigé à 470", [("qtc", 470, "ms")]),
        ("PR 5 carreaux", [("pr", 200, "ms")]),
        ("PR à 6 petits carreaux", [("pr", 240, "ms")]),
        ("PR of one and a half, QRS 2 small squares", [("qrs", 80, "ms")]),
        ("PR 1 grand carreau", [("pr", 200, "ms")]),
        ("bav1 a 210", [("pr", 210, "ms")]),
        ("BAV 1 à 75", []),
        ("tachycardie sinusale à 115", [("rate", 115, "/min")]),
        ("Sinus tach 120", [("rate", 120, "/min")]),
        ("AF with RVR 140", [("rate", 140, "/min")]),
        ("tachycardie sur 12 dérivations", []),
        ("tachycardie 16 complexes", []),
        ("FC 300/nombre de carreaux, soit 75", [("rate", 75, "/min")]),
        ("HR = 300 / 5 large squares = 60", [("rate", 60, "/min")]),
        ("axe à −45°", [("axis", -45, "°")]),
        ("axe du QRS à +120°", [("axis", 120, "°")]),
        ("indice de Sokolow mesuré à 42 mm", [("sokolow", 42, "mm")]),
        ("Sokolow 4,2 mV", [("sokolow", 42, "mm")]),
        ("onde P de 130 ms", [("p_duration", 130, "ms")]),
        ("activité atriale régulière autour de 270/min", [("atrial_rate", 270, "/min")]),
        ("PR 160 ms, QRS 90 ms, 75/min", [("pr", 160, "ms"), ("qrs", 90, "ms"), ("rate", 75, "/min")]),
    ],
)
def test_numbers_are_read_with_their_name_and_one_unit(
    text: str, expected: list[tuple[str, float, str]]
) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text", ["", "BAV 2", "V1-V6", "patient de 72 ans", "PR 3 ms", "axe gauche, 60", "QRS 9999"]
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert read(text) == []


def test_a_range_is_interpreted_at_both_ends() -> None:
    (measured,) = measure(fold("entre deux, 150-200 bpm"))

    assert (measured.low, measured.high) == (150, 200)


def test_a_bound_lies_beyond_its_number() -> None:
    (above,) = measure(fold("PR > 200 ms"))
    (below,) = measure(fold("QRS < 120 ms"))

    assert above.low > 200
    assert below.high < 120
