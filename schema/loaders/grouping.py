"""Sorting a batch's rows by the key each belongs to."""

from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from sqlalchemy import Row


def grouped(rows: Iterable[Row[Any]], column: str, keys: list[int]) -> list[list[Row[Any]]]:
    """Return, for each key, the rows with that value in a column, in the order they came."""
    groups: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    key_of = attrgetter(column)
    for row in rows:
        groups[key_of(row)].append(row)
    return [groups[key] for key in keys]
