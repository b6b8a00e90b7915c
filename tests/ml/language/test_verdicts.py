"""What the words right after a number call it, and that a wrong one is told."""

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.normalising import fold
from ml.language.types import FindingKind
from ml.language.verdicts import Verdict, called


@pytest.mark.parametrize(
    "number, words, verdict",
    [
        ("520 ms", ", inférieur au seuil", Verdict.NORMAL),
        ("4,2 s", ", durée courte", Verdict.LOW),
        ("280 ms", ", ce qui est tout à fait physiologique", Verdict.NORMAL),
        ("5 mm", " en V2 V3 V4, donc non significatif", Verdict.NORMAL),
        ("4 mm", " in V2-V4, which is below the threshold", Verdict.NORMAL),
        ("38/min", ", rapide", Verdict.HIGH),
        ("160 ms", ", long QT", None),
        ("160 ms", ", QRS larges", None),
        ("240 ms", ", ce qui n'est pas normal", None),
        ("240 ms", "", None),
    ],
)
def test_only_words_that_speak_of_the_number_are_its_verdict(
    number: str, words: str, verdict: Verdict | None
) -> None:
    found = called(fold(number + words).text, len(number))
    assert (found.verdict if found else None) == verdict


@pytest.mark.parametrize(
    "text",
    [
        "PR à 280 ms, valeur physiologique",
        "PR à 240 ms, ce qui est bien dans les limites de la normale",
        "QTc à 520 ms, inférieur au seuil",
        "QTc 520 ms, non allongé",
        "Rythme sinusal à 130/min, lent",
        "bradycardie sinusale, fréquence ventriculaire rapide à 42/min",
        "pause de 4,2 secondes, durée courte tout à fait physiologique",
        "a 4-second pause, which is short",
        "Sus-décalage du ST de 5 mm en V2 V3 V4, donc inférieur au seuil et non significatif",
        "Sokolow-Lyon à 48 mm, donc abaissé",
        "Cornell à 40 mm, négatif",
        "axe du QRS à -70°, soit une déviation axiale droite",
    ],
)
def test_a_number_called_what_it_is_not_is_told(matcher: EmbeddedMatcher, text: str) -> None:
    kinds = {finding.kind for finding in matcher.match(text).findings}
    assert FindingKind.MEASUREMENT_CONFLICT in kinds
    assert FindingKind.POLARITY_CONFLICT not in kinds


@pytest.mark.parametrize(
    "text",
    [
        "pause de 1,5 s, physiologique",
        "Sous-décalage de 0,5 mm, non significatif",
        "Sus-décalage de 1 mm en V2, non significatif",
        "PR 160 ms, long QT",
        "QTc 410 ms, dans les normes",
        "Cornell à 25 mm",
        "FC 75/min, QRS larges",
    ],
)
def test_a_number_called_what_it_is_is_no_fault(matcher: EmbeddedMatcher, text: str) -> None:
    assert [
        each for each in matcher.match(text).findings if each.kind is FindingKind.MEASUREMENT_CONFLICT
    ] == []
