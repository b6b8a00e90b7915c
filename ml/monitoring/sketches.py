"""Distributions that days are added up by: how many values lie in each of fixed bins.

Latencies have bins whose bounds grow by a constant factor (as DDSketch's do, Masson et al., VLDB 2019), so
that a quantile is off by at most `ERROR` of itself; confidences have a hundred of equal width. Without NumPy,
since whoever serves pages counts each answer.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["latency_ms", "confidence"]

ERROR = 0.01
"""How far, of itself, a quantile of latencies may be from that of the values."""
LATENCY_MS = (0.1, 1e7)
"""What is below or above counts as this; three hours."""
_FACTOR = (1 + ERROR) / (1 - ERROR)
_LAST = math.ceil(math.log(LATENCY_MS[1] / LATENCY_MS[0], _FACTOR))
_PARTS = 100


@dataclass(frozen=True, slots=True)
class Sketch:
    """Values of one kind; those of two days are added by ``+``.

    Parameters
    ----------
    kind
        Milliseconds, or confidences from 0 to 1.
    counts
        How many values each bin has; empty bins are not there.
    """

    kind: Kind
    counts: Mapping[int, int]

    @classmethod
    def of(cls, kind: Kind, values: Iterable[float]) -> "Sketch":
        """Count values.

        Raises
        ------
        ValueError
            When one is no number.
        """
        return cls(kind, dict(sorted(Counter(place(kind, each) for each in values).items())))

    @classmethod
    def from_json(cls, kind: Kind, counts: Mapping[str, int]) -> "Sketch":
        """Read what `to_json` wrote."""
        return cls(kind, {int(each): number for each, number in counts.items()})

    def to_json(self) -> dict[str, int]:
        """Return the counts by bin, for a column of JSON."""
        return {str(each): number for each, number in sorted(self.counts.items())}

    @property
    def total(self) -> int:
        """Return how many values there are."""
        return sum(self.counts.values())

    def __add__(self, other: "Sketch") -> "Sketch":
        if self.kind != other.kind:
            raise ValueError(f"{self.kind} and {other.kind} cannot be added up")
        bins = self.counts.keys() | other.counts.keys()
        return Sketch(
            self.kind, {each: self.counts.get(each, 0) + other.counts.get(each, 0) for each in bins}
        )

    def quantile(self, share: float) -> float | None:
        """Return the value that this share of the others is at most (0.5: the lower median), or None of none.

        Within 1 % of it for latencies within `LATENCY_MS`, within 0.005 for confidences.
        """
        if not self.total:
            return None
        bins, rank = sorted(self.counts), math.floor(share * (self.total - 1))
        below = accumulate(self.counts[each] for each in bins)
        return _middle(self.kind, next(each for each, under in zip(bins, below, strict=True) if under > rank))

    def shares(self, parts: int) -> tuple[float, ...]:
        """Return the shares of confidences in so many parts of equal width; `parts` divides 100.

        Raises
        ------
        ValueError
            When it does not, or these are no confidences.
        """
        if self.kind != "confidence" or _PARTS % parts:
            raise ValueError(f"{self.kind} cannot be shown in {parts} parts")
        numbers = [0] * parts
        for each, number in self.counts.items():
            numbers[each * parts // _PARTS] += number
        return tuple(number / max(self.total, 1) for number in numbers)


def place(kind: Kind, value: float) -> int:
    """Return the bin of a value; raises ValueError when it is no number."""
    if math.isnan(value):
        raise ValueError(f"{kind}: a value is no number")
    if kind == "confidence":
        return min(math.floor(min(max(value, 0.0), 1.0) * _PARTS), _PARTS - 1)
    clipped = min(max(value, LATENCY_MS[0]), LATENCY_MS[1])
    return min(max(math.ceil(math.log(clipped / LATENCY_MS[0]) / math.log(_FACTOR)), 0), _LAST)


def _middle(kind: Kind, where: int) -> float:
    """Return what no value of a bin is further from than is allowed."""
    if kind == "confidence":
        return (where + 0.5) / _PARTS
    return LATENCY_MS[0] * _FACTOR**where * 2 / (1 + _FACTOR)
