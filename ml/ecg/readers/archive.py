"""Zip archives of strangers: looked into without unpacking anything, and read within bounds."""

import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Self

from ml.ecg.decoded import MAX_FILE_BYTES, DecodeError, DecodeFailure

_MOST_MEMBERS = 10_000
_FOREIGN = re.compile(r"\\|^[A-Za-z]:")
"""What a path of another system begins with or is separated by."""

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class Archive:
    """The files of a zip by their path in it; use it as a context.

    Raises
    ------
    DecodeError
        UNSAFE when a member is a link or lies outside the archive, or there are very many; DAMAGED when it
        is no zip; UNSUPPORTED_VARIANT when a member is encrypted or compressed in an unusual way.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
            raise DecodeError(DecodeFailure.DAMAGED) from None
        self._left = MAX_FILE_BYTES
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
        """Return a member, never more than `MAX_FILE_BYTES` of all together, whatever sizes it announces.

        Raises
        ------
        DecodeError
            INCOMPLETE when it is missing, TOO_LARGE beyond the limit, DAMAGED when its checksum is wrong.
        """
        if name not in self.members:
            raise DecodeError(DecodeFailure.INCOMPLETE)
        with self._zip.open(self.members[name]) as file:
            data = file.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise DecodeError(DecodeFailure.TOO_LARGE)
        return data


def _is_file(member: zipfile.ZipInfo) -> bool:
    mode = member.external_attr >> 16
    name = PurePosixPath(member.filename)
    outside = name.is_absolute() or ".." in name.parts or _FOREIGN.search(member.filename)
    if outside or stat.S_ISLNK(mode):
        raise DecodeError(DecodeFailure.UNSAFE)
    if member.flag_bits & 1 or member.compress_type not in _METHODS:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    return not member.is_dir()
