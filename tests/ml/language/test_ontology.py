import json
from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest

from ml.language.ontology import (
    Category,
    Concept,
    Kind,
    MeasuredRange,
    Ontology,
    OntologyError,
    load_ontology,
)


def concept(identifier: str, **changes: object) -> Concept:
    plain = Concept(identifier, f"{identifier} fr", f"{identifier} en", Category.RHYTHM, Kind.SIGN)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_projects_ontology_is_sound_and_large_enough(ontology: Ontology) -> None:
    assert len(ontology.concepts) >= 180
    assert {each.category for each in ontology.concepts} == set(Category)


def test_every_concept_has_a_label_in_both_languages(ontology: Ontology) -> None:
    assert all(each.label("fr").strip() and each.label("en").strip() for each in ontology.concepts)
    assert all(category.label("fr") and category.label("en") for category in Category)


def test_every_primary_statement_with_a_tie_to_a_diagnosis_has_its_code(ontology: Ontology) -> None:
    by_code = {each.codes["aha"]: each.id for each in ontology.concepts if "aha" in each.codes}

    assert by_code["50"] == "ATRIAL_FIBRILLATION"
    assert by_code["83"] == "AV_BLOCK_2_MOBITZ_1"
    assert by_code["101"] == "LAFB"
    assert by_code["161"] == "MYOCARDIAL_INFARCTION_INFERIOR"


def test_no_code_is_given_to_two_concepts(ontology: Ontology) -> None:
    for system in ("aha", "scp", "snomed"):
        codes = [each.codes[system] for each in ontology.concepts if system in each.codes]
        assert len(codes) == len(set(codes)), system


def test_codes_are_those_of_the_published_tables(ontology: Ontology, shared_data: Path) -> None:
    tables = shared_data / "ontology"
    snomed = "".join(
        (tables / name).read_text() for name in ("dx_mapping_scored.csv", "dx_mapping_unscored.csv")
    )
    scp = {line.split(",")[0] for line in (tables / "scp_statements.csv").read_text().splitlines()[1:]}

    for each in ontology.concepts:
        assert f",{each.codes['snomed']}," in snomed if "snomed" in each.codes else True, each.id
        assert each.codes.get("scp", "NORM") in scp, each.id


def test_ancestors_come_with_their_distance_nearest_first(ontology: Ontology) -> None:
    assert list(ontology.ancestors("AV_BLOCK_2_MOBITZ_1").items()) == [
        ("AV_BLOCK_2", 1),
        ("AV_BLOCK", 2),
        ("CONDUCTION_DISORDER", 3),
    ]


def test_exclusion_is_inherited_and_works_both_ways(ontology: Ontology) -> None:
    assert ontology.exclude_each_other("LBBB_COMPLETE", "RBBB_INCOMPLETE")
    assert ontology.exclude_each_other("RBBB_INCOMPLETE", "LBBB_COMPLETE")
    assert not ontology.exclude_each_other("RBBB_COMPLETE", "LAFB")


def test_of_a_concept_and_its_wider_names_only_the_most_specific_are_kept_each_once() -> None:
    line = [concept("A"), concept("B", parents=("A",)), concept("C", parents=("B",))]
    family = Ontology([*line, concept("D")])

    assert family.lineage("C") == ("C", "B", "A")
    assert family.most_specific(["A", "D", "C", "A", "C"]) == ["D", "C"]
    assert family.most_specific([]) == []


def test_the_concept_of_an_absence_tells_what_it_denies() -> None:
    pair = Ontology([concept("P", absence="NO_P"), concept("NO_P")])

    assert pair.denied_by("NO_P") == "P"
    assert pair.denied_by("P") is None


def test_an_unknown_concept_is_a_key_error(ontology: Ontology) -> None:
    with pytest.raises(KeyError):
        ontology.concept("NOTHING")


def test_the_version_changes_with_the_contents_only() -> None:
    first = Ontology([concept("A")])

    assert first.version == Ontology([concept("A")]).version
    assert first.version != Ontology([concept("A", label_fr="autre")]).version
    assert first.version != Ontology([concept("A")], number=2).version


