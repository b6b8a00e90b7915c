"""Decode uploaded ECG files outside this process, which therefore imports no numpy, pydicom or Pillow.

A file is decoded in a child forked for it alone from a process that has everything imported (milliseconds
instead of 0.7 s), and that holds none of this process' memory, environment or connections.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ml.ecg.burned_in.found import SEARCH_S, Found
from ml.ecg.decoded import MAX_FILE_BYTES, MAX_PIXELS, MOST_PAGES, Decoded, DecodeError, DecodeFailure
from ml.ecg.editing import Proposal, Step, written
from ml.ecg.wire import unpack, unpack_found, unpack_proposal

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "MOST_PAGES",
    "DecodeError",
    "DecodeFailure",
    "Decoded",
    "DecoderPool",
]

DEFAULT_DECODER = "ml.ecg.decoder:decode_file"
MAX_ANSWER_BYTES = 1_000_000_000
_PRELOAD_S = 60.0
_GRACE_S = 2.0
_DIGITISING = 3
"""How many times as long paper may take as a file: it is asked for by a job, which nobody waits for."""
_ATTEMPTS = 2
_CHUNK = 1 << 20


class DecoderPool:
    """Decode files in children that a hang, a crash or hunger for memory cannot spread from.

    Parameters
    ----------
    processes : int
        Files decoded at once; further callers wait their turn.
    timeout_s : float
        Wall-clock seconds a file gets before its child is killed.
    memory_mb : int
        Address space of a child; a picture of `MAX_PIXELS` needs most of the default.
    decoder : str
        The function that decodes, as ``module:function``, from a Path to the `Decoded` of each page, or to
        bytes that are sent as they are, for whoever asks with `answer`.

    Notes
    -----
    Thread-safe. The process that children are forked from starts importing at once, without being waited for,
    and is started again when something killed it.
    """

    def __init__(
        self,
        processes: int = 1,
        timeout_s: float = 20.0,
        memory_mb: int = 2048,
        decoder: str = DEFAULT_DECODER,
    ) -> None:
        self._slots = threading.BoundedSemaphore(processes)
        self._timeout_s = timeout_s
        self._arguments = (decoder, str(memory_mb))
        self._lock = threading.Lock()
        self._closed = False
        self._start()

    def decode(self, path: Path) -> list[Decoded]:
        """Decode a file, page by page; blocks for at most the time limit once its turn has come.

        Raises
        ------
        DecodeError
            For whatever keeps the file from being decoded, a missing file included.
        RuntimeError
            When the pool is closed.
        """
        return unpack(self._answer(path))

    def edit(self, path: Path, steps: Sequence[Step]) -> Decoded:
        """Apply steps to the picture of a recording that is kept; raises as `decode` does."""
        [edited] = unpack(self._answer(path, "edit", written(steps)))
        return edited

    def preview(self, path: Path, steps: Sequence[Step]) -> Decoded:
        """Do the same for a look at it: a rendering of moderate size and nothing else."""
        [preview] = unpack(self._answer(path, "preview", written(steps)))
        return preview

    def propose(self, path: Path, steps: Sequence[Step]) -> Proposal:
        """Look what would lay the picture straight once these steps are done; raises as `decode` does."""
        return unpack_proposal(self._answer(path, "propose", written(steps)))

    def find_text(self, path: Path) -> Found:
        """Look for text in the picture of a page that may identify somebody; raises as `decode` does."""
        return unpack_found(self._answer(path, "find_text", []))

    def digitise(self, path: Path, asked: Mapping[str, Any]) -> Decoded:
        """Read a picture of paper as a signal, in more time than a file to decode gets.

        Parameters
        ----------
        path : Path
            One picture.
        asked : mapping
            What `ml.ecg.digitiser` is told of the paper.

        Raises
        ------
        DecodeError
            Also for paper that cannot be read.
        """
        [found] = unpack(self._answer(path, "digitise", asked))
        return found

    def close(self) -> None:
        """Stop taking files; those being decoded end within their time. Closing twice does nothing."""
        with self._lock:
            self._closed = True
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, path: Path, task: str = "", told: object = None) -> bytearray:
        """Return what a child says of a file: of all it holds, or of what a task makes of its picture."""
        _check_size(path)
        return self.answer(path, task, told)

    def answer(self, path: Path, task: str = "", told: object = None) -> bytearray:
        """Return what a child says of a file or folder, as it says it; raises as `decode`."""
        longer = {"find_text": SEARCH_S, "digitise": _DIGITISING * self._timeout_s}
        timeout_s = longer.get(task, self._timeout_s)
        asked = {"path": str(path.resolve()), "task": task, "told": told, "timeout_s": timeout_s}
        request = json.dumps(asked).encode()
        with self._slots:
            for _ in range(_ATTEMPTS):
                zygote, answer = self._request(request)
                with answer:
                    if _has_started(answer):
                        return self._received(answer, timeout_s)
                zygote.kill()
                zygote.wait()
        raise DecodeError(DecodeFailure.CRASHED)

    def _start(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._zygote = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "ml.ecg.zygote", str(theirs.fileno()), *self._arguments],
                pass_fds=[theirs.fileno()],
                env=environment(),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _stop(self) -> None:
        self._control.close()
        self._zygote.kill()
        self._zygote.wait()

    def _request(self, request: bytes) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Ask for a child; return whom was asked and the socket it answers on."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the decoder pool is closed")
            if self._zygote.poll() is not None:
                self._stop()
                self._start()
            ours, theirs = socket.socketpair()
            with theirs, contextlib.suppress(OSError):
                socket.send_fds(self._control, [request], [theirs.fileno()])
            return self._zygote, ours

    def _received(self, answer: socket.socket, timeout_s: float) -> bytearray:
        """Read until the child closes; raise TIMED_OUT or CRASHED when it ends without a word."""
        message, began = bytearray(), time.monotonic()
        try:
            while chunk := _chunk(answer, began + timeout_s + _GRACE_S):
                message += chunk
                if len(message) > MAX_ANSWER_BYTES:
                    raise DecodeError(DecodeFailure.TOO_LARGE)
        except TimeoutError:
            raise DecodeError(DecodeFailure.TIMED_OUT) from None
        except OSError:
            raise DecodeError(DecodeFailure.CRASHED) from None
        if not message:
            late = time.monotonic() - began > 0.9 * timeout_s
            raise DecodeError(DecodeFailure.TIMED_OUT if late else DecodeFailure.CRASHED)
        return message


def _chunk(answer: socket.socket, until: float) -> bytes:
    answer.settimeout(max(until - time.monotonic(), 0.001))
    return answer.recv(_CHUNK)


def _has_started(answer: socket.socket) -> bool:
    """Wait for a child's first byte; false when what it was to be forked from is gone."""
    answer.settimeout(_PRELOAD_S)
    try:
        return bool(answer.recv(1))
    except OSError:
        return False


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError:
        raise DecodeError(DecodeFailure.DAMAGED) from None
    if size == 0:
        raise DecodeError(DecodeFailure.EMPTY)
    if size > MAX_FILE_BYTES:
        raise DecodeError(DecodeFailure.TOO_LARGE)


def environment() -> dict[str, str]:
    """Return what an interpreter of ours needs and nothing else: no secret is in a child's memory."""
    root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(dict.fromkeys([root, *filter(None, sys.path)]))
    return {"PYTHONPATH": search, "PATH": os.defpath, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
