"""Open streams end when their process is told to stop, instead of holding it up until it is killed."""

import asyncio
import signal
import threading
from types import FrameType

from schema.services.events import LocalDoorbell

SETTLED_S = 0.5
"""By then granian has given asyncio its own handler, which asyncio calls beside any Python handler."""


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

    def heed_signals(self) -> asyncio.TimerHandle:
        """Have SIGTERM and SIGINT noticed, once the server has its own handlers in place."""
        return asyncio.get_running_loop().call_later(SETTLED_S, self._listen, asyncio.get_running_loop())

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        def noticed(_signal: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.ask)  # the bell's lock may be held by what the signal interrupted

        if threading.current_thread() is threading.main_thread():
            for wanted in (signal.SIGTERM, signal.SIGINT):
                if signal.getsignal(wanted) not in {signal.SIG_DFL, signal.default_int_handler}:
                    signal.signal(wanted, noticed)
