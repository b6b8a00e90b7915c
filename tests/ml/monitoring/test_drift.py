"""Drift: statistics by hand and by SciPy, alarms as often as stated."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from ml.monitoring import simulating
from ml.monitoring.drift import FEWEST_ROWS, Drift, FeatureDrift, drift, psi, psi_beyond_chance
from ml.monitoring.reference import Counts, Reference, Row
from ml.registry.shipped import shipped

Numbers = npt.NDArray[np.float64]


def made(numbers: Numbers, name: str = "x") -> Reference:
    return Reference.of([{name: float(each)} for each in numbers], (name,), ())


def told(reference: Reference, rows: list[Row]) -> Drift:
    found = drift(reference, reference.count(rows))
    assert found is not None
    return found


def only(found: Drift) -> FeatureDrift:
    (one,) = found.features
    return one


def test_the_index_of_two_histograms_is_as_computed_by_hand() -> None:
    # shares of 30.5, 50.5, 20.5 in 101.5 and of 10.5, 50.5, 40.5 in 101.5
    expected = (20 / 101.5) * math.log(30.5 / 10.5) + (20 / 101.5) * math.log(40.5 / 20.5)
    assert psi([30, 50, 20], [10, 50, 40]) == pytest.approx(expected)
    assert psi([30, 50, 20], [60, 100, 40]) == pytest.approx(0, abs=1e-4)
    assert psi([5, 0], [0, 5]) == pytest.approx(2 * (5 / 6) * math.log(11))


def test_an_empty_bin_does_not_make_the_index_infinite() -> None:
    assert math.isfinite(psi([0, 100, 0], [50, 0, 0]))


def test_the_distance_of_whole_values_is_scipys() -> None:
    generator = np.random.default_rng(3)
    then, now = generator.integers(0, 9, 400).astype(float), generator.binomial(9, 0.4, 150).astype(float)
    reference = Reference.of([{"x": each} for each in then], ("x",), ())
    found = only(told(reference, [{"x": each} for each in now]))
    edges = np.array([*reference.features[0].edges, 9.0])  # type: ignore[union-attr] # it is numeric
    binned = [edges[np.searchsorted(edges, each)] for each in (then, now)]

    assert found.test == "ks"
    assert found.statistic == pytest.approx(stats.ks_2samp(*binned).statistic)


def test_g_is_scipys() -> None:
    then: list[Row] = [{"c": each} for each in "a" * 60 + "b" * 30 + "c" * 10]
    now: list[Row] = [{"c": each} for each in "a" * 20 + "b" * 30 + "d" * 10]
    found = only(told(Reference.of(then, (), ("c",)), now))
    table = [[60, 30, 10, 0], [20, 30, 0, 10]]

    assert found.test == "g"
    assert found.statistic == pytest.approx(stats.chi2_contingency(table, lambda_="log-likelihood").statistic)


def test_deciles_lose_little_of_the_distance_between_two_samples() -> None:
    generator = np.random.default_rng(4)
    then, now = generator.normal(size=1000), generator.normal(0.5, 1.2, size=400)
    found = only(told(made(then), [{"x": each} for each in now]))
    whole = stats.ks_2samp(then, now).statistic

    assert 0.9 * whole < found.statistic <= whole


def test_what_is_no_longer_measured_is_found_and_told() -> None:
    reference = Reference.of([{"x": float(each)} for each in range(500)], ("x",), ())
    later: list[Row] = [{"x": float(5 * each)} if each % 4 else {} for each in range(100)]
    found = only(told(reference, later))

    assert found.missing == (0.0, 0.25)
    assert found.statistic == pytest.approx(0.25, abs=0.03)
    assert found.drifted


def test_the_thresholds_are_those_that_alarms_follow() -> None:
    generator = np.random.default_rng(5)
    reference = Reference.of(
        simulating.population(generator, 800), simulating.NUMERIC, tuple(simulating.NAMED)
    )
    rows = simulating.population(generator, 200, simulating.Change(shift=0.6, worse=0.2))
    found = told(reference, rows)

    assert set(found.drifted) == {"plain", "quality"}
    for each in found.features:
        beyond = each.psi > each.psi_threshold or each.statistic > each.statistic_threshold
        assert each.drifted is beyond is (each.p <= found.false_alarms)


def test_the_same_counts_get_the_same_answer_and_few_rows_none() -> None:
    generator = np.random.default_rng(6)
    reference = made(generator.normal(size=300))
    rows: list[Row] = [{"x": float(each)} for each in generator.normal(size=FEWEST_ROWS)]

    assert told(reference, rows) == told(reference, rows)
    assert drift(reference, reference.count(rows[1:])) is None
    assert drift(reference, reference.count([])) is None


def test_a_feature_that_never_varies_is_no_alarm_and_a_constant_that_changes_is() -> None:
    reference = Reference.of([{"x": 1.0, "c": "a"}] * 200, ("x",), ("c",))
    same = told(reference, [{"x": 1.0, "c": "a"}] * 100)
    other = told(reference, [{"x": 1.0, "c": "b"}] * 100)

    assert same.drifted == ()
    assert all(each.p == 1 for each in same.features)
    assert other.drifted == ("c",)


def test_divisions_that_have_equal_shares_hide_no_alarm() -> None:
    then: list[Row] = [{"x": float(n % 10), "c": "a" if n % 10 else "b"} for n in range(800)]
    now: list[Row] = [{"x": float(n % 5), "c": "a" if n % 10 else "b"} for n in range(400)]
    found = told(Reference.of(then, ("x",), ("c",)), now)

    assert found.drifted == ("x",)
    assert all(math.isfinite(each.statistic_threshold) for each in found.features)


def beyond(then: npt.NDArray[np.int64], now: npt.NDArray[np.int64]) -> float:
    (one,) = psi_beyond_chance(then.tolist(), [now.tolist()])
    return float(one)


def test_without_what_chance_brings_the_index_of_any_window_is_about_nothing() -> None:
    generator = np.random.default_rng(5)
    shares = np.full(10, 0.1)
    for size in (60, 2_000):
        windows = [
            beyond(generator.multinomial(1_000, shares), generator.multinomial(size, shares))
            for _ in range(300)
        ]
        assert abs(float(np.mean(windows))) < 0.15 * 9 * (1 / size + 1 / 1_000)
    moved = [0.19, *[0.09] * 9]
    large = beyond(generator.multinomial(10**6, shares), generator.multinomial(10**6, moved))
    assert large == pytest.approx(psi(np.array(shares) * 10**9, np.array(moved) * 10**9), rel=0.02)


@pytest.mark.parametrize("rows", [50, 100])
@pytest.mark.parametrize("name", ["sexe", "motif_consultation", "age", "glycemie"])
def test_no_number_of_cells_moves_it_not_even_of_empty_ones(name: str, rows: int) -> None:
    """Parts of what the shipped version learnt from are like the rest of it."""
    version = shipped("triage")
    assert version is not None
    reference = Reference.from_bytes((version.folder / "reference.json").read_bytes())
    whole = np.array(reference.counts[name], np.int64)
    generator = np.random.default_rng(20261128)
    windows = generator.multivariate_hypergeometric(whole, rows, size=300)
    assert abs(np.mean([beyond(whole - each, each) for each in windows])) <= 0.02


@pytest.mark.parametrize("then, now", [([30, 50, 0, 20], [3, 9, 0, 8]), ([900, 5_000], [400, 1_600])])
def test_what_chance_brings_is_the_mean_over_random_divisions(then: list[int], now: list[int]) -> None:
    both, rows = np.array(then, np.int64) + np.array(now, np.int64), sum(now)
    generator = np.random.default_rng(9)
    divided = generator.multivariate_hypergeometric(both, rows, size=20_000)
    occupied = both > 0
    indices = [psi((both - each)[occupied], each[occupied]) for each in divided]
    told = psi(np.array(then)[occupied], np.array(now)[occupied]) - beyond(np.array(then), np.array(now))
    assert told == pytest.approx(np.mean(indices), abs=5 * np.std(indices) / np.sqrt(len(indices)))


@pytest.mark.parametrize(
    "counts",
    [{}, {"x": (60, 0)}, {"x": (60, *(0,) * 10)}, {"x": (60, *(0,) * 10), "c": (60, 0, 0, 0)}],
)
def test_counts_of_another_reference_are_refused(counts: Counts) -> None:
    reference = Reference.of([{"x": float(each), "c": "a"} for each in range(100)], ("x",), ("c",))
    with pytest.raises(ValueError, match="other features or bins"):
        drift(reference, counts)


def test_counts_of_unlike_numbers_of_rows_are_refused() -> None:
    reference = Reference.of([{"x": float(each), "c": "a"} for each in range(100)], ("x",), ("c",))
    counts = reference.count([{"x": 1.0, "c": "a"}] * 60)
    with pytest.raises(ValueError, match="same rows"):
        drift(reference, {**counts, "c": (0, 59, 0)})


def test_a_million_rows_take_no_longer_than_they_are_counted() -> None:
    reference = made(np.random.default_rng(7).normal(size=1000))
    counts = {name: tuple(1000 * each for each in now) for name, now in reference.counts.items()}
    found = drift(reference, counts)

    assert found is not None
    assert found.rows == 1_000_000
    assert found.drifted == ()


def test_windows_like_the_reference_raise_alarms_as_often_as_stated() -> None:
    found = simulating.lowest_p(11, 40)
    assert stats.binomtest(int((found <= 0.05).sum()), 40, 0.05).pvalue > 0.001


def test_features_that_go_together_do_not_raise_more() -> None:
    found = simulating.lowest_p(12, 20, together=simulating.TOGETHER)
    assert stats.binomtest(int((found <= 0.05).sum()), 20, 0.05, "greater").pvalue > 0.001


@pytest.mark.parametrize("what", simulating.CHANGES)
def test_changes_of_stated_size_are_found(what: str) -> None:
    found = simulating.lowest_p(13, 8, simulating.CHANGES[what])
    assert (found <= 0.01).sum() >= 5
