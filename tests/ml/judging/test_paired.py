"""Two models on the same examples: figures by hand, and intervals whose truth is known."""

import numpy as np
import pytest

from ml.judging.paired import Measure, gain, macro_f1, mean_cost, recalls

MACRO_F1 = Measure("macro_f1", macro_f1, 0.01)


def test_macro_f1_is_the_mean_over_the_classes_there_are_examples_of() -> None:
    counts = np.array([[[3, 1, 0], [1, 2, 1], [0, 0, 0]]])
    # F1 of the first class 2*3/(4+4), of the second 2*2/(4+3); of the third there is no example.
    assert macro_f1(counts) == pytest.approx([(6 / 8 + 4 / 7) / 2])


def test_a_mean_cost_weighs_each_confusion() -> None:
    costs = np.array([[0.0, 5.0], [1.0, 0.0]])
    assert mean_cost(costs)(np.array([[6, 2], [1, 1]])) == pytest.approx((2 * 5 + 1) / 10)


def test_recall_is_told_of_each_class_with_how_many_examples_it_has() -> None:
    found, support = recalls(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    assert found == pytest.approx([1 / 2, 2 / 3, 0])
    assert support.tolist() == [2, 3, 0]


def test_a_model_is_exactly_as_good_as_itself() -> None:
    truth = np.arange(300) % 3
    said = np.where(np.arange(300) % 7 == 0, 0, truth)
    same = gain(MACRO_F1, truth, said, said, np.arange(300), 3)
    assert (same.value, same.low) == (0, 0)


def test_where_less_is_better_a_gain_is_a_fall() -> None:
    truth, worse = np.zeros(100, np.int64), np.ones(100, np.int64)
    cost = Measure("cost", mean_cost(np.array([[0.0, 1.0], [1.0, 0.0]])), 0.1, falls=True)
    assert gain(cost, truth, worse, truth, np.arange(100), 2).value == 1
    assert gain(cost, truth, truth, worse, np.arange(100), 2).low == -1


def test_the_bound_of_independent_examples_is_that_of_the_normal_approximation() -> None:
    generator = np.random.default_rng(3)
    truth = np.zeros(2_000, np.int64)
    champion, challenger = ((generator.random(2_000) < share).astype(int) for share in (0.2, 0.2))
    right = Measure("accuracy", lambda counts: counts[..., 0, 0] / counts.sum(axis=(-2, -1)), 0.01)
    found = gain(right, truth, champion, challenger, np.arange(2_000), 2)
    differences = champion - challenger
    low = differences.mean() - 1.645 * differences.std() / np.sqrt(2_000)
    assert found.low == pytest.approx(low, abs=0.002)


def test_the_beats_of_one_patient_are_not_so_many_independent_ones() -> None:
    generator = np.random.default_rng(4)
    patients = np.repeat(np.arange(20), 100)
    truth = np.zeros(2_000, np.int64)
    champion = np.zeros(2_000, np.int64)
    challenger = np.repeat((generator.random(20) < 0.2).astype(int), 100)
    right = Measure("accuracy", lambda counts: counts[..., 0, 0] / counts.sum(axis=(-2, -1)), 0.01)
    clustered = gain(right, truth, champion, challenger, patients, 2)
    as_if_not = gain(right, truth, champion, challenger, np.arange(2_000), 2)
    assert clustered.value == as_if_not.value
    assert clustered.value - clustered.low > 5 * (as_if_not.value - as_if_not.low)
