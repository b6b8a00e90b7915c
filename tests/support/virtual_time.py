"""An event loop whose time passes only while all sleep: minutes of load in a second, the same each time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Sleepless(selectors.SelectSelector):
    """Instead of waiting, moves the loop's clock on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return nothing, as if the time had passed."""
        self.now += timeout or 0.0
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop; it serves tasks and timers, no sockets and no threads."""

    def __init__(self) -> None:
        self._sleepless = _Sleepless()
        super().__init__(self._sleepless)

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._sleepless.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
