"""Open streams end when their process is told to stop, instead of holding it up until it is killed."""

import asyncio
import signal
import threading
from types import FrameType

from schema.services.events import LocalDoorbell

LOOK_AGAIN_S = 0.25
"""Granian gives asyncio its handlers once the application has started, however long that takes."""


class Stopping:
    """Whether this process is about to end, and a bell for those who wait meanwhile."""

    def __init__(self) -> None:
        self._bell = LocalDoorbell()
        self.asked = False

    def ask(self) -> None:
        """Tell every waiting stream, from any thread."""
        self.asked = True
        self._bell.ring_now()

    async def wait(self, seconds: float) -> None:
        """Return when the process is told to stop, or after this time at the latest."""
        if not self.asked:
            await self._bell.wait(seconds)

    async def heed_signals(self) -> None:
        """Have SIGTERM and SIGINT noticed, as soon as the server has its own handlers in place.

        Asyncio goes on calling those: it is woken by the signal itself.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def noticed(_signal: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.ask)  # the bell's lock may be held by what the signal interrupted

        for wanted in (signal.SIGTERM, signal.SIGINT):
            while not _is_asyncios(signal.getsignal(wanted)):  # noqa: ASYNC110 - nobody tells of handlers
                await asyncio.sleep(LOOK_AGAIN_S)
            signal.signal(wanted, noticed)


def _is_asyncios(handler: object) -> bool:
    return getattr(handler, "__module__", None) == "asyncio.unix_events"
