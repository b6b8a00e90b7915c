"""A trained model as an artefact: plain JSON, a card, and examples held against what XGBoost answered."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ml.registry.artefact import Artefact, open_unsealed, write_artefact
from ml.registry.contents import CARD
from ml.registry.predictor import LoadError
from ml.registry.predictor import load as load_any
from ml.triage import predicting
from ml.triage.dataset import Dataset
from ml.triage.encoding import Seen, see
from ml.triage.evaluation import Report
from ml.triage.examples import EXAMPLES
from ml.triage.features import Visit
from ml.triage.learning import Learnt
from ml.triage.model import CALIBRATION, MODEL, PREPROCESSOR
from ml.triage.packaging import ParityError, package
from ml.triage.predicting import TriagePredictor, load
from ml.triage.trees import Floats, Trees


def changed(artefact: Artefact, folder: Path, files: Mapping[str, bytes | None]) -> Artefact:
    """Write an artefact anew with some files changed, or left out."""
    kept = {name: artefact.read(name) for name in artefact.manifest.files if name not in files}
    return write_artefact(
        folder, artefact.manifest, kept | {name: data for name, data in files.items() if data is not None}
    )


def test_it_is_plain_json_and_a_card_and_says_what_it_is(artefact: Artefact, visits: Dataset) -> None:
    assert sorted(artefact.manifest.files) == [
        "calibration.json",
        "card.md",
        "examples.json",
        "feature_config.json",
        "model.json",
        "preprocessor.json",
        "reference.json",
    ]
    manifest = artefact.manifest
    assert (manifest.family, manifest.architecture) == ("triage", "xgboost")
    assert manifest.classes == ("KTAS 1", "KTAS 2", "KTAS 3", "KTAS 4", "KTAS 5")
    assert manifest.data_hash == visits.data_hash
    assert manifest.settings["n_estimators"] == 20
    assert "PLoS One" in manifest.citation
    assert "CC BY 4.0" in manifest.licence


def test_the_metrics_have_the_names_that_models_are_compared_by(report: Report) -> None:
    folded = replace(report, fold_accuracy=(0.5, 0.7))
    assert folded.metrics()["cv_accuracy_mean"] == pytest.approx(0.6)
    assert set(folded.metrics()) >= {
        "accuracy",
        "f1_macro",
        "precision_macro",
        "recall_macro",
        "latency_per_sample_ms",
        "emergencies_missed",
        "over_triage",
        "weighted_kappa",
        "calibration_error",
    }


def test_what_is_loaded_answers_as_the_model_that_was_packaged(
    artefact: Artefact, learnt: Learnt, visits: Dataset
) -> None:
    loaded = load_any(artefact)
    assert isinstance(loaded, TriagePredictor)
    loaded.warm_up()
    assert loaded.verify_examples() < 1e-5
    for visit in visits.visits[:10]:
        assert loaded.predict(visit).view == learnt.model.view(visit)


def test_the_examples_are_of_every_level_and_hold_what_xgboost_answered(
    artefact: Artefact, learnt: Learnt, visits: Dataset
) -> None:
    document = json.loads(artefact.read(EXAMPLES))["examples"]
    levels = dict(
        zip((repr(sorted(each.values.items())) for each in visits.visits), visits.levels, strict=True)
    )
    assert {levels[repr(sorted(each["visit"]["values"].items()))] for each in document} == {1, 2, 3, 4, 5}
    for each in document:
        visit = Visit(each["visit"]["values"], each["visit"]["complaint"], {})
        assert learnt.model.chances([see(visit)])[0] == pytest.approx(each["chances"], abs=1e-5)


def test_other_trees_than_those_of_the_examples_are_told(artefact: Artefact, tmp_path: Path) -> None:
    calibration = json.loads(artefact.read(CALIBRATION))
    calibration["intercepts"][2] += 0.01
    other = changed(artefact, tmp_path / "other", {CALIBRATION: json.dumps(calibration).encode()})
    with pytest.raises(LoadError, match="parity fails"):
        load(other).verify_examples()


def test_code_that_reads_visits_otherwise_than_in_training_is_told(
    artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(visit: Visit) -> Seen:
        return see(replace(visit, complaint=""))

    loaded = load(artefact)
    monkeypatch.setattr(predicting, "see", deaf)
    with pytest.raises(LoadError, match="parity fails"):
        loaded.verify_examples()


@pytest.mark.parametrize(
    "name, data",
    [
        (MODEL, b"{}"),
        (PREPROCESSOR, b'{"columns": []}'),
        (CALIBRATION, b'{"slopes": "x"}'),
        (EXAMPLES, b'{"examples": []}'),
        (EXAMPLES, b'{"examples": [{"visit": {"values": {}, "complaint": ""}, "chances": [1]}]}'),
        (EXAMPLES, b'{"examples": [1]}'),
        (EXAMPLES, None),
    ],
)
def test_a_sealed_folder_that_is_no_model_is_not_loaded(
    artefact: Artefact, tmp_path: Path, name: str, data: bytes | None
) -> None:
    with pytest.raises(OSError, match=r"json|it misses|XGBoost|encoder|could not convert"):
        load(changed(artefact, tmp_path / "other", {name: data}))


def test_another_set_of_classes_is_not_loaded(artefact: Artefact, tmp_path: Path) -> None:
    files = {name: artefact.read(name) for name in artefact.manifest.files}
    other = replace(artefact.manifest, classes=("1", "2"))
    with pytest.raises(LoadError, match="it answers with 1, 2"):
        load(write_artefact(tmp_path / "other", other, files))


def test_a_model_whose_trees_are_read_otherwise_than_by_xgboost_is_not_packaged(
    learnt: Learnt, visits: Dataset, report: Report, tmp_path: Path
) -> None:
    class Off(Trees):
        def margins(self, rows: Floats) -> Floats:
            return super().margins(rows) + 0.001

    other = replace(learnt, model=replace(learnt.model, trees=Off(learnt.files[MODEL])))
    with pytest.raises(ParityError, match="from XGBoost"):
        package(other, visits, report, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_card_has_the_figures_the_citation_and_what_it_is_not_for(
    artefact: Artefact, report: Report
) -> None:
    card = artefact.read(CARD).decode()
    assert report.text() in card
    for words in ("no medical\ndevice", "children", "150 visits", "doi.org/10.1371", "data: "):
        assert words.replace("\n", " ") in card.replace("\n", " ")


def test_the_folder_opens_by_its_digest(artefact: Artefact) -> None:
    assert open_unsealed(artefact.folder, artefact.digest) == artefact
