"""A process that is told to stop tells its open streams, whenever the server came to listen itself."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from server.stopping import Stopping

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("told", SIGNALS)
def test_a_signal_is_noticed_by_the_server_and_by_those_who_wait(told: signal.Signals, *, late: bool) -> None:
    async def serve() -> tuple[bool, bool]:
        stopping, noticed = Stopping(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def start() -> None:
            for each in SIGNALS:
                loop.add_signal_handler(each, noticed.set)

        if not late:
            start()
        listening = asyncio.create_task(stopping.heed_signals())
        if late:
            loop.call_later(0.6, start)
        await asyncio.wait_for(listening, 20)
        os.kill(os.getpid(), told)
        await asyncio.wait_for(noticed.wait(), 20)
        await stopping.wait(20)
        return noticed.is_set(), stopping.asked

    assert asyncio.run(serve()) == (True, True)
