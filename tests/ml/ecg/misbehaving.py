"""Decoders that behave as damaged files make real ones behave; named to a pool, run in its children."""

import ctypes
import os
import time
from pathlib import Path

from ml.ecg.decoded import Decoded


def decode(path: Path) -> list[Decoded]:
    """Do what the file says."""
    return [_BEHAVIOURS[path.read_text()](path)]


def _answer(path: Path) -> Decoded:
    text = path.read_bytes()
    return Decoded(
        "image", "text/plain", text, text + b"!", "text/plain", os.fsencode(str(os.getpid())), 1, 2
    )


def _sleep(_: Path) -> Decoded:
    time.sleep(3600)
    raise AssertionError


def _spin(_: Path) -> Decoded:
    while True:
        pass


def _segfault(_: Path) -> Decoded:
    ctypes.string_at(0)
    raise AssertionError


def _exit(_: Path) -> Decoded:
    os._exit(0)


def _kill_the_process_it_was_forked_from(_: Path) -> Decoded:
    os.kill(os.getppid(), 9)
    os._exit(1)


def _eat(_: Path) -> Decoded:
    hoard = [bytearray(50_000_000) for _ in range(1000)]
    raise AssertionError(len(hoard))


def _write(path: Path) -> Decoded:
    path.with_suffix(".out").write_text("x" * 10_000)
    raise AssertionError


def _tell_secrets(_: Path) -> Decoded:
    raise ValueError("DUPONT Jeanne, 1931")


def _show_environment(_: Path) -> Decoded:
    shown = repr(dict(os.environ)).encode()
    return Decoded("image", "text/plain", shown, shown, "text/plain", b"", 1, 1)


_BEHAVIOURS = {
    "answer": _answer,
    "sleep": _sleep,
    "spin": _spin,
    "segfault": _segfault,
    "exit": _exit,
    "kill parent": _kill_the_process_it_was_forked_from,
    "eat": _eat,
    "write": _write,
    "tell": _tell_secrets,
    "environment": _show_environment,
}
