"""Sketches: two days added are both together, quantiles as near as stated."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.monitoring.sketches import ERROR, LATENCY_MS, Kind, Sketch

latencies = st.lists(st.floats(*LATENCY_MS), max_size=50)
confidences = st.lists(st.floats(0, 1), max_size=50)


@given(
    st.sampled_from(["latency_ms", "confidence"]), st.lists(st.floats(-1, 1e9)), st.lists(st.floats(-1, 1e9))
)
def test_two_days_added_are_both_days_counted_together(kind: Kind, a: list[float], b: list[float]) -> None:
    both = Sketch.of(kind, a) + Sketch.of(kind, b)

    assert both == Sketch.of(kind, [*a, *b])
    assert both.total == len(a) + len(b)
    assert Sketch.from_json(kind, json.loads(json.dumps(both.to_json()))) == both


@given(latencies.filter(bool), st.floats(0, 1))
def test_a_quantile_of_latencies_is_off_by_at_most_its_stated_share(
    values: list[float], share: float
) -> None:
    exact = sorted(values)[int(share * (len(values) - 1))]
    assert Sketch.of("latency_ms", values).quantile(share) == pytest.approx(exact, rel=ERROR * (1 + 1e-6))


@given(confidences.filter(bool), st.floats(0, 1))
def test_a_quantile_of_confidences_is_off_by_at_most_half_a_hundredth(
    values: list[float], share: float
) -> None:
    exact = sorted(values)[int(share * (len(values) - 1))]
    assert Sketch.of("confidence", values).quantile(share) == pytest.approx(exact, abs=0.005 + 1e-9)


def test_p95_of_a_hundred_known_latencies() -> None:
    sketch = Sketch.of("latency_ms", range(1, 101))
    assert sketch.quantile(0.5) == pytest.approx(50, rel=ERROR)
    assert sketch.quantile(0.95) == pytest.approx(95, rel=ERROR)


def test_nothing_has_no_quantile() -> None:
    assert Sketch.of("latency_ms", []).quantile(0.5) is None


def test_what_clocks_that_jump_measure_is_counted_at_the_ends() -> None:
    sketch = Sketch.of("latency_ms", [-5.0, 0.0, float("inf"), 1e12])

    assert sketch.total == 4
    assert sketch.quantile(0) == pytest.approx(LATENCY_MS[0], rel=ERROR)
    assert sketch.quantile(1) == pytest.approx(LATENCY_MS[1], rel=2 * ERROR)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        Sketch.of("latency_ms", [1.0, float("nan")])


def test_a_million_values_stay_a_small_row() -> None:
    sketch = Sketch.of("latency_ms", np.random.default_rng(1).lognormal(3, 1.5, 1_000_000).tolist())
    assert len(json.dumps(sketch.to_json())) < 16_384


def test_confidences_are_shown_in_parts_that_divide_a_hundred() -> None:
    sketch = Sketch.of("confidence", [0.0, 0.09, 0.1, 0.95, 1.0])

    assert sketch.shares(10) == (0.4, 0.2, 0, 0, 0, 0, 0, 0, 0, 0.4)
    assert Sketch.of("confidence", []).shares(4) == (0, 0, 0, 0)
    for other, parts in ((sketch, 7), (Sketch.of("latency_ms", [1]), 10)):
        with pytest.raises(ValueError, match="parts"):
            other.shares(parts)


def test_latencies_and_confidences_are_not_added_up() -> None:
    with pytest.raises(ValueError, match="added up"):
        Sketch.of("latency_ms", [1]) + Sketch.of("confidence", [1])
