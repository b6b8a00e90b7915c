"""Where the log goes: faults and warnings to standard error, one JSON line a request to standard output.

Whoever logs an exception, one of ours or a library's, its message is left out, and so is the text of
Python's warnings: both quote what they were met on.
"""

import logging
import sys
import threading
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson

from server.faults import chain_of, log_fault
from server.settings import Settings

log = logging.getLogger("chevet.warnings")


class Lines(logging.Formatter):
    """A record as text, its exception by kind and place only."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the chain of an exception without its messages."""
        return "\n".join(chain_of(ei[1])) if ei[1] is not None else ""


class JsonLines(Lines):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


class Unquoted(logging.Filter):
    """Takes from asyncio's faults the words that quote arguments and results."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, reworded."""
        if record.exc_info:
            record.msg, record.args = "an exception that nobody waited for", ()
        return True


def configure(settings: Settings) -> None:
    """Set up logging for this process."""
    faults = logging.StreamHandler(sys.stderr)
    faults.setFormatter(
        JsonLines()
        if settings.log_format == "json"
        else Lines("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    logging.basicConfig(handlers=[faults], level=logging.WARNING)
    access = logging.getLogger("chevet.access")
    access.handlers = [logging.StreamHandler(sys.stdout)]
    access.propagate = False
    access.setLevel(logging.INFO if settings.access_log else logging.CRITICAL)
    logging.getLogger("strawberry").setLevel(
        logging.CRITICAL
    )  # it quotes variables; `masking` logs without them
    logging.getLogger("asyncio").addFilter(Unquoted())
    server = logging.getLogger("_granian")  # it has handlers of its own, which print exceptions as they are
    server.handlers, server.propagate = [], True
    warnings.showwarning = _warned
    sys.excepthook = _ended
    threading.excepthook = lambda ended: _ended(ended.exc_type, ended.exc_value, ended.exc_traceback)


def _warned(  # noqa: PLR0913, PLR0917 - Python's signature
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    del message, file, line
    log.warning("%s at %s:%d", category.__name__, filename, lineno)


def _ended(kind: type[BaseException], error: BaseException | None, _traceback: TracebackType | None) -> None:
    """Log what ended a thread or the process; who types Ctrl-C knows why."""
    if error is not None and not issubclass(kind, KeyboardInterrupt | SystemExit):
        log_fault(error, "none", f"thread {threading.current_thread().name}")
