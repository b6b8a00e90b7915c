"""Readers of ECG files: one module per format, chosen by content and never by name.

A format is a module with ``recognises(head)`` and ``read(path)``, and a place in `FORMATS`. A reader of
voltages returns a `Signal`, kept in one form whatever it came in; one of pictures what is kept of each page.
"""

import io
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from ml.ecg.decoded import MAX_FILE_BYTES, DecodeError, DecodeFailure
from ml.ecg.readers import (
    aecg,
    bmp,
    dicom,
    edf,
    heif,
    jpeg,
    kept,
    muse,
    pdf,
    png,
    scp,
    sierra,
    tiff,
    webp,
    wfdb,
)
from ml.ecg.readers.reading import Reading
from ml.ecg.signal import Signal

__all__ = ["FORMATS", "Format", "Reading", "read", "read_kept", "read_signal", "read_stretch", "sniff"]

HEAD_BYTES = 16_384

Content = TypeVar("Content", bound=Signal | list[Reading])


class Format(Protocol):
    """What a reader module offers."""

    def recognises(self, head: bytes, /) -> bool:
        """Say whether a file starting with these bytes is of this format."""
        ...

    def read(self, path: Path, /) -> Signal | list[Reading]:
        """Read the file without anything identifying; whatever is raised but `DecodeError` means damage."""
        ...


FORMATS: tuple[Format, ...] = (
    *(png, jpeg, dicom, tiff, webp, heif, bmp, pdf),
    *(muse, sierra, aecg, wfdb, edf, scp),
)


def sniff(head: bytes) -> Format:
    """Return the format of a file from its first bytes; raise `DecodeError` when it is none of ours."""
    for candidate in FORMATS:
        if candidate.recognises(head):
            return candidate
    raise DecodeError(DecodeFailure.UNSUPPORTED_TYPE)


def read(path: Path) -> list[Reading]:
    """Read an ECG file of any known format, page by page, refusing by size before anything is decoded."""
    content = _content(path)
    if isinstance(content, Signal):
        return [Reading(kept.MEDIA_TYPE, kept.write(content), content)]
    if not content:
        raise DecodeError(DecodeFailure.DAMAGED)
    return content


def read_kept(original: bytes) -> Signal:
    """Read the signal of a recording that is kept; raise `DecodeError` when it is something else."""
    return _guarded(lambda: dicom.signal_of(io.BytesIO(original)))


def read_stretch(kept_file: BinaryIO, start_s: float, stop_s: float, leads: Collection[str] = ()) -> Signal:
    """Read a stretch of a recording that is kept: of these leads, or of all.

    Raises
    ------
    DecodeError
        As `read_kept`, and DAMAGED where the stretch or the leads are not there.
    """
    return _guarded(lambda: dicom.stretch_of(kept_file, start_s, stop_s, leads))


def read_signal(path: Path) -> Signal:
    """Read voltages, for the command line: a file of any format, a WFDB record by its header or its folder.

    Raises
    ------
    DecodeError
        As `read`, and NO_WAVEFORM for a picture.
    """
    folder_or_header = path.is_dir() or path.suffix == ".hea"
    content = _guarded(lambda: wfdb.read_record(path)) if folder_or_header else _content(path)
    if not isinstance(content, Signal):
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    return content


def _content(path: Path) -> Signal | list[Reading]:
    size = path.stat().st_size
    if size == 0:
        raise DecodeError(DecodeFailure.EMPTY)
    if size > MAX_FILE_BYTES:
        raise DecodeError(DecodeFailure.TOO_LARGE)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    found = sniff(head)
    return _guarded(lambda: found.read(path))


def _guarded(reader: Callable[[], Content]) -> Content:
    """Name whatever a damaged file provokes in a reader."""
    try:
        return reader()
    except (DecodeError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - parsers of hostile bytes fail in every way there is
        raise DecodeError(DecodeFailure.DAMAGED) from None
