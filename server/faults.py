"""How faults of ours are logged: where they happened and what kind they are, never the data they happened on.

Messages of exceptions are left out on purpose: a database's error quotes the row it refused.
"""

import logging
import traceback
from collections.abc import Iterator

log = logging.getLogger("chevet.faults")


def log_fault(error: BaseException, request_id: str, where: str) -> None:
    """Write down the chain of an exception with its frames, under the request's id."""
    log.error("\n".join([f"{where} failed (request {request_id})", *chain_of(error)]))


def chain_of(error: BaseException) -> Iterator[str]:
    """Yield what kinds of exceptions led to one another, each with its frames."""
    link: BaseException | None = error
    while link is not None:
        yield f"{type(link).__module__}.{type(link).__qualname__}"
        for frame in traceback.extract_tb(link.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} {frame.name}"
        link = link.__cause__ or link.__context__
