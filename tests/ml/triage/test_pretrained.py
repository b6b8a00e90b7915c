"""The model of triage that comes with the program."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.registry.artefact import Artefact
from ml.registry.contents import CARD
from ml.registry.shipped import MAX_SHIPPED, shipped
from ml.triage.dataset import Dataset, load
from ml.triage.evaluation import Aims, score
from ml.triage.features import COMPLAINT, read
from ml.triage.learning import FEATURE_CONFIG, feature_config
from ml.triage.predicting import TriagePredictor
from ml.triage.predicting import load as load_model


@pytest.fixture(scope="module")
def champion() -> Artefact:
    found = shipped("triage")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def predictor(champion: Artefact) -> TriagePredictor:
    return load_model(champion)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Dataset:
    return load(shared_data / "triage" / "ktas.csv")


def test_it_is_small_whole_and_says_what_it_is_and_where_it_comes_from(champion: Artefact) -> None:
    assert champion.size < MAX_SHIPPED
    assert champion.read(CARD).startswith(b"# Triage")
    assert "10.1371/journal.pone.0216972" in champion.manifest.citation
    assert "CC BY 4.0" in champion.manifest.licence
    assert "dirty" not in champion.manifest.code_version
    for name in champion.manifest.files:
        assert name == CARD or isinstance(json.loads(champion.read(name)), dict)


def test_it_answers_its_examples_as_it_did_when_it_was_trained(predictor: TriagePredictor) -> None:
    """A change of the vocabulary, the scale or the encoding that reaches the model asks for another one."""
    assert predictor.verify_examples() < 1e-5


def test_it_was_written_for_the_table_of_features_as_it_is(champion: Artefact) -> None:
    assert champion.read(FEATURE_CONFIG).decode() == feature_config()


def test_the_figures_of_its_folds_reach_the_aims(champion: Artefact) -> None:
    metrics, aims = champion.manifest.metrics, Aims()
    assert metrics["emergencies_missed"] < aims.emergencies_missed
    assert metrics["over_triage"] <= aims.over_triage
    assert metrics["weighted_kappa"] >= aims.weighted_kappa
    assert metrics["calibration_error"] <= aims.calibration_error


def test_it_learnt_from_all_visits_and_knows_them(
    champion: Artefact, predictor: TriagePredictor, real: Dataset
) -> None:
    assert champion.manifest.data_hash == real.data_hash
    assert len(real.visits) == 1014
    assert predictor.model is not None
    report = score(real, predictor.model)
    assert report.likeliest.accuracy > champion.manifest.metrics["accuracy"]
    assert np.array(report.confusion).sum() == 1014


def test_it_puts_a_shocked_patient_before_a_sprain(predictor: TriagePredictor) -> None:
    ill = {"age": 71, "sexe": "M", "frequence_cardiaque": 128, "pression_systolique": 78}
    well = {"age": 24, "sexe": "F", "frequence_cardiaque": 72, "pression_systolique": 121}
    shocked, sprain = (
        predictor.predict(read({**values, COMPLAINT: text}).visit).view
        for values, text in ((ill, "hématémèse"), (well, "entorse de cheville"))
    )
    assert shocked is not None
    assert sprain is not None
    assert shocked.level <= 2
    assert sprain.level >= 4
    assert shocked.reasons
