"""Distributions that days are added up by: how many values lie in each of fixed bins.

Latencies have bins whose bounds grow by a constant factor (as DDSketch's do, Masson et al., VLDB 2019), so
that a quantile is off by at most `ERROR` of itself; confidences have a hundred of equal width.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

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
        given = np.asarray(list(values), np.float64)
        if np.isnan(given).any():
            raise ValueError(f"{kind}: a value is no number")
        bins, numbers = np.unique(_places(kind, given), return_counts=True)
        return cls(kind, dict(zip(bins.tolist(), numbers.tolist(), strict=True)))

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
        bins = sorted(self.counts)
        below = np.cumsum([self.counts[each] for each in bins])
        rank = math.floor(share * (self.total - 1))
        return _middle(self.kind, bins[int(np.searchsorted(below, rank, side="right"))])

    def shares(self, parts: int) -> tuple[float, ...]:
        """Return the shares of confidences in so many parts of equal width; `parts` divides 100.

        Raises
        ------
        ValueError
            When it does not, or these are no confidences.
        """
        if self.kind != "confidence" or _PARTS % parts:
            raise ValueError(f"{self.kind} cannot be shown in {parts} parts")
        numbers = np.zeros(_PARTS)
        numbers[list(self.counts)] = list(self.counts.values())
        return tuple((numbers.reshape(parts, -1).sum(axis=1) / max(self.total, 1)).tolist())


def _places(kind: Kind, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    if kind == "confidence":
        return np.minimum(np.floor(np.clip(values, 0, 1) * _PARTS), _PARTS - 1).astype(np.int64)
    clipped = np.clip(values, *LATENCY_MS)
    return np.ceil(np.log(clipped / LATENCY_MS[0]) / math.log(_FACTOR)).astype(np.int64).clip(0, _LAST)


def _middle(kind: Kind, place: int) -> float:
    """Return what no value of a bin is further from than is allowed."""
    if kind == "confidence":
        return (place + 0.5) / _PARTS
    return LATENCY_MS[0] * _FACTOR**place * 2 / (1 + _FACTOR)
