"""An A/B test that may be looked at all the time: who errs less, and whether the arms are as they should be.

Errors are compared by a mixture sequential probability ratio test (Johari, Koomen, Pekelis & Walsh, Always
valid inference: continuous monitoring of A/B tests, Oper Res 70:1806, 2022; Peeking at A/B tests, KDD 2017):
of a difference d of error rates with variance V the likelihood ratio of effects drawn from N(0, tau^2) to
none is sqrt(V/(V+tau^2)) exp(tau^2 d^2 / (2 V (V+tau^2))). Under no effect it exceeds 1/alpha with a chance
of at most alpha, however often it is looked at, so the smallest inverse so far is a p-value at any time. V
takes the rate of both arms together, as there is no effect under the null, with two errors and two successes
more, so that the first few subjects decide nothing.

How many came into either arm is held against the chosen share by the ratio of a Beta mixture to that share,
which bears constant looking in the same way (Lindon & Malek, Anytime-valid inference for multinomial count
data, NeurIPS 2022): arms that are not as they should be mean that subjects got lost, and nothing else counts.
"""

from dataclasses import dataclass
from math import ceil, exp, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ALPHA = 0.05
RATIO_ALPHA = 0.01
"""Of the check of the arms: a false alarm stops a test that is sound, so it is to be rare."""
EFFECT = 0.03
"""The difference of error rates that is worth finding: three points."""
POWER = 0.8
TAU = EFFECT
USUAL_RATE = 0.15
"""The error rate by which need is told before there is one: that at which an alarm is raised."""
_EXACT = 1e-9
"""How near, relatively, the variance is told that is needed."""

Floats: TypeAlias = "npt.NDArray[np.floating]"


@dataclass(frozen=True)
class Arm:
    """How many subjects came into an arm, how many of them were judged, and how often it erred."""

    subjects: int
    judged: int
    errors: int

    @property
    def rate(self) -> float | None:
        """Return the share of errors; None before the first opinion."""
        return self.errors / self.judged if self.judged else None


def p_values(challenger: Floats, champion: Floats, errors: Floats, tau: float = TAU) -> Floats:
    """Return the p-value after each subject of a sequence; it never rises again.

    Parameters
    ----------
    challenger
        1 where the subject was the challenger's, 0 where it was the champion's; the last axis is time.
    champion
        The contrary.
    errors
        1 where the answer was wrong.
    """
    import numpy as np  # noqa: PLC0415 - the process that serves has none until a test is looked at

    counts = [np.cumsum(arm, axis=-1) for arm in (challenger, champion)]
    wrong = [np.cumsum(arm * errors, axis=-1) for arm in (challenger, champion)]
    there = np.minimum(*counts) > 0
    n_challenger, n_champion = (np.maximum(each, 1) for each in counts)
    difference = wrong[0] / n_challenger - wrong[1] / n_champion
    rate = (wrong[0] + wrong[1] + 2) / (n_challenger + n_champion + 4)
    variance = rate * (1 - rate) * (1 / n_challenger + 1 / n_champion)
    mixed = variance + tau**2
    exponent = tau**2 * difference**2 / (2 * variance * mixed)
    logarithm = np.where(there, 0.5 * np.log(variance / mixed) + exponent, 0.0)
    return np.asarray(np.exp(np.minimum.accumulate(np.minimum(-logarithm, 0.0), axis=-1)))


def ratio_p_value(challenger: int, champion: int, share: float) -> float:
    """Return how well the numbers of subjects fit the share that was to be the challenger's."""
    total = challenger + champion
    if not total:
        return 1.0
    # A Beta mixture about the share itself, worth a hundred subjects, so that a small lack is soon seen.
    a, b = 100 * share, 100 * (1 - share)
    logarithm = _log_beta(a + challenger, b + champion) - _log_beta(a, b)
    logarithm -= challenger * log(share) + champion * log1p(-share)
    return exp(min(0.0, -logarithm))


def needed(
    rate: float, effect: float = EFFECT, alpha: float = ALPHA, power: float = POWER, tau: float = TAU
) -> int:
    """Return how many judged subjects an arm needs for a difference to be found, looked for all the time.

    So many that the difference lies the power's quantile of standard errors beyond the boundary where the
    ratio of Johari et al. is 1/alpha: d^2 = 2 V (V + tau^2) / tau^2 (ln(1/alpha) + ln((V + tau^2)/V) / 2), by
    the normal approximation and at a rate that lies halfway, V = 2 p (1-p) / n. At 5 % and 80 % that is 1.94
    times what a test needs that is looked at once. That it may be found before then is left out.
    """
    quantile = NormalDist().inv_cdf(power)

    def found(variance: float) -> float:
        """Return the smallest difference that is found with the power."""
        mixed = variance + tau**2
        evidence = log(1 / alpha) + log(mixed / variance) / 2
        return sqrt(2 * variance * mixed / tau**2 * evidence) + quantile * sqrt(variance)

    most, least = effect**2, 0.0
    while most - least > _EXACT * most:
        middle = (most + least) / 2
        most, least = (middle, least) if found(middle) > effect else (most, middle)
    return ceil(2 * rate * (1 - rate) / most)


def needed_in_all(rate: float, share: float) -> int:
    """Return how many judged subjects are needed in both arms where one has only a share of them."""
    return ceil(needed(rate) / (2 * share * (1 - share)))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
