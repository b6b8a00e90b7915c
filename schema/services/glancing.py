"""Keeping what a process holds up with rows that others may change at any time."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from schema.database import Database

SECONDS = 1.0


class Glance:
    """Looks at the database at most once a second, whichever thread comes first.

    Parameters
    ----------
    take_up
        Takes up what the rows say.
    unreadable
        What it raises, besides the database's own errors, where the rows cannot be used.
    log
        Told that something went wrong, with `what` could not be read; what is held stays then.
    """

    def __init__(
        self,
        database: Database,
        take_up: Callable[[Session], None],
        log: logging.Logger,
        what: str,
        unreadable: tuple[type[Exception], ...] = (),
    ) -> None:
        self._database = database
        self._take_up = take_up
        self._log = log
        self._what = what
        self._failures: tuple[type[Exception], ...] = (SQLAlchemyError, *unreadable)
        self._lock = threading.Lock()
        self._look_at = 0.0

    def refresh(self, *, at_once: bool = False) -> None:
        """Take up what has changed, if it was looked at more than a second ago."""
        if not at_once and time.monotonic() < self._look_at:
            return
        with self._lock:
            try:
                with self._database.read() as session:
                    self._take_up(session)
            except self._failures as error:
                self._log.warning(
                    "%s could not be read, those loaded stay: %s", self._what, type(error).__name__
                )
            self._look_at = time.monotonic() + SECONDS
