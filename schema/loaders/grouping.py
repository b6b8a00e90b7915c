"""Sorting a batch's rows by the key each belongs to."""

from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter
from typing import TypeVar

R = TypeVar("R")


def grouped(rows: Iterable[R], column: str, keys: list[int]) -> list[list[R]]:
    """Return, for each key, the rows with that value in a column, in the order they came."""
    groups: defaultdict[int, list[R]] = defaultdict(list)
    key_of = attrgetter(column)
    for row in rows:
        groups[key_of(row)].append(row)
    return [groups[key] for key in keys]
