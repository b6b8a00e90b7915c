"""What is watched of visits, and the reference that travels with a version."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.monitoring.drift import drift
from ml.monitoring.reference import Reference, reference_of
from ml.registry.artefact import Artefact, open_unsealed
from ml.registry.contents import REFERENCE
from ml.registry.manifest import MANIFEST
from ml.triage.dataset import Dataset, load
from ml.triage.features import Visit
from ml.triage.learning import Learnt
from ml.triage.monitored import CATEGORICAL, NUMERIC, row


def test_a_visit_is_watched_by_what_was_measured_never_by_its_words(learnt: Learnt) -> None:
    visit = Visit({"age": 71.0, "sexe": 1.0}, "Mme Dupont, douleur thoracique", {})
    found = row(visit, "Douleur thoracique", learnt.model.view(visit))

    assert found["age"] == 71
    assert found["sexe"] == "F"
    assert found["motif_consultation"] == "Douleur thoracique"
    assert found["quality"] == "insufficient"
    assert str(found["level"]).startswith("KTAS ")
    assert set(found) <= {*NUMERIC, *CATEGORICAL}
    assert "Dupont" not in str(found)


def test_a_visit_without_a_model_or_a_sex_is_watched_all_the_same() -> None:
    found = row(Visit({}, "", {}), None, None)
    assert found == {"quality": "insufficient", "sexe": None, "motif_consultation": None}


def test_a_version_travels_with_what_it_learnt_from(
    artefact: Artefact, learnt: Learnt, visits: Dataset
) -> None:
    reference = reference_of(artefact)
    assert reference is not None
    assert reference.rows == len(visits.visits)
    assert {each.name for each in reference.features} == {*NUMERIC, *CATEGORICAL}

    older = [
        row(Visit({**each.values, "age": each.values["age"] + 25}, each.complaint, {}), None, view)
        for each, view in zip(visits.visits, learnt.model.views(visits.visits), strict=True)
    ]
    found = drift(reference, reference.count(older))
    assert found is not None
    assert set(found.drifted) == {"age", "motif_consultation"}


def test_a_version_made_before_is_given_its_reference_by_a_command(
    artefact: Artefact, visits_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "before"
    folder.mkdir()
    document = json.loads((artefact.folder / MANIFEST).read_bytes())
    del document["files"][REFERENCE]
    for name in document["files"]:
        (folder / name).write_bytes(artefact.read(name))
    (folder / MANIFEST).write_text(json.dumps(document))
    assert reference_of(open_unsealed(folder)) is None

    assert main(["reference", "triage", str(folder), "--data", str(visits_file)]) == 0
    given = open_unsealed(folder)
    assert reference_of(given) == reference_of(artefact)
    assert given.manifest == artefact.manifest


def test_visits_that_a_version_has_not_learnt_from_are_no_reference_of_it(
    artefact: Artefact, visits_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("\n".join(visits_file.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    before = (artefact.folder / MANIFEST).read_bytes()

    assert main(["reference", "triage", str(artefact.folder), "--data", str(other)]) == 2
    assert "has not learnt from" in capsys.readouterr().err
    assert (artefact.folder / MANIFEST).read_bytes() == before


def test_halves_of_the_real_visits_raise_no_more_alarms_than_stated(shared_data: Path) -> None:
    real = [row(each, None, None) for each in load(shared_data / "triage" / "ktas.csv").visits]
    alarms = 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(real))
        halves = [[real[each] for each in half] for half in np.array_split(order, 2)]
        reference = Reference.of(halves[0], NUMERIC, CATEGORICAL)
        found = drift(reference, reference.count(halves[1]), 0.05, 399)
        assert found is not None
        alarms += bool(found.drifted)
    assert alarms <= 5  # of 1 on average; more in one of a thousand
