"""Whether a challenger may take the champion's place: each figure, its limit, and what came of it.

It must be non-inferior on its family's primary measure (`ml/judging/paired.py`), find no class more than one
point less often, be calibrated no worse than by 0.01, and take no more than 1.2 times as long; and on enough
held-out examples, which neither has learnt from (`ml/judging/learnt.py`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ml.judging.calibration import curve, ece
from ml.judging.learnt import learnt
from ml.judging.paired import Gain, Indices, Measure, gain, recalls
from ml.registry.artefact import Artefact

MOST_RECALL_LOST = 0.01
MOST_ECE_GAINED = 0.01
MOST_LATENCY = 1.2
MIN_EXAMPLES = 200
MIN_CLUSTERS = 10
_ROUNDING = 1e-9

Incomparable = Literal["no_data", "learnt_unknown", "all_learnt", "too_few"]
"""Why nothing can be said: no data were given; nobody knows what a version learnt from; one has learnt from
all of them; what neither has learnt from is less than 200 examples of 10 patients, or of whole examinations
less than 10 patients'."""


@dataclass(frozen=True)
class Check:
    """One condition.

    Parameters
    ----------
    name
        Of the figure.
    of
        The class it is of; None for all.
    champion, challenger
        The figure of either.
    value, limit
        What is held against what: at most the limit where `at_most`, at least otherwise.
    support
        How many examples it rests on.
    """

    name: str
    of: str | None
    champion: float
    challenger: float
    value: float
    limit: float
    at_most: bool
    support: int

    @property
    def passed(self) -> bool:
        """Whether the condition holds."""
        if self.at_most:
            return self.value <= self.limit + _ROUNDING
        return self.value >= self.limit - _ROUNDING


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Parameters
    ----------
    champion, challenger
        The digests of both.
    incomparable
        Why nothing can be said; None where something can.
    examples, clusters
        How many were held out, and of how many patients.
    left_out
        How many were not used because one of them has learnt from them.
    assumed
        Whether somebody vouched for what nobody kept: that these data were not learnt from.
    """

    family: str
    champion: str
    challenger: str
    incomparable: Incomparable | None = None
    examples: int = 0
    clusters: int = 0
    left_out: int = 0
    assumed: bool = False
    checks: Sequence[Check] = ()

    @property
    def passed(self) -> bool:
        """Whether the challenger may take the champion's place."""
        return self.incomparable is None and all(each.passed for each in self.checks)

    def document(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        checks = [asdict(each) | {"passed": each.passed} for each in self.checks]
        return asdict(self) | {"checks": checks, "passed": self.passed}

    def text(self) -> str:
        """Return it for a reader."""
        if self.incomparable:
            return f"not comparable ({self.incomparable}); {self.left_out} left out"
        lines = [
            f"{self.examples} examples of {self.clusters} patients; {self.left_out} left out, learnt from"
            + ("; that the others were not is assumed" if self.assumed else ""),
            f"{'':22} champion challenger    value     limit",
        ]
        lines += [
            f"{' '.join(filter(None, (each.name, each.of))):22} {each.champion:8.4f}"
            f" {each.challenger:10.4f} {each.value:+8.4f} {'<=' if each.at_most else '>='} {each.limit:+.4f}"
            f" {'passed' if each.passed else 'FAILED'}"
            for each in self.checks
        ]
        return "\n".join([*lines, "may be promoted" if self.passed else "may not be promoted"])


@dataclass(frozen=True)
class Answered:
    """What a model said of held-out examples.

    Parameters
    ----------
    said
        The class it acts on, as places.
    likeliest, confidence
        The likeliest one, and how sure it is of it.
    seconds
        How long all of it took.
    """

    said: Indices
    likeliest: Indices
    confidence: npt.NDArray[np.floating]
    seconds: float


@dataclass(frozen=True)
class Unseen:
    """Which of some examples neither model has learnt from."""

    places: Indices
    left_out: int
    assumed: bool
    incomparable: Incomparable | None


def unseen(
    champion: Artefact,
    challenger: Artefact,
    fingerprints: Sequence[str],
    data_hash: str,
    *,
    assume: bool = False,
) -> Unseen:
    """Return which of the examples both can be judged on.

    Parameters
    ----------
    fingerprints
        Of each example.
    data_hash
        Of all of them: a version trained on the very same has learnt from each, whatever it keeps.
    assume
        Vouch that a version of which nobody knows it has learnt from none.
    """
    known: set[str] = set()
    assumed = False
    for version in (champion, challenger):
        its = learnt(version)
        if its is None and version.manifest.data_hash == data_hash:
            its = frozenset(fingerprints)
        if its is None and not assume:
            return Unseen(np.zeros(0, np.int64), 0, assumed, "learnt_unknown")
        assumed |= its is None
        known |= its or set()
    places = np.array([at for at, each in enumerate(fingerprints) if each not in known], np.int64)
    left_out = len(fingerprints) - len(places)
    return Unseen(places, left_out, assumed, None if len(places) else "all_learnt")


@dataclass(frozen=True)
class Both:
    """A figure of champion and challenger.

    Parameters
    ----------
    support
        How many examples it rests on.
    of
        The class it is of; None for all.
    """

    champion: float
    challenger: float
    support: int
    of: str | None = None


def judge(  # noqa: PLR0913, PLR0917 - two models' answers beside the truth
    measure: Measure,
    classes: Sequence[str],
    truth: Indices,
    clusters: Indices,
    champion: Answered,
    challenger: Answered,
) -> tuple[Check, ...]:
    """Hold a challenger's answers against a champion's."""
    n, n_classes = len(truth), len(classes)
    won = gain(measure, truth, champion.said, challenger.said, clusters, n_classes)
    before, support = recalls(truth, champion.said, n_classes)
    after, _ = recalls(truth, challenger.said, n_classes)
    found = [
        Both(was, now, number, name)
        for name, was, now, number in zip(
            classes, before.tolist(), after.tolist(), support.tolist(), strict=True
        )
    ]
    eces = [ece(curve(each.confidence, each.likeliest == truth)) for each in (champion, challenger)]
    calibration = Both(eces[0], eces[1], n)
    times = Both(1000 * champion.seconds / n, 1000 * challenger.seconds / n, n)
    return checks(measure, won, n, found, calibration, times)


def checks(  # noqa: PLR0913, PLR0917 - all that the rule is about
    measure: Measure, won: Gain, n: int, found: Sequence[Both], calibration: Both, milliseconds: Both
) -> tuple[Check, ...]:
    """Hold figures against the limits of the rule.

    Parameters
    ----------
    n
        How many examples the primary measure rests on.
    found
        The recall of each class; one without examples is left out.
    """

    def check(name: str, both: Both, value: float, limit: float, *, at_most: bool) -> Check:
        return Check(name, both.of, both.champion, both.challenger, value, limit, at_most, both.support)

    def risen(both: Both) -> float:
        return both.challenger - both.champion

    primary = Both(won.champion, won.challenger, n)
    longer = milliseconds.challenger / milliseconds.champion
    return (
        check(measure.name, primary, won.low, -measure.margin, at_most=False),
        *(
            check("recall", each, risen(each), -MOST_RECALL_LOST, at_most=False)
            for each in found
            if each.support
        ),
        check("ece", calibration, risen(calibration), MOST_ECE_GAINED, at_most=True),
        check("latency_ms", milliseconds, longer, MOST_LATENCY, at_most=True),
    )


def enough(truth: Indices, clusters: Indices) -> bool:
    """Return whether there is enough to judge by."""
    return len(truth) >= MIN_EXAMPLES and len(np.unique(clusters)) >= MIN_CLUSTERS
