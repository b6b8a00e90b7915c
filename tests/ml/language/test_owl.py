"""An ontology exported by WebProtégé, read by its labels and restrictions."""

import json
from pathlib import Path

import pytest

from ml.language.batch import answer_reader, read_lines
from ml.language.checking import OntologyError
from ml.language.concepts import Kind, Severity
from ml.language.foreign import ForeignOntology
from ml.language.owl import read_owl

HEAD = (
    '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:owl="http://www.w3.org/2002/07/owl#" xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" '
    'xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
)


def written(folder: Path, body: str) -> Path:
    path = folder / "theirs.owl"
    path.write_text(f"{HEAD}{body}</rdf:RDF>", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def real(shared_data: Path) -> ForeignOntology:
    return read_owl(shared_data / "ontology" / "edu-ecg.owl")


def test_the_real_file_has_the_concepts_its_json_was_made_from(
    real: ForeignOntology, shared_data: Path
) -> None:
    listed = json.loads((shared_data / "ontology" / "edu-ecg.json").read_text(encoding="utf-8"))
    made, ours = set(listed["concepts"]), {each.id for each in real.concepts}

    # The JSON was patched by hand afterwards: thirteen concepts came in, none of these went.
    assert len(made - ours) == 13
    assert ours - made == set()


def test_a_concept_keeps_its_names_parents_requirements_and_weight(real: ForeignOntology) -> None:
    concept = next(each for each in real.concepts if each.id == "BAV_2_MOBITZ_1")

    assert (concept.label, concept.label_en) == ("BAV 2 Mobitz 1", "Mobitz 1 type 2 AV block")
    assert "BAV2M1" in concept.synonyms
    assert concept.parents == ("BAV",)
    assert concept.requires == ("ALLONGEMENT_PROGRESSIF_DE_L_INTERVALLE_PR", "UNE_ONDE_P_BLOQUEE")
    assert (concept.kind, concept.severity) == (Kind.DIAGNOSIS, Severity.MAJOR)
    places = {each.id for each in real.concepts if each.kind is Kind.TERRITORY}
    assert {"ANTERIEUR", "INFERIEUR", "LATERAL"} <= places


def test_texts_are_read_with_it(shared_data: Path) -> None:
    reader = answer_reader(shared_data / "ontology" / "edu-ecg.owl")
    (found,) = read_lines(['{"id": 1, "text": "BBD complet, pas de FA"}'], reader)

    assert [(each["concept"], each["polarity"]) for each in found["claims"]] == [
        ("BLOC_DE_BRANCHE_DROIT_COMPLET", "present"),
        ("FIBRILLATION_ATRIALE", "absent"),
    ]


def test_classes_without_a_label_are_listed_and_the_rest_is_kept(tmp_path: Path) -> None:
    body = (
        '<owl:Class rdf:about="urn:a"><rdfs:label xml:lang="fr">Onde zébrée</rdfs:label>'
        '<skos:altLabel>zébrures</skos:altLabel></owl:Class><owl:Class rdf:about="urn:b"/>'
    )
    found = read_owl(written(tmp_path, body))

    assert [(each.id, each.names) for each in found.concepts] == [
        ("ONDE_ZEBREE", ("Onde zébrée", "zébrures"))
    ]
    assert [str(fault) for fault in found.faults] == ["urn:b: has no label"]


@pytest.mark.parametrize(
    "content",
    [
        "<nonsense",
        f"{HEAD}</rdf:RDF>",
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        "<html><body>no ontology</body></html>",
    ],
)
def test_what_is_no_ontology_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.owl"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(OntologyError):
        answer_reader(path)
