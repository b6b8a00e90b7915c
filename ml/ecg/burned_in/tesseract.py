"""Tesseract, a program of the distribution, asked to read a picture within bounds of time and memory."""

import io
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

PROGRAM = "tesseract"
LANGUAGE = "fra"
CPU_S, WALL_S = 5, 30.0
"""Of one reading: processor time, and the time on the clock beside much else that goes on."""
MEMORY = 1_500_000_000
_SPARSE_TEXT = "11"
_WORD_LEVEL = "5"
_COLUMNS = 12


class UnreadError(Exception):
    """The program is there and gave no answer."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was read, how sure that is (0 to 100), its line, and where it stands in pixels."""

    text: str
    confidence: float
    line: tuple[str, ...]
    left: int
    top: int
    right: int
    bottom: int


def is_installed() -> bool:
    """Say whether the program is on this machine."""
    return shutil.which(PROGRAM) is not None


def read(picture: Image.Image) -> list[Word]:
    """Return the words of a picture in mode L, line by line.

    Raises
    ------
    UnreadError
        When it took too long or too much memory, failed, or lacks the language.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored where children are forked, which hides their end
    sent = io.BytesIO()
    picture.save(sent, "PPM")
    command = [PROGRAM, "stdin", "stdout", "--psm", _SPARSE_TEXT, "-l", LANGUAGE, "--dpi", "200"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [*command, "-c", "tessedit_create_tsv=1"],
            input=sent.getvalue(),
            capture_output=True,
            check=True,
            timeout=WALL_S,
            env={"PATH": os.environ.get("PATH", os.defpath), "OMP_THREAD_LIMIT": "1"},
            preexec_fn=_limit,
        )
    except (subprocess.SubprocessError, OSError):
        raise UnreadError from None
    return list(_words(done.stdout.decode("utf-8", "replace")))


def _limit() -> None:
    """Give the program its limits, which hold whatever becomes of this process."""
    signal.setitimer(signal.ITIMER_REAL, WALL_S)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _words(table: str) -> Iterator[Word]:
    for row in table.splitlines():
        cells = row.split("\t")
        if len(cells) != _COLUMNS or cells[0] != _WORD_LEVEL or not cells[11].strip():
            continue
        left, top, width, height = (int(cell) for cell in cells[6:10])
        yield Word(
            cells[11].strip(), float(cells[10]), tuple(cells[1:5]), left, top, left + width, top + height
        )
