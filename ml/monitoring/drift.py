"""Whether later rows still look like what a version learnt from, at a stated rate of false alarms.

Of each feature two things are asked: the population stability index, and whether both samples may be of one
population (Kolmogorov and Smirnov's statistic for measured features, the likelihood ratio G for named ones).
An alarm is a statistic that hardly any random division of all rows into two such samples would reach in any
feature, so that a window of rows like the reference raises one or more only as often as is stated.

Not for windows of the same patients again and again, nor to say that a model has become worse: a change of
patients is no error, and a model may fail on patients who look as ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.monitoring.reference import Counts, Numeric, Reference

FALSE_ALARMS = 0.01
"""Of windows that are like the reference one in a hundred raises an alarm, however many the features."""
PERMUTATIONS = 1999
FEWEST_ROWS = 50
_SMOOTHING = 0.5
_POINTS = 64
"""Into so many steps, at most, a distribution is divided that has more numbers."""
_SEED = 0

Numbers: TypeAlias = npt.NDArray[np.float64]
Statistic: TypeAlias = Literal["ks", "g"]


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """What is said of one feature.

    Parameters
    ----------
    name
        The feature's.
    psi
        Population stability index; by custom 0.1 is a moderate and 0.25 a large change.
    test, statistic
        The two-sample test's: the distance of Kolmogorov and Smirnov, or G.
    psi_threshold, statistic_threshold
        What either has to pass for an alarm, in a window of this size.
    p
        How often a random division of the rows has a feature that stands out as much: over all features.
    missing
        The share that is missing, in the reference and now.
    drifted
        Whether it is an alarm.
    """

    name: str
    psi: float
    test: Statistic
    statistic: float
    psi_threshold: float
    statistic_threshold: float
    p: float
    missing: tuple[float, float]
    drifted: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """What is said of a window; `features` are in the reference's order."""

    rows: int
    false_alarms: float
    features: tuple[FeatureDrift, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Return the features that are alarms."""
        return tuple(each.name for each in self.features if each.drifted)


def drift(
    reference: Reference,
    window: Counts,
    false_alarms: float = FALSE_ALARMS,
    permutations: int = PERMUTATIONS,
) -> Drift | None:
    """Hold a window's rows against a reference; None where they are too few to say anything.

    The features are divided each by itself, since only counts are kept. Where features go together, as
    pressures do, alarms are then rarer than stated, never (but for the approximation) more frequent.

    Parameters
    ----------
    reference
        Of the version that answered them.
    window
        Their counts (`Reference.count`, `merged`).
    false_alarms
        How often a window like the reference may raise any alarm.
    permutations
        How many random divisions that is told from; the same counts always get the same answer.

    Raises
    ------
    ValueError
        When the counts are of other features or bins than the reference's.
    """
    rows = _rows(reference, window)
    if rows < FEWEST_ROWS:
        return None
    generator = np.random.default_rng(_SEED)
    features, highest = [], np.zeros(permutations)
    for each in reference.features:
        then, now = np.asarray(reference.counts[each.name]), np.asarray(window[each.name])
        compared = _Compared(then + now, rows, "ks" if isinstance(each, Numeric) else "g")
        features.append((each.name, then, now, compared))
        divided = generator.multivariate_hypergeometric(then + now, rows, size=permutations)
        highest = np.maximum(highest, compared.scores(divided).max(axis=0))
    allowed = int(false_alarms * (permutations + 1))
    limit = float(np.sort(highest)[-allowed]) if allowed else np.inf
    told = [_told(name, then, now, compared, highest, limit) for name, then, now, compared in features]
    return Drift(rows, false_alarms, tuple(told))


def psi(then: npt.ArrayLike, now: npt.ArrayLike) -> float:
    """Return the population stability index of counts, half a row added to each so that none is empty."""
    before, after = np.asarray(then, np.float64), np.asarray(now, np.float64)
    return float(_psi(before[None], after[None])[0])


def psi_beyond_chance(then: Sequence[int], now: Sequence[Sequence[int]]) -> Numbers:
    """Return the indices of windows without what they have by chance, so that sizes can be compared.

    Of each window the mean of the index is taken away over all divisions of its rows and the reference's into
    two such samples. So it is 0 on average where nothing has changed, on either side of it, however few the
    rows and many the cells: (cells - 1) (1/n + 1/N), which large samples have, is nearly twice what 50 rows
    in 26 cells do. Cells without a row on either side are left out.

    Parameters
    ----------
    then
        The reference's counts.
    now
        Those of the windows, shape (windows, cells).
    """
    after = np.reshape(np.asarray(now, np.float64), (-1, len(then), 1))
    before = np.broadcast_to(np.asarray(then, np.float64)[:, None], after.shape)
    pooled, rows, rest = before + after, after.sum(axis=1, keepdims=True), before.sum(axis=1, keepdims=True)
    occupied = pooled > 0
    added = _SMOOTHING * occupied.sum(axis=1, keepdims=True)

    def parts(counts: Numbers) -> Numbers:
        """Return what cells add to the index where so many of their rows are in the window."""
        first = (pooled - counts + _SMOOTHING) / (rest + added)
        second = (counts + _SMOOTHING) / (rows + added)
        return np.asarray((second - first) * np.log(second / first))

    counts, chances = _divided(pooled, rows, rest)
    beyond = (parts(after) - (chances * parts(counts)).sum(axis=2, keepdims=True)) * occupied
    return np.asarray(beyond.sum(axis=(1, 2)))


def _divided(pooled: Numbers, rows: Numbers, rest: Numbers) -> tuple[Numbers, Numbers]:
    """Return how many of a cell's rows random divisions put into the window, and how often: hypergeometric.

    Every number within six standard deviations and six rows, or evenly spread points where these are many:
    there the distribution is smooth. The last axis is theirs.
    """
    share = rows / (rows + rest)
    reach = 6 * np.sqrt(pooled * share * (1 - share)) + 6
    lowest = np.maximum(np.floor(pooled * share - reach), np.maximum(0, pooled - rest))
    highest = np.minimum(np.ceil(pooled * share + reach), np.minimum(pooled, rows))
    step = np.maximum(1, (highest - lowest) / _POINTS)
    points = np.arange(_POINTS + 1)
    counts = np.minimum(lowest + step * points, highest)
    logarithm = -sum(
        special.gammaln(each + 1) for each in (counts, pooled - counts, rows - counts, rest - pooled + counts)
    )
    there = points <= np.rint((highest - lowest) / step)
    chances = there * np.exp(logarithm - logarithm.max(axis=2, keepdims=True))
    return counts, chances / chances.sum(axis=2, keepdims=True)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A feature's statistics and how surprising they are: of many windows with the same rows in all."""

    pooled: npt.NDArray[np.int64]
    rows: int
    test: Statistic

    @property
    def evidence(self) -> float:
        """Return how many rows two samples of equal size and as much to say would have, halved."""
        before = self.pooled.sum() - self.rows
        return float(before * self.rows / (before + self.rows))

    @property
    def freedom(self) -> int:
        return int((self.pooled > 0).sum()) - 1

    def statistics(self, now: npt.NDArray[np.int64]) -> tuple[Numbers, Numbers]:
        """Return the index and the test's statistic of windows, shape (windows, cells)."""
        occupied = self.pooled > 0
        after = now[:, occupied].astype(np.float64)
        before = self.pooled[occupied] - after
        return _psi(before, after), (_ks if self.test == "ks" else _g)(before, after)

    def scores(self, now: npt.NDArray[np.int64]) -> Numbers:
        """Return both on one scale, shape (2, windows): minus the logarithm of their usual p-values."""
        if not self.freedom:
            return np.zeros((2, len(now)))
        index, statistic = self.statistics(now)
        with np.errstate(divide="ignore"):
            scores: Numbers = -np.log(
                [special.chdtrc(self.freedom, index * self.evidence), self._p(statistic)]
            )
        return scores

    def _p(self, statistic: Numbers) -> Numbers:
        if self.test == "ks":
            return np.asarray(special.kolmogorov(statistic * np.sqrt(self.evidence)))
        return np.asarray(special.chdtrc(self.freedom, statistic))

    def thresholds(self, limit: float) -> tuple[float, float]:
        """Return the index and the statistic at a score."""
        p = np.exp(-limit)
        if not self.freedom:
            return np.inf, np.inf
        chi2 = float(special.chdtri(self.freedom, p))
        statistic = special.kolmogi(p) / np.sqrt(self.evidence) if self.test == "ks" else chi2
        return chi2 / self.evidence, float(statistic)


def _told(  # noqa: PLR0913, PLR0917 - what one line of the report is told from
    name: str,
    then: npt.NDArray[np.int64],
    now: npt.NDArray[np.int64],
    compared: _Compared,
    highest: Numbers,
    limit: float,
) -> FeatureDrift:
    index, statistic = compared.statistics(now[None])
    score = float(compared.scores(now[None]).max())
    index_threshold, statistic_threshold = compared.thresholds(limit)
    return FeatureDrift(
        name,
        float(index[0]),
        compared.test,
        float(statistic[0]),
        index_threshold,
        statistic_threshold,
        float(1 + (highest >= score).sum()) / (len(highest) + 1),
        (float(then[0] / then.sum()), float(now[0] / now.sum())),
        score > limit,
    )


def _rows(reference: Reference, window: Mapping[str, tuple[int, ...]]) -> int:
    cells = {each.name: each.cells for each in reference.features}
    if {name: len(each) for name, each in window.items()} != cells:
        raise ValueError("the counts are of other features or bins than the reference's")
    numbers = {sum(each) for each in window.values()}
    if len(numbers) != 1:
        raise ValueError("the features' counts are not of the same rows")
    return numbers.pop()


def _psi(before: Numbers, after: Numbers) -> Numbers:
    first, second = before + _SMOOTHING, after + _SMOOTHING
    first, second = first / first.sum(axis=1, keepdims=True), second / second.sum(axis=1, keepdims=True)
    index: Numbers = ((second - first) * np.log(second / first)).sum(axis=1)
    return index


def _ks(before: Numbers, after: Numbers) -> Numbers:
    """Return the largest distance between the shares up to each bin; what is missing is below them all."""
    first, second = np.cumsum(before, axis=1), np.cumsum(after, axis=1)
    distance: Numbers = np.abs(first / first[:, -1:] - second / second[:, -1:]).max(axis=1)
    return distance


def _g(before: Numbers, after: Numbers) -> Numbers:
    both = before + after
    share = after.sum(axis=1, keepdims=True) / both.sum(axis=1, keepdims=True)
    ratio: Numbers = 2 * (
        special.xlogy(after, after / (both * share)) + special.xlogy(before, before / (both * (1 - share)))
    ).sum(axis=1)
    return np.maximum(ratio, 0)  # equal shares give a little below it, which has no p-value
