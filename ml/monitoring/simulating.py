"""How often the methods of this package are wrong, measured on made data whose truth is known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.monitoring.adwin import changes
from ml.monitoring.drift import drift
from ml.monitoring.forecasting import forecast
from ml.monitoring.reference import Reference, Row
from ml.monitoring.sketches import ERROR, Sketch

Numbers: TypeAlias = npt.NDArray[np.float64]

REFERENCE_ROWS = 1000
WINDOW_ROWS = 200
NUMERIC = ("plain", "skewed", "whole", "tied", "sparse", "second", "third", "fourth")
NAMED: Mapping[str, tuple[float, ...]] = {
    "sex": (0.5, 0.5),
    "quality": (0.7, 0.2, 0.08, 0.02),
    "complaint": tuple(1 / each for each in range(1, 21)),
    "rare": (0.99, 0.008, 0.002),
}
"""The categories' shares, or numbers they are in proportion to."""
TOGETHER = 0.6
"""The correlation of features where they go together."""
ALARMS = (0.01, 0.05)
_PERMUTATIONS = 399


@dataclass(frozen=True, slots=True)
class Change:
    """What has become of a population; by default nothing.

    Parameters
    ----------
    shift
        Of the feature `plain`, in standard deviations.
    missing
        The share of it that is not measured any more.
    worse
        How many, as a share, have fallen from the best `quality` to the next.
    """

    shift: float = 0.0
    missing: float = 0.0
    worse: float = 0.0


SAME = Change()
CHANGES: Mapping[str, Change] = {
    "one measured feature by half a standard deviation": Change(shift=0.5),
    "one feature not measured in 15 % more": Change(missing=0.15),
    "quality worse in 20 %": Change(worse=0.2),
}


def population(
    generator: np.random.Generator, rows: int, change: Change = SAME, together: float = 0.0
) -> list[Row]:
    """Return rows of 8 measured features (skewed, tied, missing) and 4 named ones (many, rare categories)."""
    features = len(NUMERIC) + len(NAMED)
    common, own = generator.normal(size=(rows, 1)), generator.normal(size=(rows, features))
    drawn = np.sqrt(together) * common + np.sqrt(1 - together) * own
    drawn[:, 0] += change.shift
    unmeasured = generator.random((2, rows)) < [[change.missing], [0.6]]
    columns: dict[str, list[float] | list[str]] = {
        "plain": np.where(unmeasured[0], np.nan, drawn[:, 0]).tolist(),
        "skewed": np.exp(drawn[:, 1]).tolist(),
        "whole": np.clip(np.round(4 + 2.5 * drawn[:, 2]), 0, 10).tolist(),
        "tied": np.where(drawn[:, 3] < 1.2, 15, np.round(14 - drawn[:, 3])).tolist(),
        "sparse": np.where(unmeasured[1], np.nan, drawn[:, 4]).tolist(),
        **{name: drawn[:, 5 + place].tolist() for place, name in enumerate(NUMERIC[5:])},
    }
    for place, (name, shares) in enumerate(NAMED.items(), start=len(NUMERIC)):
        worse = change.worse if name == "quality" else 0.0
        bounds = np.cumsum(shares)[:-1] / sum(shares) - worse * (np.arange(len(shares) - 1) == 0)
        columns[name] = np.searchsorted(bounds, special.ndtr(drawn[:, place])).astype(str).tolist()
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def lowest_p(seed: int, runs: int, change: Change = SAME, together: float = 0.0) -> Numbers:
    """Return the least p over all features, of windows against references of the unchanged population."""
    found = np.empty(runs)
    for run in range(runs):
        generator = np.random.default_rng([seed, run])
        learnt = population(generator, REFERENCE_ROWS, together=together)
        reference = Reference.of(learnt, NUMERIC, tuple(NAMED))
        window = reference.count(population(generator, WINDOW_ROWS, change, together))
        told = drift(reference, window, permutations=_PERMUTATIONS)
        found[run] = min(each.p for each in told.features) if told else 1.0
    return found


@dataclass(frozen=True, slots=True)
class Series:
    """A daily figure whose level passes a threshold so many days after the last, or never (infinity)."""

    days: npt.NDArray[np.int64]
    values: Numbers
    threshold: float
    crossing: float


def _series(generator: np.random.Generator) -> tuple[npt.NDArray[np.int64], Numbers, float, float]:
    """Return days, a level on each, a threshold above, and when it is passed."""
    days = np.arange(generator.integers(28, 91)) + generator.integers(0, 7)
    slope, crossing = generator.uniform(0.002, 0.006), generator.uniform(3, 60)
    level = 0.1 + slope * (days - days[0])
    return days, level, float(level[-1] + slope * crossing), float(crossing)


def _even(generator: np.random.Generator) -> Series:
    days, level, threshold, crossing = _series(generator)
    return Series(days, level + _noise(generator, len(days)), threshold, crossing)


def _lasting(generator: np.random.Generator) -> Series:
    days, level, threshold, crossing = _series(generator)
    noise = _noise(generator, len(days))
    for day in range(1, len(days)):
        noise[day] = 0.6 * noise[day - 1] + 0.8 * noise[day]
    return Series(days, level + noise, threshold, crossing)


def _weekly(generator: np.random.Generator) -> Series:
    days, level, threshold, crossing = _series(generator)
    week = generator.normal(0, 0.05, 7)
    return Series(
        days, level + (week - week.mean())[days % 7] + _noise(generator, len(days)), threshold, crossing
    )


