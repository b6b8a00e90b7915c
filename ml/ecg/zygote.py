"""The process that decoding children are forked from: everything heavy is imported once, here.

Started by `ml.ecg.decoding.DecoderPool` as ``python -m ml.ecg.zygote FD DECODER TIMEOUT_S MEMORY_MB``.
For each request that arrives on the control socket (a path, and a socket to answer on) it forks a child,
which gives itself limits the kernel enforces: memory, processor time, wall-clock time, nothing written.
"""

import array
import gc
import os
import pkgutil
import resource
import signal
import socket
import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path

from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.wire import pack

STARTED = b"+"
Decoder = Callable[[Path], list[Decoded] | bytes]


def serve(control: socket.socket, decoder: Decoder, timeout_s: float, memory_mb: int) -> None:
    """Fork a child per request until the pool closes its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        request, ancillary, _, _ = control.recvmsg(8192, socket.CMSG_SPACE(array.array("i", [0]).itemsize))
        if not request:
            return
        descriptors = array.array("i", ancillary[0][2])
        with socket.socket(fileno=descriptors[0]) as answer:
            if os.fork() == 0:
                control.close()
                _limit(timeout_s, memory_mb)
                answer.sendall(STARTED)
                for piece in pack(_outcome(decoder, Path(os.fsdecode(request)))):
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


def _outcome(decoder: Decoder, path: Path) -> list[Decoded] | bytes | DecodeFailure:
    try:
        return decoder(path)
    except DecodeError as error:
        return error.code
    except MemoryError:
        return DecodeFailure.TOO_LARGE
    except Exception:  # noqa: BLE001 - whatever a damaged file provokes has one name
        return DecodeFailure.DAMAGED


def main() -> None:
    """Serve the socket and the limits named on the command line."""
    descriptor, decoder, timeout_s, memory_mb = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as control:
        serve(control, pkgutil.resolve_name(decoder), float(timeout_s), int(memory_mb))


if __name__ == "__main__":
    main()
