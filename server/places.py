"""How much one client may have going on at once in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class NoPlaceError(Exception):
    """The client has as much going on as it may."""


class Places:
    """Counts what is going on, client by client.

    Parameters
    ----------
    most
        For each client.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Keep a place for the length of a block; raises NoPlaceError when all are taken."""
        if self._taken[client] >= self._most:
            raise NoPlaceError
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]
