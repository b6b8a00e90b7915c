"""Keeps a worker small, and its garbage collector away from what lives as long as the worker.

glibc otherwise holds the 19 MB of each password hash, once a thread. Measured after a sign-in and two pages:
163 MB without, 123 MB with.

A full collection otherwise goes through 160,000 objects of the program itself and stops every request for
150 ms. Measured by `make bench`, p99 of the GraphQL page: 150 ms without, 40 ms with.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {-8: 2, -1: 128 * 1024, -3: 128 * 1024}
"""mallopt's M_ARENA_MAX, M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, from malloc.h."""


def keep_small() -> None:
    """Tell the allocator to give memory back; another C library than glibc is left as it is."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in SETTINGS.items():
            mallopt(parameter, value)


@contextmanager
def made_for_good() -> Iterator[None]:
    """Have the garbage collector never look at what there is when the block ends; nor run meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
