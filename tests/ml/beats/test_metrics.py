"""Figures from confusion matrices, worked out by hand."""

import numpy as np
import pytest

from ml.beats.classes import AAMI_CLASSES
from ml.beats.metrics import Figures, confusion, figures

COUNTS = np.array([[90, 5, 3, 2, 0], [2, 7, 1, 0, 0], [1, 0, 18, 1, 0], [1, 0, 1, 2, 0], [1, 0, 0, 0, 1]])


def test_rows_are_the_truth() -> None:
    assert confusion(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), 3).tolist() == [
        [1, 0, 1],
        [0, 1, 0],
        [0, 1, 0],
    ]


def test_a_class_is_judged_against_all_others() -> None:
    ventricular = Figures(AAMI_CLASSES, COUNTS).by_class["V"]

    # 18 of 20 found; 5 of the 116 others called so too.
    assert ventricular.support == 20
    assert ventricular.sensitivity == pytest.approx(90)
    assert ventricular.ppv == pytest.approx(100 * 18 / 23)
    assert ventricular.specificity == pytest.approx(100 * 111 / 116)
    assert ventricular.f1 == pytest.approx(100 * 36 / 43)


def test_accuracy_and_kappa_of_two_classes() -> None:
    # Cohen's own kind of example: 50 items, 35 agreed on, 27.5 by chance (30 * 25 / 50 + 20 * 25 / 50 = 25).
    pooled = Figures(("a", "b"), np.array([[20, 5], [10, 15]]))

    assert pooled.accuracy == pytest.approx(70)
    assert pooled.kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_the_index_jk_leaves_out_what_is_truly_unclassifiable() -> None:
    # Of 134: 117 right, 10,000 / 134² by chance; S 7/10 and 7/12, V 18/20 and 18/23.
    kappa = (117 / 134 - 10000 / 134**2) / (1 - 10000 / 134**2)
    expected = kappa / 2 + (7 / 10 + 7 / 12 + 18 / 20 + 18 / 23) / 8

    assert expected == pytest.approx(0.7276, abs=5e-5)
    assert Figures(AAMI_CLASSES, COUNTS).jk == pytest.approx(expected)


def test_means_over_classes_leave_out_a_class_without_examples() -> None:
    pooled = figures(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]), ("a", "b", "c"))

    assert pooled.macro("sensitivity") == pytest.approx(75)
    assert pooled.by_class["c"].sensitivity == 0
    assert set(pooled.figures()["classes"]) == {"a", "b", "c"}


def test_no_answers_give_no_figures_and_no_error() -> None:
    none = figures(np.zeros(0, np.int64), np.zeros(0, np.int64), AAMI_CLASSES)

    assert (none.accuracy, none.macro("f1"), none.kappa, none.jk) == (0, 0, 0, 0)