def _gaps(generator: np.random.Generator) -> Series:
    days, level, threshold, crossing = _series(generator)
    there = np.append(generator.random(len(days) - 1) > 0.3, True)
    return Series(days[there], (level + _noise(generator, len(days)))[there], threshold, crossing)


def _counted(generator: np.random.Generator) -> Series:
    days, level, threshold, crossing = _series(generator)
    answers = generator.integers(50, 200, len(days))
    return Series(days, generator.binomial(answers, level) / answers, threshold, crossing)


def _flat(generator: np.random.Generator) -> Series:
    days, _, _, _ = _series(generator)
    return Series(days, 0.1 + _noise(generator, len(days)), 0.2, float("inf"))


def _noise(generator: np.random.Generator, days: int) -> Numbers:
    return generator.normal(0, generator.uniform(0.02, 0.05), days)


SERIES: Mapping[str, Callable[[np.random.Generator], Series]] = {
    "even noise": _even,
    "noise that lasts (r = 0.6)": _lasting,
    "a pattern of the week": _weekly,
    "a third of the days missing": _gaps,
    "rates of 50 to 200 answers": _counted,
    "level": _flat,
}
"""Kinds of series; the last never crosses."""
NEVER = "level"


def covered(kind: str, seed: int, runs: int) -> float:
    """Return the share of made series whose interval holds the true crossing; after the horizon is open."""
    held, place = 0, tuple(SERIES).index(kind)
    for run in range(runs):
        series = SERIES[kind](np.random.default_rng([seed, place, run]))
        told = forecast(series.days.tolist(), series.values.tolist(), series.threshold)
        if told is not None:
            earliest, latest = (np.inf if each is None else each for each in (told.earliest, told.latest))
            held += earliest <= series.crossing <= latest
    return held / runs


def noticed(seed: int, runs: int, before: float, after: float, values: int = 1000) -> float:
    """Return the share of sequences of right and wrong in whose second half a change of the mean is found."""
    found = 0
    for run in range(runs):
        generator = np.random.default_rng([seed, run])
        wrong = generator.random(values) < np.repeat([before, after], values // 2)
        found += any(each.seen > values // 2 for each in changes(wrong.astype(np.float64).tolist()))
    return found / runs


def sketch_error(seed: int) -> float:
    """Return by how much, of themselves, quantiles of made latencies are off at most."""
    latencies = np.random.default_rng(seed).lognormal(3, 1.5, 20_000)
    sketch = Sketch.of("latency_ms", latencies.tolist())
    return max(
        abs((sketch.quantile(share) or 0.0) / float(np.quantile(latencies, share, method="lower")) - 1)
        for share in (0.01, 0.5, 0.95, 0.99)
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: what it is, how often out of how many, and what it is to lie between."""

    name: str
    value: float
    runs: int
    low: float
    high: float

    @property
    def missed(self) -> bool:
        """Whether it lies outside."""
        return not self.low <= self.value <= self.high


def measure(runs: int, seed: int = 0, tell: Callable[[str], None] = lambda _what: None) -> Iterator[Measured]:
    """Yield the figures of all methods, each from so many runs.

    A rate that is to be as stated may be off by what chance does in all but one of a thousand such runs.
    """
    for name, together in (("independent", 0.0), ("correlated", TOGETHER)):
        tell(f"false alarms, {name} features")
        found = lowest_p(seed, runs, together=together)
        for rate in ALARMS:
            low, high = _bounds(rate, runs)
            what, share = f"false alarms at {rate:g}, {name} features", float((found <= rate).mean())
            yield Measured(what, share, runs, 0 if together else low, high)
    some = max(runs // 5, 1)
    for name, change in CHANGES.items():
        tell(name)
        share = float((lowest_p(seed + 1, some, change) <= ALARMS[0]).mean())
        yield Measured(f"found at {ALARMS[0]:g}: {name}", share, some, 0.9, 1)
    tell("forecasts")
    yield from _forecasts(seed + 2, runs)
    tell("ADWIN")
    yield Measured("ADWIN: a change where there is none", noticed(seed, runs, 0.1, 0.1), runs, 0, 0.02)
    yield Measured("ADWIN: errors rise from 10 to 30 %", noticed(seed, runs, 0.1, 0.3), runs, 0.9, 1)
    yield Measured("quantiles of latency: relative error", sketch_error(seed), 1, 0, ERROR)


def _forecasts(seed: int, runs: int) -> Iterator[Measured]:
    what, kinds = "the 80 % interval holds the crossing", {kind: covered(kind, seed, runs) for kind in SERIES}
    crossing = [share for kind, share in kinds.items() if kind != NEVER]
    mean = float(np.mean(crossing))
    yield Measured(f"{what}: all that cross", mean, runs * len(crossing), 0.75, 0.85)
    for kind, share in kinds.items():
        high = 1 if kind == NEVER else 0.85
        yield Measured(f"{what}: {kind}", share, runs, 0.75, high)


def _bounds(rate: float, runs: int) -> tuple[float, float]:
    """Return between which shares of so many runs a rate lies in all but one of a thousand."""
    at_most = special.bdtr(np.arange(runs + 1), runs, rate)
    return float((at_most < 0.0005).sum() / runs), float((at_most < 0.9995).sum() / runs)
