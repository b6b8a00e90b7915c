"""Trees read from XGBoost's JSON: its own answers and Shapley values."""

import json
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest

from ml.triage.trees import Floats, Trees, TreesError

xgboost = pytest.importorskip("xgboost")


@pytest.fixture(scope="module")
def rows() -> Floats:
    generator = np.random.default_rng(5)
    found: Floats = generator.normal(size=(300, 6)).round(2)
    return found


@pytest.fixture(scope="module")
def booster(rows: Floats) -> Any:
    score = rows[:, 0] * rows[:, 1] + rows[:, 2]
    targets = np.stack([score > -0.5, score > 0.5], axis=1).astype(float)
    settings = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1, "seed": 1}
    return xgboost.train(settings, xgboost.DMatrix(rows, targets), 12)


@pytest.fixture(scope="module")
def trees(booster: Any) -> Trees:
    return Trees(bytes(booster.save_raw("json")))


def test_the_answers_are_xgboosts(booster: Any, trees: Trees, rows: Floats) -> None:
    theirs = booster.predict(xgboost.DMatrix(rows), output_margin=True)
    np.testing.assert_allclose(trees.margins(rows), theirs, atol=1e-6)


def test_the_shapley_values_are_xgboosts(booster: Any, trees: Trees, rows: Floats) -> None:
    theirs = booster.predict(xgboost.DMatrix(rows), pred_contribs=True)
    ours = np.stack([trees.contributions(row) for row in rows[:50]])
    np.testing.assert_allclose(ours, theirs[:50], atol=1e-6)


def test_the_shapley_values_add_up_to_the_answer(trees: Trees, rows: Floats) -> None:
    for row in rows[:20]:
        np.testing.assert_allclose(trees.contributions(row).sum(axis=1), trees.margins(row[np.newaxis])[0])


def test_a_tree_of_one_split_gives_what_hand_and_definition_give() -> None:
    """Half of the cover on each side of 0 with leaves -1 and 1: a feature above it moves the answer by 1."""
    document = one_split(0.0, -1.0, 1.0)
    found = Trees(json.dumps(document)).contributions(np.array([3.0, 5.0]))
    np.testing.assert_allclose(found, [[1.0, 0.0, 0.0]])


def test_the_subsets_are_weighed_as_shapley_says() -> None:
    from ml.triage.trees import _shapley  # noqa: PLC0415 - the one formula that is checked by its definition

    ones, shares = np.array([[1.0, 0.0, 1.0]]), np.array([[0.3, 0.6, 0.5]])

    def worth(known: tuple[int, ...]) -> float:
        return float(np.prod([ones[0, each] if each in known else shares[0, each] for each in range(3)]))

    for side in range(3):
        others = [each for each in range(3) if each != side]
        expected = sum(
            factorial(size) * factorial(2 - size) / 6 * (worth((*known, side)) - worth(known))
            for size in range(3)
            for known in combinations(others, size)
        )
        assert _shapley(ones, shares)[0, side] == pytest.approx(expected)


def one_split(limit: float, low: float, high: float) -> dict[str, Any]:
    tree = {
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "split_indices": [0, 0, 0],
        "split_conditions": [limit, low, high],
        "sum_hessian": [4.0, 2.0, 2.0],
    }
    return {
        "learner": {
            "objective": {"name": "binary:logistic"},
            "learner_model_param": {"num_feature": "2", "num_target": "1", "base_score": "5E-1"},
            "gradient_booster": {"model": {"trees": [tree], "tree_info": [0]}},
        }
    }


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"learner": {}}', '{"learner": {"objective": {"name": "reg:squarederror"}}}'],
)
def test_what_is_no_such_model_is_refused(text: str) -> None:
    with pytest.raises(TreesError):
        Trees(text)


def test_a_tree_that_leads_back_to_itself_is_refused(booster: Any) -> None:
    document = json.loads(booster.save_raw("json"))
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    split = next(node for node, left in enumerate(tree["left_children"]) if left != -1)
    tree["left_children"][split] = split
    with pytest.raises(TreesError, match="more ways than nodes"):
        Trees(json.dumps(document))


def test_a_boundary_value_goes_to_the_right_as_in_xgboost(booster: Any, trees: Trees) -> None:
    limits = [
        limit
        for tree in json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
        for left, limit, feature in zip(
            tree["left_children"], tree["split_conditions"], tree["split_indices"], strict=True
        )
        if left != -1 and feature == 0
    ]
    rows = np.zeros((len(limits), 6))
    rows[:, 0] = limits
    theirs = booster.predict(xgboost.DMatrix(rows), output_margin=True)
    np.testing.assert_allclose(trees.margins(rows), theirs, atol=1e-6)
