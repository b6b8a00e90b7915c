"""Learning and answering: chances, decisions by cost, sets, reasons, and files that are checked."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.triage.dataset import Dataset, DatasetError, load
from ml.triage.encoding import NEVER_LESS_URGENT, see
from ml.triage.features import COMPLAINT, FEATURES, Visit
from ml.triage.learning import Learnt, Options, folds, learn
from ml.triage.model import CALIBRATION, MODEL, PREPROCESSOR, Calibration, ModelError, TriageModel
from tests.support.triage import quickly_learnt

NEEDED = "Age;HR;SBP;DBP;RR;BT;Saturation;NRS_pain;Sex;Mental;Pain;Chief_complain;KTAS_expert"


def calibration(**changed: tuple[float, ...] | float) -> Calibration:
    plain: dict[str, tuple[float, ...] | float] = {
        "slopes": (1.0,) * 4,
        "intercepts": (0.0,) * 4,
        "costs": (1.0,) * 4,
        "least": 0.2,
        "coverage": 0.9,
        "believed": (0.0, 1.0),
        "right": (0.0, 1.0),
    }
    return Calibration(**{**plain, **changed})  # type: ignore[arg-type]


def test_the_cost_of_under_triage_decides_for_the_more_urgent() -> None:
    chances = np.array([[0.0, 0.05, 0.2, 0.65, 0.1]])
    assert calibration().decide(chances) == [4]
    assert calibration(costs=(1.0, 1.0, 5.0, 1.0)).decide(chances) == [3]
    assert calibration(costs=(1.0, 30.0, 5.0, 1.0)).decide(chances) == [2]


def test_a_set_holds_the_levels_likely_enough_and_always_the_likeliest() -> None:
    chances = np.array([[0.0, 0.3, 0.5, 0.2, 0.0], [0.2, 0.2, 0.2, 0.2, 0.2]])
    assert calibration(least=0.25).sets(chances).tolist() == [
        [False, True, True, False, False],
        [True] * 5,
    ]
    assert calibration(least=0.9).sets(chances)[0].tolist() == [False, False, True, False, False]


def test_boundaries_that_cross_still_give_chances() -> None:
    chances = calibration().chances(np.array([[2.0, -2.0, 1.0, 0.0]]))
    assert (chances >= 0).all()
    assert chances.sum() == pytest.approx(1)


def test_the_model_knows_most_of_the_visits_it_learnt_from(learnt: Learnt, visits: Dataset) -> None:
    chances = learnt.model.chances([see(visit) for visit in visits.visits])
    assert np.allclose(chances.sum(axis=1), 1)
    assert (chances.argmax(axis=1) + 1 == np.array(visits.levels)).mean() > 0.6


def test_learning_twice_gives_the_same_files(learnt: Learnt, visits: Dataset) -> None:
    assert quickly_learnt(visits).files == learnt.files


def test_a_search_keeps_what_was_given_unless_inner_folds_like_another_better(visits: Dataset) -> None:
    poor = Options(n_estimators=1, max_depth=1, learning_rate=0.001, trials=2)
    seen = [see(visit) for visit in visits.visits]
    found = learn(seen, visits.levels, poor)
    assert found.options.n_estimators >= 40
    assert found.options.costs == poor.costs
    assert learn(seen, visits.levels, poor).files == found.files


def test_one_visit_is_answered_as_among_many(learnt: Learnt, visits: Dataset) -> None:
    many = learnt.model.views(visits.visits[:20])
    for visit, view in zip(visits.visits[:20], many, strict=True):
        alone = learnt.model.view(visit)
        assert (alone.level, alone.likeliest, alone.levels) == (view.level, view.likeliest, view.levels)
        assert alone.chances == pytest.approx(view.chances)
        assert alone.reasons


def test_the_reasons_add_up_to_the_mean_log_odds(learnt: Learnt, visits: Dataset) -> None:
    model = learnt.model
    for visit in visits.visits[:10]:
        view = model.view(visit)
        margins = model.trees.margins(model.encoder.encode([see(visit)]))
        assert view.base + sum(each.moved for each in view.reasons) == pytest.approx(margins.mean())
        assert {each.feature for each in view.reasons} <= {
            *(each.name for each in FEATURES),
            COMPLAINT,
            "indice_de_choc",
        }


@pytest.mark.parametrize(
    "feature, worse", [("saturation_oxygene", (97, 92, 84, 70)), ("glasgow", (15, 13, 9, 3))]
)
def test_less_of_it_never_makes_the_model_less_urgent(
    learnt: Learnt, visits: Dataset, feature: str, worse: tuple[float, ...]
) -> None:
    assert NEVER_LESS_URGENT[feature] == -1
    for visit in visits.visits[:30]:
        levels = [
            learnt.model.views([Visit({**visit.values, feature: value}, visit.complaint, {})])[0].level
            for value in worse
        ]
        assert levels == sorted(levels, reverse=True)


def test_the_files_are_plain_json_and_bring_the_model_back(learnt: Learnt, visits: Dataset) -> None:
    assert all(json.loads(content) for content in learnt.files.values())
    again = TriageModel.from_files(learnt.files)
    assert again.views(visits.visits[:5]) == learnt.model.views(visits.visits[:5])


@pytest.mark.parametrize(
    "name, content, told",
    [
        (MODEL, b"{}", "XGBoost"),
        (PREPROCESSOR, b"{}", "no encoder"),
        (PREPROCESSOR, b"\x80\x04pickle", "no encoder"),
        (CALIBRATION, b"[]", "indices"),
        (CALIBRATION, b'{"slopes": [1]}', "misses"),
        (CALIBRATION, None, "misses"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    learnt: Learnt, name: str, content: bytes | None, told: str
) -> None:
    files = {other: data for other, data in learnt.files.items() if other != name}
    if content is not None:
        files[name] = content
    with pytest.raises(ModelError, match=told):
        TriageModel.from_files(files)


def test_an_encoder_of_another_table_is_refused(learnt: Learnt) -> None:
    document = json.loads(learnt.files[PREPROCESSOR])
    document["defaults"]["age"] = 50
    with pytest.raises(ModelError, match="another table"):
        TriageModel.from_files({**learnt.files, PREPROCESSOR: json.dumps(document).encode()})


def test_folds_hold_every_visit_out_once_and_spread_the_levels(visits: Dataset) -> None:
    held = [part for _, part in folds(visits.levels, 10, 0)]
    assert sorted(np.concatenate(held)) == list(range(len(visits.levels)))
    levels = np.array(visits.levels)
    counts = [[int((levels[part] == level).sum()) for part in held] for level in (3, 4)]
    assert all(max(each) - min(each) <= 1 for each in counts)


def test_columns_that_tell_the_answer_are_never_read(visits_file: Path, tmp_path: Path) -> None:
    """The same visits with those columns saying anything are the same visits."""
    head, *rows = visits_file.read_text(encoding="utf-8").splitlines()
    more = "KTAS_RN;Diagnosis in ED;Disposition;Error_group;Length of stay_min"
    path = tmp_path / "leaking.csv"
    path.write_text(
        "\n".join([f"{head};{more}", *(f"{row};1;Stroke;2;9;{n}" for n, row in enumerate(rows))]),
        encoding="utf-8",
    )
    assert load(path) == load(visits_file)


def test_the_real_visits_are_cleaned_and_it_is_said_of_what(shared_data: Path) -> None:
    data = load(shared_data / "triage" / "ktas.csv")
    assert len(data.visits) == 1014
    assert data.faults["saturation_oxygene: out_of_range"] == 1
    assert data.faults["motif_consultation: unreadable"] == 17
    assert all(
        visit.values.get("sexe") == 1.0 for visit in data.visits if "vaginal" in visit.complaint.lower()
    )


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "misses the columns"),
        ("Age;Sex\n1;2\n", "misses the columns HR"),
        (f"{NEEDED}\n", "no visit"),
        (
            f"{NEEDED}\n50;80;120;80;16;36,5;98;3;1;1;1;cough;7\n",
            ":2: KTAS_expert is '7'",
        ),
    ],
)
def test_a_file_without_such_visits_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=told):
        load(path)
