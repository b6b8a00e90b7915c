"""Reading with edu-ecg's concepts: the same reading, in the other ontology's identifiers."""

from pathlib import Path

import pytest

from ml.language.batch import AnswerReader
from ml.language.concepts import Kind
from ml.language.crosswalk import Crosswalk
from ml.language.foreign import ForeignConcept, ForeignOntology
from ml.language.ontology import Ontology
from ml.language.types import Expression, Polarity
from tests.support.language import the_reader


@pytest.fixture(scope="module")
def reader(shared_data: Path) -> AnswerReader:
    return the_reader(shared_data / "ontology" / "edu-ecg.json")


def noted(reader: AnswerReader, text: str) -> set[str]:
    """Return what is stated, with + or - for its polarity; what is only implied is left out."""
    return {
        ("+" if claim.polarity is Polarity.PRESENT else "-") + claim.concept
        for claim in reader.claims(reader.matcher.match(text))
        if claim.expression is not Expression.IMPLIED
    }


@pytest.mark.parametrize(
    "text, expected",
    [
        ("BAV 2 Mobitz 1, axe normal", {"+BAV_2_MOBITZ_1", "+AXE_NORMAL_DU_QRS"}),
        ("BAV", {"+BLOC_AURICULO_VENTRICULAIRE"}),
        ("BAV 2", {"+BAV"}),
        # A finding in a place is two concepts there.
        ("sus-décalage ST inférieur", {"+COURANT_DE_LESION_SOUS_EPICARDIQUE", "+INFERIEUR"}),
        ("ondes T négatives en antéro-latéral", {"+ONDE_T_NEGATIVE", "+ANTERIEUR", "+LATERAL"}),
        # A denial denies the finding, not the place, and does not climb.
        ("pas de sus-décalage ST inférieur", {"-COURANT_DE_LESION_SOUS_EPICARDIQUE"}),
        ("pas de BAV paroxystique", set()),
        # A number is the concept for its range only, whatever the adjective says (rule 6).
        ("QRS larges à 150 ms", {"+QRS__120_MS"}),
        ("QRS larges", {"+QRS_LARGE"}),
        # An absence that one of the two has a concept for.
        ("pas de trouble de la repolarisation", {"+PAS_D_ANOMALIE_DE_LE_REPOLARISATION"}),
        ("pas d'hypertrophie", {"-HYPERTROPHIE_VENTRICULAIRE"}),
        # What only they have is read by its own names.
        ("effet Chatterjee", {"+EFFET_CHATTERJEE"}),
        ("tachycardie de Coumel", {"+TACHYCARDIE_DE_COUMEL"}),
        # What only we have is told by the nearest wider concept.
        ("flutter ventriculaire", {"+ARYTHMIE_VENTRICULAIRE"}),
        ("tachycardie à QRS larges", {"+TACHYCARDIE", "+QRS_LARGE"}),
    ],
)
def test_a_text_is_told_in_their_concepts(reader: AnswerReader, text: str, expected: set[str]) -> None:
    assert noted(reader, text) == expected


def test_what_stands_for_their_concept_comes_back_as_it(reader: AnswerReader) -> None:
    crosswalk = reader.crosswalk
    assert crosswalk is not None
    known = {each: crosswalk.inward(each) for each in ("BAV_COMPLET", "QT_LONG", "TAMPONNADE", "CONDUCTION")}

    assert known == {
        "BAV_COMPLET": "AV_BLOCK_3",
        "QT_LONG": "QT_PROLONGED",
        "TAMPONNADE": "CARDIAC_TAMPONADE",
        "CONDUCTION": None,
    }
    for ours in ("AV_BLOCK_3", "QT_PROLONGED", "CARDIAC_TAMPONADE"):
        assert crosswalk.inward(crosswalk.outward(ours)[0]) == ours


@pytest.mark.parametrize(
    "fault",
    [
        "PR_COURT.synonyms: 'PR n’est plus court' denies PR_SHORT",
        "POSTERIEUR.synonyms: 'Inférieur' already belongs to INFERIEUR",
        "ESA_MONOMORPHE_ISOLEE.synonyms: 'ESV monomorphe' was set aside by a reviewer",
        (
            "QRS_FINS.synonyms: 'QRS larges (pour l'échappement ventriculaire)' "
            "states QRS_WIDE, which excludes QRS_NARROW"
        ),
    ],
)
def test_the_files_faults_are_listed(reader: AnswerReader, fault: str) -> None:
    assert f"concepts.{fault}" in {str(each) for each in reader.faults}


@pytest.mark.parametrize(
    "text, never",
    [
        ("PR n'est plus court", "+PR_COURT"),
        ("territoire inférieur", "+POSTERIEUR"),
        ("ESV monomorphes", "+ESA_MONOMORPHE_ISOLEE"),
        ("élargissement du QRS", "+BLOC_INTRAVENTRICULAIRE_ASPECIFIQUE"),
    ],
)
def test_a_faulty_name_is_not_believed(reader: AnswerReader, text: str, never: str) -> None:
    assert never not in noted(reader, text)


def test_a_small_ontology_of_strange_concepts_is_read_beside_ours(ontology: Ontology) -> None:
    theirs = ForeignOntology(
        "toy",
        (
            ForeignConcept("ZEBRA", "Onde zébrée", None, ("zébrures",), Kind.SIGN, None),
            ForeignConcept("SINUS", "Rythme sinusal", None, (), Kind.NORMALITY, None),
        ),
        (),
    )
    crosswalk = Crosswalk(ontology, theirs)

    assert crosswalk.inward("SINUS") == "SINUS_RHYTHM"
    assert crosswalk.inward("ZEBRA") == "toy:ZEBRA"
    assert crosswalk.outward("toy:ZEBRA") == ("ZEBRA",)
    assert crosswalk.outward("LBBB") == ()
    assert crosswalk.label("ZEBRA") == "Onde zébrée"
