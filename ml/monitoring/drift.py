"""Whether later rows still look like what a version learnt from, at a stated rate of false alarms.

Of each feature two things are asked: the population stability index, and whether both samples may be of one
population (Kolmogorov and Smirnov's statistic for measured features, the likelihood ratio G for named ones).
An alarm is a statistic that hardly any random division of all rows into two such samples would reach in any
feature, so that a window of rows like the reference raises one or more only as often as is stated.

Not for windows of the same patients again and again, nor to say that a model has become worse: a change of
patients is no error, and a model may fail on patients who look as ever.
"""

from collections.abc import Mapping
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


def psi_beyond_chance(then: npt.ArrayLike, now: npt.ArrayLike) -> float:
    """Return the index without what windows of this size have by chance, so that sizes can be compared.

    About 0, on either side of it, where nothing has changed.
    """
    before, after = np.asarray(then, np.float64), np.asarray(now, np.float64)
    freedom = int((before + after > 0).sum()) - 1
    return psi(then, now) - freedom * (1 / float(before.sum()) + 1 / float(after.sum()))


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
