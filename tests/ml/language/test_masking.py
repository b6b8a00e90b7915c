"""Whom a text is about never shows; what the ECG is described with always does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.language.masking import Masker
from ml.language.ontology import Ontology
from tests.support.growth import grows_linearly
from tests.support.language import the_ontology


@pytest.fixture(scope="module")
def masker(ontology: Ontology) -> Masker:
    return made(ontology)


def made(ontology: Ontology) -> Masker:
    return Masker(name for each in ontology.concepts for name in (*each.names("fr"), *each.names("en")))


@pytest.mark.parametrize(
    "text, private",
    [
        ("M. Untel présente une FA, Untel est stable", ["Untel"]),
        ("Mme Marie-Claude de La Tour, BAV 1", ["Marie", "Claude", "Tour"]),
        ("mme martin présente un BBG", ["martin"]),
        ("Madame Petit a une onde Q", ["Petit"]),
        ("MME BERNARD BAV 1", ["BERNARD"]),
        ("Dr Lefèvre : Wellens", ["Lefèvre"]),
        ("vu par le Pr Martin", ["Martin"]),
        ("Patient Jean DURAND, 72 ans", ["Jean", "DURAND"]),
        ("patiente J. P. Bernard", ["J.", "Bernard"]),
        ("Patient A. présente une FA", ["A."]),
        ("Patient A. BAV 1", ["A."]),
        ("Mr A. Fib", ["A.", "Fib"]),
        ("Patient Untel. Vu le soir, l'état de 'Untel' et -Untel", ["Untel"]),
        ("Jean de la Tour, 72 ans", ["Jean", "Tour"]),
        ("nom : Jean-Paul1 Untel", ["Jean"]),
        ("Jean Dupont, 72 ans, rythme sinusal", ["Jean", "Dupont"]),
        ("Nom : LEROY Prénom : Ana", ["LEROY", "Ana"]),
        ("Mr Smith was seen by Dr O'Brien", ["Smith", "Brien"]),
        ("né le 12/03/1954", ["12/03/1954"]),
        ("née le 12 mars 1954", ["12 mars", "1954"]),
        ("born March 12, 1954", ["March", "1954"]),
        ("DDN 1954-03-12", ["1954"]),
        ("né en 1954", ["1954"]),
        ("tél. 06 12 34 56 78", ["06 12", "56 78"]),
        ("tel +33 6 12 34 56 78", ["12 34", "56 78"]),
        ("0612345678", ["0612"]),
        ("ecrire à jean.untel@chu.example", ["jean.untel", "chu.example"]),
        ("NIR 2 54 03 75 116 005 42", ["254", "75 116"]),
        ("254037511600542", ["2540"]),
        ("IPP 80012345, NIP : 4512, IEP n° 99881", ["80012345", "4512", "99881"]),
        ("dossier n° A12-345, chambre 312", ["A12-345", "312"]),
        ("MRN: 12345", ["12345"]),
        ("12 bis rue de la Paix, 75002 Paris", ["12 bis", "Paix", "75002", "Paris"]),
        ("12 Baker Street", ["Baker"]),
    ],
)
def test_names_and_identifiers_are_masked(masker: Masker, text: str, private: list[str]) -> None:
    masked = masker.mask(text)
    assert len(masked) == len(text)
    assert [each for each in private if each in masked] == []


@pytest.mark.parametrize(
    "text",
    [
        "BAV 2 Mobitz 2, Wellens type A, Brugada, Sokolow 42 mm, Cabrera, Lown IVb, Wolff-Parkinson-White",
        "Patient A. fib, patient a. fib",
        "Patient Bradycarde, PATIENT EN FA, patiente asymptomatique",
        "patient porteur d'un syndrome de Brugada, patient Brugada",
        "Monsieur âgé de 72 ans, madame a une FA",
        "PR 240 ms. Pr allongé, PR Allongé. QRS 0,12 s. Axe à -45°",
        "aspect en M. Bloc de branche gauche, V1-V4",
        "FC 45/min, BAV 2/1, conduction 3:1, QTc 520 ms, 25 mm/s 10 mm/mV, 300-150-100",
        "Rythme sinusal 75 bpm. Axe Normal, 60 ans. D1 D2 D3 aVR, S1Q3",
        "ESV 3 / min, salve de 12 complexes, Sgarbossa 5 points, critères de Vereckei",
        "Patient with Wenckebach, Bazett 480 ms, Fridericia 460 ms",
    ],
)
def test_what_an_ecg_is_described_with_is_left_alone(masker: Masker, text: str) -> None:
    assert masker.mask(text) == text


def test_no_name_of_a_concept_is_masked(masker: Masker, ontology: Ontology) -> None:
    names = [name for each in ontology.concepts for name in (*each.names("fr"), *each.names("en"))]
    assert [name for name in names if masker.mask(name) != name] == []
    told = [f"Patient {name[0].upper()}{name[1:]}" for name in names]
    assert [text for text in told if masker.mask(text) != text] == []


MASKER = made(the_ontology())


PIECES = ["M. ", "Mme ", "Untel", " D'", "06 ", "12", "né ", "-", " rue ", "75002", "Pr", " patient "]


@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES)).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_keeps_its_length_and_every_character_that_is_not_masked(text: str) -> None:
    masked = MASKER.mask(text)
    assert len(masked) == len(text)
    assert all(after in {before, "_"} for before, after in zip(text, masked, strict=True))


PIECES_OF_LONG_TEXTS = [
    *("M. ", "0 ", "a.", "Aa ", "1/", "+3 ", "'’-", "Mme A ", "12 rue ", "x@", "n°", "id-", "lit/", "de "),
    *(
        "la",
        "Mme la ",
        "a 1 ",
        "Dr",
        "a, ",
        "nom:",
        "1 mars ",
        "75002 A-",
        "12 bis ",
        "A'a-",
        "00(1)",
        "www.",
    ),
]


@pytest.mark.parametrize("end", ["1", " 72"])
@pytest.mark.parametrize(
    "start, piece",
    [
        *(("", piece) for piece in PIECES_OF_LONG_TEXTS),
        *(("", "a"), ("", "a-"), ("", "é’"), ("", "1"), ("", "\n")),
        *((start, " ") for start in ("Dr", "patient", "a a", "IPP", "12", "1 mars", "M", "12 rue", "75002")),
        *((start, "la") for start in ("a ", "Mme ", "patient ")),
    ],
)
def test_masking_takes_as_long_as_the_text_is_whatever_its_shape(
    masker: Masker, start: str, piece: str, end: str
) -> None:
    def mask(size: int) -> None:
        text = (start + piece * size)[: size - len(end)] + end
        assert len(masker.mask(text)) == size

    assert grows_linearly(mask, 20_000)
