import json
from dataclasses import replace

import pytest

from ml.language.checking import OntologyError
from ml.language.concepts import Category, Concept, Kind
from ml.language.documents import concept_document, ontology_document, read_concept
from ml.language.editing import changed, removing, saving
from ml.language.ontology import Ontology, load_ontology, ontology_of


def concept(identifier: str, **relations: tuple[str, ...]) -> Concept:
    made = Concept(identifier, identifier.lower(), f"{identifier} en", Category.RHYTHM, Kind.SIGN)
    return replace(made, **relations)  # type: ignore[arg-type]


@pytest.fixture
def small() -> Ontology:
    excluding = concept("A", excludes=("B",)), concept("B", excludes=("A",))
    return Ontology([*excluding, concept("C", parents=("A",))])


def test_an_ontology_written_down_and_read_again_is_the_same_version() -> None:
    ontology = load_ontology()
    written = json.loads(json.dumps(ontology_document(ontology.concepts, ontology.number)))
    again = ontology_of(written)
    assert again.version == ontology.version
    assert again.concepts == ontology.concepts


def test_a_concept_as_it_already_is_changes_nothing(small: Ontology) -> None:
    assert saving(small, small.concept("A")) == {}


def test_a_new_exclusion_changes_both_sides(small: Ontology) -> None:
    wanted = replace(small.concept("B"), excludes=("A", "C"))
    changes = saving(small, wanted)
    assert changes == {"B": wanted, "C": replace(small.concept("C"), excludes=("B",))}


def test_an_exclusion_that_ends_ends_on_both_sides(small: Ontology) -> None:
    after = changed(small, saving(small, replace(small.concept("A"), excludes=())), 2)
    assert (after.concept("A").excludes, after.concept("B").excludes) == ((), ())
    assert after.number == 2


def test_a_new_concept_stands_last_and_nothing_else_moves(small: Ontology) -> None:
    after = changed(small, saving(small, concept("D", parents=("C",))), 2)
    assert [each.id for each in after.concepts] == ["A", "B", "C", "D"]
    assert after.version != small.version


def test_what_excluded_a_concept_forgets_it_when_it_goes(small: Ontology) -> None:
    after = changed(small, removing(small, "B"), 2)
    assert "B" not in after
    assert after.concept("A").excludes == ()


def test_a_concept_others_build_on_cannot_go(small: Ontology) -> None:
    with pytest.raises(OntologyError, match=r"concepts\.C\.parents: names the unknown concept A"):
        changed(small, removing(small, "A"), 2)


def test_every_concept_we_ship_is_read_back_from_its_document() -> None:
    for each in load_ontology().concepts:
        assert read_concept(each.id, concept_document(each)) == each
