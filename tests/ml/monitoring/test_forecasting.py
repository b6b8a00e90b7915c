"""Forecasts: exact lines exactly, noisy ones within their interval as often as stated."""

import numpy as np
import pytest
from scipy import stats

from ml.monitoring.forecasting import FEWEST_DAYS, Forecast, forecast
from ml.monitoring.simulating import NEVER, SERIES, covered

DAYS = list(range(100, 130))


def told(
    values: list[float], threshold: float, *, above: bool = True, days: list[int] | None = None
) -> Forecast:
    found = forecast(days or DAYS, values, threshold, above=above)
    assert found is not None
    return found


def test_an_exact_line_crosses_when_it_crosses() -> None:
    found = told([0.01 * day for day in range(30)], 0.01 * 29 + 0.1)

    assert found.expected == pytest.approx(10, abs=0.25)
    assert found.earliest == pytest.approx(10, abs=0.25)
    assert found.latest == pytest.approx(10, abs=0.25)
    assert found.within == pytest.approx(1)
    assert found.slope == pytest.approx(0.01)


def test_a_share_that_falls_is_forecast_below_its_threshold_alike() -> None:
    generator = np.random.default_rng(1)
    values = (0.1 + 0.01 * np.arange(30) + generator.normal(0, 0.03, 30)).tolist()
    rising = told(values, 0.6)
    falling = told([-each for each in values], -0.6, above=False)

    assert (rising.earliest, rising.expected, rising.latest) == (
        falling.earliest,
        falling.expected,
        falling.latest,
    )
    assert rising.within == pytest.approx(falling.within)
    assert rising.slope == pytest.approx(-falling.slope)


def test_what_is_beyond_already_is_so_now() -> None:
    found = told([0.5 + 0.01 * (day % 2) for day in range(30)], 0.2)
    assert (found.earliest, found.expected, found.latest) == (0, 0, 0)


def test_what_does_not_move_never_crosses_within_the_horizon() -> None:
    steady, generator = told([0.1] * 30, 0.5), np.random.default_rng(2)
    noisy = told((0.1 + generator.normal(0, 0.02, 30)).tolist(), 0.5)
    away = told([0.5 - 0.01 * day for day in range(30)], 0.7)

    for found in (steady, noisy, away):
        assert (found.expected, found.latest) == (None, None)
        assert found.within < 0.1


def test_an_uncertain_crossing_has_an_earliest_day_and_no_latest() -> None:
    generator = np.random.default_rng(3)
    found = told((0.1 + 0.001 * np.arange(30) + generator.normal(0, 0.08, 30)).tolist(), 0.5)

    assert found.earliest is not None
    assert found.latest is None
    assert 0.1 < found.within < 0.9


def test_noise_that_lasts_makes_it_less_sure() -> None:
    generator = np.random.default_rng(4)
    noise = generator.normal(0, 0.03, 60)
    lasting = noise.copy()
    for day in range(1, 60):
        lasting[day] = 0.8 * lasting[day - 1] + 0.6 * noise[day]
    line, days = 0.1 + 0.005 * np.arange(60), list(range(60))
    even, uneven = (told((line + each).tolist(), 0.55, days=days) for each in (noise, lasting))

    assert even.latest is not None
    assert even.earliest is not None
    assert uneven.earliest is not None
    assert uneven.latest is None or uneven.latest - uneven.earliest > even.latest - even.earliest


def test_a_pattern_of_the_week_is_not_taken_for_noise() -> None:
    days = list(range(28))
    week = [0.2, 0.0, -0.1, 0.1, -0.2, 0.05, -0.05]
    found = told([0.01 * day + week[day % 7] for day in days], 0.47, days=days)

    assert found.expected == pytest.approx(20, abs=0.25)
    assert found.latest == pytest.approx(20, abs=0.25)


def test_too_few_days_say_nothing_and_days_without_a_value_do_not_count() -> None:
    values = [0.1] * FEWEST_DAYS
    assert forecast(range(FEWEST_DAYS - 1), values[1:], 0.5) is None
    assert forecast(range(FEWEST_DAYS), [float("nan"), *values[1:]], 0.5) is None
    assert forecast(range(FEWEST_DAYS), values, 0.5) is not None
    assert forecast([], [], 0.5) is None


@pytest.mark.parametrize(
    "days, value", [([*range(20), 19], 0.1), ([*range(20), 5], 0.1), (range(21), np.inf)]
)
def test_clocks_that_jump_and_infinite_values_are_refused(days: list[int], value: float) -> None:
    with pytest.raises(ValueError, match="ascend"):
        forecast(days, [0.1] * 20 + [value], 0.5)


def test_of_200_series_the_80_percent_interval_holds_the_crossing_of_75_to_85_percent() -> None:
    kinds = [kind for kind in SERIES if kind != NEVER]
    held = [covered(kind, 21, 40) for kind in kinds]

    assert 0.75 <= np.mean(held) <= 0.85
    assert min(stats.binomtest(round(40 * share), 40, 0.8).pvalue for share in held) > 0.001


def test_what_never_crosses_is_rarely_said_to() -> None:
    assert covered(NEVER, 22, 20) >= 0.9
