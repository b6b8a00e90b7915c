"""The process that decoding children are forked from: everything heavy is imported once, here.

Started by `ml.ecg.decoding.DecoderPool` as ``python -m ml.ecg.zygote FD DECODER MEMORY_MB``.
For each request that arrives on the control socket (a path, perhaps what to do with the picture there, how
long that may take, and a socket to answer on) it forks a child, which gives itself limits the kernel
enforces: memory, processor time, wall-clock time, nothing written.
"""

import array
import gc
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

from ml.ecg import editing
from ml.ecg.burned_in.found import Found
from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.editing import Proposal
from ml.ecg.wire import pack

STARTED = b"+"
MAX_REQUEST_BYTES = 1 << 16
Decoder = Callable[[Path], list[Decoded] | bytes]


def serve(control: socket.socket, decoder: Decoder, memory_mb: int) -> None:
    """Fork a child per request until the pool closes its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        request, ancillary, _, _ = control.recvmsg(
            MAX_REQUEST_BYTES, socket.CMSG_SPACE(array.array("i", [0]).itemsize)
        )
        if not request:
            return
        descriptors = array.array("i", ancillary[0][2])
        with socket.socket(fileno=descriptors[0]) as answer:
            if os.fork() == 0:
                control.close()
                told = json.loads(request)
                _limit(told["timeout_s"], memory_mb)
                answer.sendall(STARTED)
                for piece in pack(_outcome(decoder, told)):
                    answer.sendall(piece)
                os._exit(0)


def _limit(timeout_s: float, memory_mb: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    seconds, size = ceil(timeout_s) + 1, memory_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _outcome(
    decoder: Decoder, told: dict[str, Any]
) -> list[Decoded] | bytes | Proposal | Found | DecodeFailure:
    path = Path(told["path"])
    try:
        return _done(told["task"], path, told["told"]) if told["task"] else decoder(path)
    except DecodeError as error:
        return error.code
    except MemoryError:
        return DecodeFailure.TOO_LARGE
    except Exception:  # noqa: BLE001 - whatever a damaged file provokes has one name
        return DecodeFailure.DAMAGED


def _done(task: str, path: Path, told: Any) -> list[Decoded] | Proposal | Found:
    """Do what is asked with a picture; imported in the children alone that need it."""
    if task == "digitise":
        from ml.ecg.digitiser import digitise_file  # noqa: PLC0415 - SciPy

        return [digitise_file(path, told)]
    from ml.ecg.editor import TASKS  # noqa: PLC0415 - a zygote that tests decoders needs no Pillow

    return TASKS[task](path, editing.parse(told))


def main() -> None:
    """Serve the socket and the limits named on the command line."""
    descriptor, decoder, memory_mb = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as control:
        serve(control, pkgutil.resolve_name(decoder), int(memory_mb))


if __name__ == "__main__":
    main()