def test_every_fault_is_reported_at_once_with_its_place() -> None:
    with pytest.raises(OntologyError) as refusal:
        Ontology(
            [
                concept("A", parents=("B", "GONE")),
                concept("B", parents=("A",)),
                concept("C", excludes=("D",), synonyms_fr=("même nom",)),
                concept("D", synonyms_en=("MEME NOM",)),
                concept("E", absence="MISSING"),
            ]
        )

    faults = {(fault.place, fault.message) for fault in refusal.value.faults}
    assert faults == {
        ("concepts.A.parents", "names the unknown concept GONE"),
        ("concepts.A.parents", "is its own ancestor"),
        ("concepts.B.parents", "is its own ancestor"),
        ("concepts.C.excludes", "D does not exclude C in turn"),
        ("concepts.D", "'MEME NOM' already belongs to C"),
        ("concepts.E.absence", "names the unknown concept MISSING"),
    }


def test_a_concept_may_not_exclude_its_own_ancestor() -> None:
    with pytest.raises(OntologyError, match="excluded within its own ancestry"):
        Ontology([concept("A", excludes=("B",)), concept("B", parents=("A",), excludes=("A",))])


def test_a_chain_of_thousands_is_checked_in_one_pass() -> None:
    line = [concept("C0"), *(concept(f"C{at}", parents=(f"C{at - 1}",)) for at in range(1, 5_000))]
    began = process_time()
    Ontology(line)
    assert process_time() - began < 2


def test_every_concept_of_a_long_circle_is_its_own_ancestor() -> None:
    circle = [concept(f"C{at}", parents=(f"C{(at + 1) % 1_900}",)) for at in range(1_900)]
    with pytest.raises(OntologyError) as refusal:
        Ontology(circle)
    assert {fault.code for fault in refusal.value.faults} == {"cycle"}
    assert len(refusal.value.faults) == 1_900


def test_the_same_identifier_twice_is_a_fault() -> None:
    with pytest.raises(OntologyError, match=r"concepts\.A: is defined twice"):
        Ontology([concept("A"), concept("A")])


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"concepts": []}',
        '{"concepts": {"A": {"label_fr": "a"}}}',
        '{"concepts": {"A": 3}}',
    ],
)
def test_a_broken_file_is_refused_whole(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)

    with pytest.raises(OntologyError):
        load_ontology(path)


def test_a_file_with_several_broken_entries_names_each(tmp_path: Path) -> None:
    whole = {"label_fr": "a", "label_en": "b", "category": "rhythm", "kind": "sign"}
    path = tmp_path / "broken.json"
    path.write_text(
        json.dumps(
            {
                "concepts": {
                    "A": {**whole, "category": "cooking"},
                    "B": {**whole, "colour": "red"},
                    "C": {**whole, "parents": ["Z"], "label_fr": "c", "label_en": "d"},
                }
            }
        )
    )

    with pytest.raises(OntologyError) as refusal:
        load_ontology(path)

    assert [fault.place for fault in refusal.value.faults] == [
        "concepts.A",
        "concepts.B",
        "concepts.C.parents",
    ]


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("fibrillation auric", "ATRIAL_FIBRILLATION"),
        ("HEMIBLOC ANTERIEUR", "LAFB"),
        ("gauche branche bloc", "LBBB"),
        ("tachychardie ventriculaire", "VENTRICULAR_TACHYCARDIA"),
        ("fibrilation atr", "ATRIAL_FIBRILLATION"),
        ("hvg", "LVH"),
        ("lbbb", "LBBB"),
        ("mobitz 2", "AV_BLOCK_2_MOBITZ_2"),
        ("péricardite", "PERICARDITIS"),
        ("QT lo", "QT_PROLONGED"),
    ],
)
def test_completion_forgives_accents_order_endings_and_typos(
    ontology: Ontology, typed: str, expected: str
) -> None:
    assert ontology.search(typed, "fr", limit=5)[0].id == expected


def test_completion_of_nothing_is_nothing_and_the_limit_holds(ontology: Ontology) -> None:
    assert ontology.search("  ", "fr") == ()
    assert ontology.search("zzzzqqqq", "fr") == ()
    assert len(ontology.search("b", "fr", limit=3)) == 3


def test_a_range_keeps_its_bounds() -> None:
    normal = MeasuredRange("rate", above=50, at_most=100)

    assert [normal.contains(value) for value in (50, 50.5, 100, 101)] == [False, True, True, False]
