"""Adaptive windowing (Bifet and Gavaldà, SDM 2007): when the mean of a sequence has changed.

As river's `ADWIN` answers, to the observation (tests/ml/monitoring/test_adwin.py). river itself is not asked:
importing its detectors takes four seconds and 160 MB, with pandas and scikit-learn.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DELTA = 0.002
"""Bounds the chance that a look at a window of unchanged values finds a change in it."""
_CLOCK = 32
"""A look at every so many values."""
_MOST = 5
"""Buckets of each size; one more, and the two oldest become one of twice the size."""
_SHORTEST = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the mean.

    Parameters
    ----------
    seen
        How many values had been seen when it was found.
    at
        After how many of them it seems to have come.
    before, after
        The means on either side of that.
    """

    seen: int
    at: int
    before: float
    after: float


@dataclass(slots=True)
class _Bucket:
    size: int
    total: float
    spread: float
    """Sum of squared distances from the bucket's mean."""

    @property
    def mean(self) -> float:
        return self.total / self.size

    def apart(self, other: "_Bucket") -> float:
        """Return what the distance of the two means adds to the spread of both together."""
        return self.size * other.size / (self.size + other.size) * (self.mean - other.mean) ** 2

    def with_next(self, other: "_Bucket") -> "_Bucket":
        spread = self.spread + other.spread + self.apart(other)
        return _Bucket(self.size + other.size, self.total + other.total, spread)


class Adwin:
    """Watches values between 0 and 1, such as whether each answer was wrong; begins anew after a change.

    Parameters
    ----------
    delta : float
        See `DELTA`.
    """

    def __init__(self, delta: float = DELTA) -> None:
        self._delta = delta
        self._seen = 0
        self._begin()

    def _begin(self) -> None:
        self._rows: list[list[_Bucket]] = [[]]
        self._window: _Bucket | None = None

    def update(self, value: float) -> Change | None:
        """Take in a value; return the change that is found with it, if one is."""
        self._seen += 1
        one = _Bucket(1, value, 0.0)
        window = self._window = self._window.with_next(one) if self._window else one
        self._rows[0].append(one)
        self._compress()
        if window.size % _CLOCK:
            return None
        parts = list(self._parts(window))
        if not any(self._differ(window, older, newer) for older, newer in parts):
            return None
        older, newer = max(parts, key=lambda each: each[0].apart(each[1]))
        self._begin()
        return Change(self._seen, self._seen - newer.size, older.mean, newer.mean)

    def _compress(self) -> None:
        """Join the two oldest of a size wherever there is one too many."""
        for size, row in enumerate(self._rows):
            if len(row) <= _MOST:
                return
            if size + 1 == len(self._rows):
                self._rows.append([])
            self._rows[size + 1].append(row.pop(0).with_next(row.pop(0)))

    def _parts(self, window: _Bucket) -> Iterator[tuple[_Bucket, _Bucket]]:
        """Yield each older and newer part of the window that are not too short."""
        older: _Bucket | None = None
        for bucket in (each for row in reversed(self._rows) for each in row):
            older = older.with_next(bucket) if older else bucket
            newer = _Bucket(window.size - older.size, window.total - older.total, 0.0)
            if newer.size < _SHORTEST:
                return
            if older.size >= _SHORTEST:
                yield older, newer

    def _differ(self, window: _Bucket, older: _Bucket, newer: _Bucket) -> bool:
        """Return whether two parts have means too far apart to be of one."""
        confidence = math.log(2 * math.log(window.size) / self._delta)
        sizes = 1 / (older.size - _SHORTEST + 1) + 1 / (newer.size - _SHORTEST + 1)
        variance = window.spread / window.size
        bound = math.sqrt(2 * sizes * variance * confidence) + 2 / 3 * confidence * sizes
        return abs(older.mean - newer.mean) > bound


def changes(values: Iterable[float], delta: float = DELTA) -> list[Change]:
    """Return every change of the mean in a sequence of values between 0 and 1, the oldest first."""
    watch = Adwin(delta)
    return [found for found in map(watch.update, values) if found]
