"""Zip archives of strangers: looked into without unpacking anything, and read within bounds."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import IO, Self

from ml.ecg.decoded import DecodeError, DecodeFailure

_MOST_MEMBERS = 10_000
_MOST_DIRECTORY_BYTES = 5_000_000
_END, _ZIP64 = b"PK\5\6", b"PK\6\7"
_END_BYTES, _TAIL_BYTES = 22, 22 + 65_535
"""Of the record that ends a zip, with the longest comment behind it."""

_FOREIGN = re.compile(r"\\|^[A-Za-z]:")
"""What a path of another system begins with or is separated by."""

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class Archive:
    """The files of a zip by their path in it; use it as a context.

    Parameters
    ----------
    most_bytes
        What may be read of all members together, whatever sizes they announce.

    Raises
    ------
    DecodeError
        UNSAFE when a member is a link or lies outside the archive, or there are very many; DAMAGED when it
        is no zip; UNSUPPORTED_VARIANT when a member is encrypted or compressed in an unusual way.
    ValueError
        When somebody has closed the file, here and as it is read: that tells nothing of the zip.
    """

    def __init__(self, file: Path | IO[bytes], most_bytes: int) -> None:
        _check_directory(file)
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except Exception:
            if self._closed():
                raise
            raise DecodeError(DecodeFailure.DAMAGED) from None
        self._left = most_bytes
        self.members: Mapping[PurePosixPath, zipfile.ZipInfo] = {
            PurePosixPath(member.filename): member
            for member in self._zip.infolist()
            if _is_file(member) and not member.filename.startswith("__MACOSX/")
        }
        if len(self._zip.infolist()) > _MOST_MEMBERS:
            raise DecodeError(DecodeFailure.UNSAFE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def read(self, name: PurePosixPath) -> bytes:
        """Return a member.

        Raises
        ------
        DecodeError
            INCOMPLETE when it is missing, TOO_LARGE beyond the limit, DAMAGED when its checksum is wrong.
        """
        if name not in self.members:
            raise DecodeError(DecodeFailure.INCOMPLETE)
        try:
            with self._zip.open(self.members[name]) as file:
                data = file.read(self._left + 1)
        except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, OSError):
            if self._closed():
                raise
            raise DecodeError(DecodeFailure.DAMAGED) from None
        self._left -= len(data)
        if self._left < 0:
            raise DecodeError(DecodeFailure.TOO_LARGE)
        return data

    def _closed(self) -> bool:
        return not isinstance(self._file, Path) and self._file.closed


@contextmanager
def reading(file: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Read a file from its beginning; one that is open already stays so."""
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as stream:
        stream.seek(0)
        yield stream


def _check_directory(file: Path | IO[bytes]) -> None:
    """Refuse a long list of members before `zipfile` makes an object of each.

    Raises
    ------
    DecodeError
        UNSAFE when it is long, UNSUPPORTED_VARIANT in a zip of the kind that may be, DAMAGED without any.
    """
    with reading(file) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(size - _TAIL_BYTES, 0))
        tail = stream.read(_TAIL_BYTES)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise DecodeError(DecodeFailure.DAMAGED)
    if tail[max(at - 20, 0) :].startswith(_ZIP64):
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    if int.from_bytes(tail[at + 12 : at + 16], "little") > _MOST_DIRECTORY_BYTES:
        raise DecodeError(DecodeFailure.UNSAFE)


def _is_file(member: zipfile.ZipInfo) -> bool:
    mode = member.external_attr >> 16
    name = PurePosixPath(member.filename)
    outside = name.is_absolute() or ".." in name.parts or _FOREIGN.search(member.filename)
    if outside or stat.S_ISLNK(mode):
        raise DecodeError(DecodeFailure.UNSAFE)
    if member.flag_bits & 1 or member.compress_type not in _METHODS:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    return not member.is_dir()
