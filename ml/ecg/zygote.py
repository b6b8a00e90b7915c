"""The process that decoding children are forked from: everything heavy is imported once, here.

Started by `ml.ecg.decoding.DecoderPool` as ``python -m ml.ecg.zygote FD DECODER TIMEOUT_S MEMORY_MB``.
For each request that arrives on the control socket (a path, perhaps what to do with the picture there, and a
socket to answer on) it forks a child, which gives itself limits the kernel enforces: memory, processor time,
wall-clock time, nothing written.
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

from ml.ecg import editing
from ml.ecg.burned_in.found import SEARCH_S, Found
from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.editing import Proposal
from ml.ecg.wire import pack

STARTED = b"+"
MAX_REQUEST_BYTES = 1 << 16
Decoder = Callable[[Path], list[Decoded] | bytes]


def serve(control: socket.socket, decoder: Decoder, timeout_s: float, memory_mb: int) -> None:
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
                _limit(timeout_s, memory_mb)
                answer.sendall(STARTED)
                for piece in pack(_outcome(decoder, request)):
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


def _outcome(decoder: Decoder, request: bytes) -> list[Decoded] | bytes | Proposal | Found | DecodeFailure:
    path, _, task = request.partition(b"\0")
    try:
        return _edited(Path(os.fsdecode(path)), task) if task else decoder(Path(os.fsdecode(path)))
    except DecodeError as error:
        return error.code
    except MemoryError:
        return DecodeFailure.TOO_LARGE
    except Exception:  # noqa: BLE001 - whatever a damaged file provokes has one name
        return DecodeFailure.DAMAGED


def _edited(path: Path, task: bytes) -> list[Decoded] | Proposal | Found:
    """Edit the picture of a recording that is kept, as a task says: a name and steps."""
    from ml.ecg.editor import TASKS  # noqa: PLC0415 - a zygote that tests decoders needs no Pillow

    name, steps = json.loads(task)
    if name == "find_text":
        signal.setitimer(signal.ITIMER_REAL, SEARCH_S)
    return TASKS[name](path, editing.parse(steps))


def main() -> None:
    """Serve the socket and the limits named on the command line."""
    descriptor, decoder, timeout_s, memory_mb = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as control:
        serve(control, pkgutil.resolve_name(decoder), float(timeout_s), int(memory_mb))


if __name__ == "__main__":
    main()
