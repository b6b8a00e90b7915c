"""One answer of the scale and the model: complete without a model, moved by everything sent, quick."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ml.registry.shipped import shipped
from ml.triage import dataset
from ml.triage.dataset import Dataset
from ml.triage.features import COMPLAINT, Visit, read
from ml.triage.learning import Learnt
from ml.triage.model import ModelError, TriageModel, View
from ml.triage.predicting import TriagePredictor, load
from ml.triage.trees import Floats

WELL: Mapping[str, object] = {
    "age": 40,
    "sexe": "F",
    "frequence_cardiaque": 78,
    "pression_systolique": 122,
    "pression_diastolique": 76,
    "frequence_respiratoire": 16,
    "temperature": 36.9,
    "saturation_oxygene": 98,
    "echelle_douleur": 1,
    "glasgow": 15,
    "glycemie": 1.0,
    COMPLAINT: "toux",
}


@pytest.fixture(scope="module")
def predictor(learnt: Learnt) -> TriagePredictor:
    found = TriagePredictor(learnt.model)
    found.warm_up()
    return found


def visit(**changed: object) -> Visit:
    reading = read({**WELL, **changed})
    assert not reading.errors
    return reading.visit


def test_without_a_model_the_scale_answers_alone_and_says_so() -> None:
    answer = TriagePredictor(error="the registry has none").predict(visit(motif_consultation="AVC"))
    assert (answer.level, answer.gravity, answer.source) == ("2", "ORANGE", "rules")
    assert (answer.model_available, answer.error, answer.confidence) == (False, "the registry has none", 0.0)


def test_with_nothing_known_the_level_is_prudent_and_the_quality_insufficient() -> None:
    answer = TriagePredictor().predict(Visit({}, "", {}))
    assert (answer.level, answer.source, answer.quality) == ("3B", "neither", "insufficient")
    assert len(answer.missing) == 12


def test_a_model_that_fails_leaves_the_scale_answering(predictor: TriagePredictor) -> None:
    class Failing(TriageModel):
        def view(self, visit: Visit) -> View:
            raise ModelError(f"no view of {visit.complaint}")

    model = predictor.model
    assert model is not None
    answer = TriagePredictor(Failing(model.trees, model.encoder, model.calibration)).predict(visit())
    assert (answer.level, answer.model_available) == ("5", False)
    assert answer.error == "ModelError: no view of toux"


def test_an_answer_tells_the_rule_the_model_and_what_is_missing(predictor: TriagePredictor) -> None:
    answer = predictor.predict(visit(motif_consultation="douleur thoracique", glasgow=None))
    assert answer.ruling.complaint is not None
    assert answer.ruling.complaint.id == "douleur_thoracique_sca"
    assert answer.missing == ("glasgow",)
    assert answer.quality == "medium"
    assert answer.view is not None
    assert 0 <= answer.confidence <= 1
    assert {"glasgow", "ecg_typique_sca"} <= {each.name for each in answer.asked}
    assert answer.prediction_id != predictor.predict(visit()).prediction_id


def test_the_row_a_person_chose_is_the_one_that_counts(predictor: TriagePredictor) -> None:
    answer = predictor.predict(visit(motif_consultation="toux"), complaint="hemoptysie")
    assert answer.ruling.complaint is not None
    assert answer.ruling.complaint.id == "hemoptysie"


@pytest.mark.parametrize(
    "feature, before, after, complaint",
    [
        ("age", 40, 1, "vomissements"),
        ("frequence_cardiaque", 78, 185, "toux"),
        ("pression_systolique", 122, 85, "toux"),
        ("frequence_respiratoire", 16, 42, "toux"),
        ("temperature", 36.9, 40.2, "toux"),
        ("saturation_oxygene", 98, 84, "toux"),
        ("echelle_douleur", 1, 9, "douleur abdominale"),
        ("glasgow", 15, 8, "toux"),
        ("glycemie", 1.0, 4.2, "toux"),
        ("glycemie", 1.0, 0.4, "toux"),
        (COMPLAINT, "toux", "AVC", "toux"),
    ],
)
def test_each_feature_moves_the_level_by_a_rule(
    feature: str, before: object, after: object, complaint: str
) -> None:
    alone = TriagePredictor()
    first, second = (
        alone.predict(visit(**{COMPLAINT: complaint, feature: value})).level for value in (before, after)
    )
    assert first != second


def test_many_are_answered_as_one_by_one(predictor: TriagePredictor, visits: Dataset) -> None:
    some = visits.visits[:30]
    for one, many in zip(map(predictor.predict, some), predictor.predict_many(some), strict=True):
        assert (one.level, one.source) == (many.level, many.source)
        assert one.confidence == pytest.approx(many.confidence)


def test_the_model_is_asked_of_all_of_a_chunk_at_once(learnt: Learnt, visits: Dataset) -> None:
    asked: list[int] = []

    class Counting(TriageModel):
        def chances(self, seen: object) -> Floats:
            asked.append(len(seen))  # type: ignore[arg-type]
            return super().chances(seen)  # type: ignore[arg-type]

    model = learnt.model
    predictor = TriagePredictor(Counting(model.trees, model.encoder, model.calibration))
    assert sum(1 for _ in predictor.predict_many(visits.visits * 4)) == 600
    assert asked == [500, 100]


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[TriagePredictor, tuple[Visit, ...]]:
    champion = shipped("triage")
    assert champion is not None
    return load(champion), dataset.load(shared_data / "triage" / "ktas.csv").visits[:300]


@pytest.mark.parametrize(
    "feature, values",
    [
        ("sexe", (0.0, 1.0)),
        ("pression_diastolique", (40.0, 110.0)),
        ("echelle_douleur", (0.0, 9.0)),
        ("age", (20.0, 80.0)),
    ],
)
def test_each_feature_without_a_rule_moves_the_level_by_the_model(
    real: tuple[TriagePredictor, tuple[Visit, ...]], feature: str, values: tuple[float, ...]
) -> None:
    predictor, some = real
    levels = [
        [
            answer.level
            for answer in predictor.predict_many(
                Visit({**each.values, feature: value}, each.complaint, {}) for each in some
            )
        ]
        for value in values
    ]
    assert any(len(set(each)) > 1 for each in zip(*levels, strict=True))
