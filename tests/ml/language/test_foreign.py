"""An ontology somebody else wrote: what is sound is kept, every fault is listed with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml.language.checking import OntologyError
from ml.language.concepts import Kind, Severity
from ml.language.foreign import ForeignOntology, is_foreign, read_foreign


def written(folder: Path, **concepts: dict[str, Any]) -> ForeignOntology:
    path = folder / "theirs.json"
    path.write_text(json.dumps({"concepts": concepts}), encoding="utf-8")
    return read_foreign(path)


def test_the_real_file_is_read_whole(shared_data: Path) -> None:
    found = read_foreign(shared_data / "ontology" / "edu-ecg.json")

    assert len(found.concepts) == 358
    assert found.source == "edu-ecg"
    kinds = {each.id: each.kind for each in found.concepts}
    assert (kinds["ANTERIEUR"], kinds["PR_NORMAL"]) == (Kind.TERRITORY, Kind.NORMALITY)
    severity = {each.id: each.severity for each in found.concepts}
    assert (severity["BAV_COMPLET"], severity["QRS_FINS"]) == (Severity.URGENT, None)


def test_what_is_unsound_is_dropped_and_every_fault_has_its_place(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        A={"concept_name": "Bloc", "parents": ["B", "NOWHERE"], "excludes": ["GHOST"]},
        B={"concept_name": "Autre", "parents": ["A"]},
        C={"parents": ["A"]},
        D={"concept_name": "Bien", "synonymes": ["bon", 3], "parents": "A"},
    )

    assert [each.id for each in found.concepts] == ["A", "B", "D"]
    assert {str(fault) for fault in found.faults} == {
        "concepts.C: has no concept_name",
        "concepts.A.parents: names the unknown concept NOWHERE",
        "concepts.A.excludes: names the unknown concept GHOST",
        "concepts.A.parents: is its own ancestor",
    }
    assert {each.id: each.parents for each in found.concepts} == {"A": (), "B": ("A",), "D": ()}
    assert found.concepts[2].names == ("Bien", "bon")


@pytest.mark.parametrize("content", ["{", "[]", '{"concepts": {}}', '{"concepts": {"A": {"label_fr": "x"}}}'])
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(OntologyError):
        read_foreign(path)


def test_our_own_form_is_told_apart() -> None:
    assert is_foreign({"concepts": {"A": {"concept_name": "x"}}})
    assert not is_foreign({"concepts": {"A": {"label_fr": "x"}}})
    assert not is_foreign([])
