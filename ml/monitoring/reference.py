"""What a version learnt from looked like, feature by feature: counts in bins, and those of any later rows.

Nothing but counts is kept, of the reference as of what comes later: they say nothing of one patient, those of
several days add up, and comparing costs the same for a hundred rows as for a million.
"""

import json
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from ml.registry.artefact import Artefact
from ml.registry.contents import REFERENCE

BINS = 10
"""Of equal mass, as is customary for the population stability index."""
MAX_CATEGORIES = 24
MAX_FEATURES = 64
MAX_BYTES = 64 * 1024
FORMAT = 1

Row: TypeAlias = Mapping[str, "float | str | None"]
"""One visit or recording: a value by feature; one that is not there, or no number, is missing."""
Counts: TypeAlias = Mapping[str, tuple[int, ...]]
"""By feature: how many are missing, then how many are in each bin; of categories, the others last."""

_NAME = re.compile(r"[a-z0-9_:-]{1,64}")


class ReferenceFormatError(OSError):
    """A text that is no reference; the message says why."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """A measured feature; each bin ends with its edge, the last has none."""

    name: str
    edges: tuple[float, ...]

    @property
    def cells(self) -> int:
        """Return how many counts it has."""
        return len(self.edges) + 2

    def place(self, value: float | str | None) -> int:
        """Return which of its counts a value belongs to."""
        given = math.nan if value is None else float(value)
        return bisect_left(self.edges, given) + 1 if math.isfinite(given) else 0

    def count(self, values: Iterable[float | str | None]) -> tuple[int, ...]:
        """Return its counts of some values."""
        given = np.asarray([math.nan if each is None else float(each) for each in values], np.float64)
        there = given[np.isfinite(given)]
        places = np.searchsorted(np.asarray(self.edges), there, side="left") + 1
        places = np.append(places, np.zeros(len(given) - len(there), np.int64))
        return tuple(np.bincount(places, minlength=self.cells).tolist())


@dataclass(frozen=True, slots=True)
class Categorical:
    """A named feature; what is none of its categories counts as another."""

    name: str
    categories: tuple[str, ...]

    @property
    def cells(self) -> int:
        """Return how many counts it has."""
        return len(self.categories) + 2

    def place(self, value: float | str | None) -> int:
        """Return which of its counts a value belongs to."""
        if value is None:
            return 0
        named = str(value)
        return self.categories.index(named) + 1 if named in self.categories else self.cells - 1

    def count(self, values: Iterable[float | str | None]) -> tuple[int, ...]:
        """Return its counts of some values."""
        numbers = Counter(None if each is None else str(each) for each in values)
        named = [numbers.pop(each, 0) for each in self.categories]
        missing = numbers.pop(None, 0)
        return (missing, *named, numbers.total())


Feature: TypeAlias = Numeric | Categorical


@dataclass(frozen=True, slots=True)
class Reference:
    """The features, and the counts of what was learnt from.

    Parameters
    ----------
    features
        How each is counted.
    counts
        Of the rows learnt from.
    """

    features: tuple[Feature, ...]
    counts: Counts

    @property
    def rows(self) -> int:
        """Return how many rows it was made from."""
        return sum(self.counts[self.features[0].name])

    @classmethod
    def of(cls, rows: Sequence[Row], numeric: Sequence[str], categorical: Sequence[str]) -> "Reference":
        """Make one: bins of (nearly) equal mass, and the most frequent categories.

        Parameters
        ----------
        rows
            Each of another patient, if the rates of false alarms are to hold.
        numeric, categorical
            The names of the features.

        Raises
        ------
        ValueError
            When there are no rows or no features.
        """
        if not rows:
            raise ValueError("no rows to make a reference from")
        features: list[Feature] = [Numeric(name, _edges([row.get(name) for row in rows])) for name in numeric]
        for name in categorical:
            found = Counter(str(row[name]) for row in rows if row.get(name) is not None)
            ranked = sorted(found.items(), key=lambda each: (-each[1], each[0]))
            features.append(Categorical(name, tuple(category for category, _ in ranked[:MAX_CATEGORIES])))
        return cls(tuple(features), _counted(features, rows))

    def count(self, rows: Sequence[Row]) -> Counts:
        """Return the counts of later rows, which fit this reference alone."""
        return _counted(self.features, rows)

    def places(self, row: Row) -> tuple[int, ...]:
        """Return which of its counts one row belongs to, feature by feature."""
        return tuple(each.place(row.get(each.name)) for each in self.features)

    def to_bytes(self) -> bytes:
        """Write it as JSON."""
        features = [
            {
                "name": each.name,
                **({"edges": each.edges} if isinstance(each, Numeric) else {"categories": each.categories}),
                "counts": self.counts[each.name],
            }
            for each in self.features
        ]
        data = (json.dumps({"format": FORMAT, "features": features}, ensure_ascii=False) + "\n").encode()
        Reference.from_bytes(data)
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """Read what `to_bytes` wrote.

        Raises
        ------
        ReferenceFormatError
            When it is not that, its counts do not fit together, or it is too large.
        """
        if len(data) > MAX_BYTES:
            raise ReferenceFormatError(f"{REFERENCE}: {len(data)} bytes, more than {MAX_BYTES}")
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']}")  # noqa: TRY301 - told below
            entries = document["features"]
            features = tuple(_feature(each) for each in entries)
            counts = {each["name"]: _whole(each["counts"]) for each in entries}
            _check(features, counts)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ReferenceFormatError(f"{REFERENCE}: no reference ({error!r})") from error
        return cls(features, counts)


def reference_of(artefact: Artefact) -> Reference | None:
    """Return the reference that travels with a verified version, or None for one without.

    Raises
    ------
    ReferenceFormatError
        When it is there and is none.
    """
    if REFERENCE not in artefact.manifest.files:
        return None
    return Reference.from_bytes(artefact.read(REFERENCE))


def merged(*parts: Counts) -> Counts:
    """Return the counts of several days (or slices) together.

    Raises
    ------
    ValueError
        When they are of different features or bins.
    """
    if any(each.keys() != parts[0].keys() for each in parts):
        raise ValueError("counts of different features cannot be added up")
    return {
        name: tuple(map(sum, zip(*(each[name] for each in parts), strict=True)))
        for name in (parts[0] if parts else ())
    }


def _counted(features: Iterable[Feature], rows: Sequence[Row]) -> Counts:
    return {each.name: each.count(row.get(each.name) for row in rows) for each in features}


def _edges(values: Sequence[float | str | None]) -> tuple[float, ...]:
    """Return values that part the others evenly; one of two tenths or more also from all below it."""
    given = np.asarray([each for each in values if each is not None], np.float64)
    given = given[np.isfinite(given)]
    if not len(given):
        return ()
    inner, times = np.unique(
        np.quantile(given, np.arange(1, BINS) / BINS, method="inverted_cdf"), return_counts=True
    )
    edges = set(inner.tolist())
    for often in inner[times > 1]:
        edges |= set(given[given < often].max(initial=-np.inf, keepdims=True).tolist())
    return tuple(sorted(each for each in edges if -np.inf < each < given.max()))


def _feature(entry: Mapping[str, Any]) -> Feature:
    name = entry["name"]
    if "edges" in entry:
        return Numeric(name, tuple(float(each) for each in entry["edges"]))
    if not all(isinstance(each, str) for each in entry["categories"]):
        raise ValueError(f"{name}: a category is no text")
    return Categorical(name, tuple(entry["categories"]))


def _whole(numbers: Sequence[Any]) -> tuple[int, ...]:
    if not all(type(each) is int and 0 <= each < 2**53 for each in numbers):
        raise ValueError("a count is no number of rows")
    return tuple(numbers)


def _check(features: Sequence[Feature], counts: Counts) -> None:
    if not 0 < len(counts) == len(features) <= MAX_FEATURES:
        raise ValueError(f"{len(features)} features, of {len(counts)} names")
    if len({sum(each) for each in counts.values()}) != 1 or not sum(counts[features[0].name]):
        raise ValueError("its features are not of the same rows")
    for each in features:
        if not _NAME.fullmatch(each.name) or len(counts[each.name]) != each.cells:
            raise ValueError(f"{each.name}: its counts are not those of its bins")
        if isinstance(each, Numeric):
            _check_edges(each)
        elif len(set(each.categories)) != len(each.categories) or len(each.categories) > MAX_CATEGORIES:
            raise ValueError(f"{each.name}: its categories are too many, or one is there twice")


def _check_edges(feature: Numeric) -> None:
    edges = feature.edges
    ascending = all(before < after for before, after in pairwise(edges))
    if not ascending or not all(map(math.isfinite, edges)) or len(edges) >= BINS:
        raise ValueError(f"{feature.name}: its edges do not ascend, or are too many")
