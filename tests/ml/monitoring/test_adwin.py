"""ADWIN: what river's finds, when river finds it."""

import numpy as np
import pytest
from river.drift import ADWIN

from ml.monitoring.adwin import Change, changes


def errors(seed: int, *rates: float) -> list[float]:
    generator = np.random.default_rng(seed)
    return [float(each < rate) for rate in rates for each in generator.random(700)]


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_changes_at_the_same_observation_as_river(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = errors(seed, *generator.uniform(0.02, 0.5, 3).tolist())
    if seed % 3 == 2:  # not only right and wrong
        values = [each * share for each, share in zip(values, generator.random(len(values)), strict=True)]
    theirs, found = ADWIN(), []  # type: ignore[no-untyped-call] # river's has no types
    for number, value in enumerate(values, start=1):
        theirs.update(value)  # type: ignore[no-untyped-call] # as above
        if theirs.drift_detected:
            found.append(number)

    assert [each.seen for each in changes(values)] == found


def test_it_says_what_the_mean_was_and_is() -> None:
    (found,) = changes(errors(2, 0.05, 0.4))

    assert 700 < found.seen < 830
    assert found.at == pytest.approx(700, abs=20)
    assert found.before == pytest.approx(0.05, abs=0.02)
    assert found.after == pytest.approx(0.4, abs=0.15)


def test_it_begins_anew_after_a_change() -> None:
    up, down = changes(errors(2, 0.05, 0.5, 0.05))
    assert up.after > up.before
    assert down.after < down.before


@pytest.mark.parametrize("values", [[], [1.0], [0.0] * 2000, [1.0] * 2000, [0.3] * 2000])
def test_what_never_changes_has_no_change(values: list[float]) -> None:
    assert changes(values) == []


def test_the_plainest_change_is_found_at_the_next_look() -> None:
    assert changes([0.0] * 320 + [1.0] * 320) == [Change(352, 320, 0.0, 1.0)]


def test_recordings_that_differ_are_no_changes_when_each_is_one_value() -> None:
    """Of 100 series of 100 recordings with 20 opinions each, wrong in a tenth and in some always."""
    generator = np.random.default_rng(20261128)
    shares = generator.binomial(20, generator.beta(0.3, 2.7, (100, 100))) / 20
    assert sum(len(changes(each)) for each in shares) <= 2
