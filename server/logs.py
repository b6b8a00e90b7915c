"""Where the log goes: faults and warnings to standard error, one JSON line a request to standard output."""

import logging
import sys

from server.settings import Settings


def configure(settings: Settings) -> None:
    """Set up logging for this process."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.WARNING)
    access = logging.getLogger("chevet.access")
    access.handlers = [logging.StreamHandler(sys.stdout)]
    access.propagate = False
    access.setLevel(logging.INFO if settings.access_log else logging.CRITICAL)
    logging.getLogger("strawberry").setLevel(
        logging.CRITICAL
    )  # it quotes variables; `masking` logs without them
