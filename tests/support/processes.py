"""Real servers for tests: started on this machine alone, and stopped with whoever started them."""

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 90.0


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account for servers that refuse root, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


def as_account(account: pwd.struct_passwd | None) -> list[str]:
    """Return the words before a command that run it as an account and end it when its starter dies."""
    words = ["setpriv", "--pdeathsig", "TERM"]
    if account:
        words += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return [*words, "--"]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    account: pwd.struct_passwd | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of a block.

    Parameters
    ----------
    log
        Where its output goes; quoted in the error when it does not come up.
    ready
        Asked again and again until it says that the server answers.
    account
        Who runs it; ourselves when None.
    stop
        The signal that ends it.

    Raises
    ------
    RuntimeError
        When the server ends, or START_SECONDS pass, before it is ready.
    """
    with log.open("wb") as output:
        words = [*as_account(account), *command]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, ready, log)
        yield process
    finally:
        process.send_signal(stop)
        process.wait(START_SECONDS)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
