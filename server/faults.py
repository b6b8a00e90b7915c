"""How faults of ours are logged: where they happened and what kind they are, never the data they happened on.

Messages of exceptions are left out on purpose: a database's error quotes the row it refused.
"""

import logging
import traceback

log = logging.getLogger("chevet.faults")


def log_fault(error: BaseException, request_id: str, where: str) -> None:
    """Write down the chain of an exception with its frames, under the request's id."""
    lines = [f"{where} failed (request {request_id})"]
    link: BaseException | None = error
    while link is not None:
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}")
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(link.__traceback__)
        ]
        link = link.__cause__ or link.__context__
    log.error("\n".join(lines))
