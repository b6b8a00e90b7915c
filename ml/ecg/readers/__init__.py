"""Readers of ECG files: one module per format, chosen by content and never by name.

A format is a module with ``MEDIA_TYPE``, ``recognises(head)`` and ``read(path)``, and a line in `FORMATS`.
"""

from pathlib import Path
from typing import Protocol

from ml.ecg.decoded import MAX_FILE_BYTES, DecodeError, DecodeFailure
from ml.ecg.readers import dicom, jpeg, png
from ml.ecg.readers.reading import Reading

HEAD_BYTES = 4096


class Format(Protocol):
    """What a reader module offers."""

    MEDIA_TYPE: str

    def recognises(self, head: bytes, /) -> bool:
        """Say whether a file starting with these bytes is of this format."""
        ...

    def read(self, path: Path, /) -> Reading:
        """Read and de-identify the file; raise `DecodeError` when it cannot be."""
        ...


FORMATS: tuple[Format, ...] = (png, jpeg, dicom)


def sniff(head: bytes) -> Format:
    """Return the format of a file from its first bytes; raise `DecodeError` when it is none of ours."""
    for candidate in FORMATS:
        if candidate.recognises(head):
            return candidate
    raise DecodeError(DecodeFailure.UNSUPPORTED_TYPE)


def read(path: Path) -> Reading:
    """Read an ECG file of any known format, refusing by size before anything is decoded."""
    size = path.stat().st_size
    if size == 0:
        raise DecodeError(DecodeFailure.EMPTY)
    if size > MAX_FILE_BYTES:
        raise DecodeError(DecodeFailure.TOO_LARGE)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return sniff(head).read(path)
