"""`worker`: background jobs in a process of their own."""

import argparse
import asyncio
import signal

from schema.context import Services
from server.app import close_services, wire_services
from server.logs import configure
from server.opening import opened
from server.settings import load_settings
from server.signing import Signer
from server.worker import working


def run(_options: argparse.Namespace) -> None:
    """Work until told to stop."""
    settings = load_settings()
    configure(settings)
    with opened(settings):
        services = wire_services(settings, Signer(settings.secret))
    try:
        asyncio.run(_until_stopped(services))
    finally:
        close_services(services)


async def _until_stopped(services: Services) -> None:
    stopped = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, stopped.set)
    async with working(services):
        await stopped.wait()
