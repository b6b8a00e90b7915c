"""Telling linear work from quadratic, on a machine of whatever speed."""

import time
from collections.abc import Callable

USUAL_S = 0.016
"""What 200,000 squares take."""
CROWDED_S = 0.2
"""How long `crowding` works."""


def grows_linearly(work: Callable[[int], object], size: int) -> bool:
    """Return whether four times the work takes less than eight times as long, and a tenth of a second.

    Quadratic work takes sixteen times as long. Time is the processor's, the best of two.
    """
    return _seconds(work, size) < 8 * _seconds(work, size // 4) + 0.1


def slowness() -> float:
    """Return how many times slower this machine is just now than that which limits are written for."""
    return max(1.0, _seconds(lambda size: sum(each * each for each in range(size)), 200_000) / USUAL_S)


def crowding() -> float:
    """Return how many times longer work takes by the clock than by the processor: others want it as well."""
    started, spent = time.perf_counter(), time.process_time()
    while time.process_time() - spent < CROWDED_S:
        pass
    return (time.perf_counter() - started) / CROWDED_S


def _seconds(work: Callable[[int], object], size: int) -> float:
    spent = []
    for _ in range(2):
        started = time.process_time()
        work(size)
        spent.append(time.process_time() - started)
    return min(spent)
