"""Many ECGs at once: files, zips and folders as a list of ECGs in order, each with the group it belongs to.

Names serve to order, join and group, and go no further: they are often a patient's.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from ml.ecg.archive import Archive, reading
from ml.ecg.decoded import MAX_FILE_BYTES, DecodeError, DecodeFailure

MOST_ENTRIES = 500
MOST_UNPACKED_BYTES = 2_000_000_000
_ZIP = b"PK\x03\x04"
_LAST_PART = re.compile(r"[^\s_-]*[\s_-]+")
"""From its end, a name back to before its last underscore, hyphen or blank: in one pass, however long."""

_BESIDE = {".bmp", ".csv", ".dcm", ".edf", ".heic", ".jpeg", ".jpg", ".mat", ".pdf", ".png"} | {
    ".scp",
    ".tif",
    ".tiff",
    ".txt",
    ".webp",
    ".xml",
    ".zip",
}
"""Files that are no part of a WFDB record though they are called like it."""

_LITTER = {"thumbs.db", "desktop.ini"}


class Grouping(StrEnum):
    """What of a batch belongs to one case."""

    EACH = "each"
    FOLDER = "folder"
    PREFIX = "prefix"


class TooManyError(ValueError):
    """A batch of more than `MOST_ENTRIES` ECGs."""


@dataclass(frozen=True)
class File:
    """A file that was sent, or lies in a folder."""

    name: str
    source: IO[bytes] | Path


@dataclass(frozen=True)
class _Part:
    """A file, by itself or of a zip."""

    name: PurePosixPath
    size: int
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Entry:
    """One ECG of a batch: a file, or the files of a WFDB record; or a zip that cannot be opened.

    Attributes
    ----------
    name : PurePosixPath
        For whoever has the files before them; never kept.
    group : int
        Entries of one number belong to one case.
    fault : DecodeFailure or None
        Why there is nothing to read.
    """

    name: PurePosixPath
    group: int
    parts: tuple[_Part, ...] = ()
    fault: DecodeFailure | None = None

    def data(self) -> bytes:
        """Return the file; of a record, a zip of its files.

        Raises
        ------
        DecodeError
            TOO_LARGE, and what `Archive` raises.
        """
        self._look()
        if len(self.parts) == 1:
            return self.parts[0].read()
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as archive:
            for part in self.parts:
                archive.writestr(part.name.name, part.read())
        return output.getvalue()

    def digest(self) -> str:
        """Return a SHA-256 of what is in its files, or of why they cannot be read; no name is in it."""
        found = hashlib.sha256()
        try:
            self._look()
            for part in self.parts:
                found.update(hashlib.sha256(part.read()).digest())
        except DecodeError as error:
            found.update(error.code.value.encode())
        return found.hexdigest()

    def _look(self) -> None:
        if self.fault:
            raise DecodeError(self.fault)
        if sum(part.size for part in self.parts) > MAX_FILE_BYTES:
            raise DecodeError(DecodeFailure.TOO_LARGE)


@contextmanager
def opened(files: Sequence[File], grouping: Grouping) -> Iterator[list[Entry]]:
    """Open files, and the zips among them, as the ECGs they hold, ordered by path, numbers as numbers.

    Zips that announce more than `MOST_UNPACKED_BYTES` with those before them are UNSAFE.

    Raises
    ------
    TooManyError
        When there are more than `MOST_ENTRIES`.
    """
    with ExitStack() as stack:
        found = list[tuple[PurePosixPath, tuple[_Part, ...], DecodeFailure | None]]()
        loose = list[_Part]()
        left = MOST_UNPACKED_BYTES
        for number, file in enumerate(files):
            name = _path(file.name, str(number))
            if not _is_zip(file.source):
                loose.append(_part(name, file.source))
                continue
            try:
                archive = stack.enter_context(Archive(file.source, left))
                inside = _members(archive, name, left)
                left -= sum(part.size for part in inside)
                members = [(path, parts, None) for path, parts in _joined(inside)]
                found += members or [(name, (), DecodeFailure.EMPTY)]
            except DecodeError as error:
                found.append((name, (), error.code))
        found += [(name, parts, None) for name, parts in _joined(loose)]
        if len(found) > MOST_ENTRIES:
            raise TooManyError
        groups = dict[str, int]()
        yield [
            Entry(name, groups.setdefault(_group(name, grouping), len(groups)), parts, fault)
            for name, parts, fault in sorted(found, key=lambda each: _order(each[0]))
        ]


def _members(archive: Archive, zip_name: PurePosixPath, most_bytes: int) -> list[_Part]:
    """Return the files of a zip, below its own name: two zips have no folder in common."""
    if sum(member.file_size for member in archive.members.values()) > most_bytes:
        raise DecodeError(DecodeFailure.UNSAFE)
    return [
        _Part(zip_name / name, member.file_size, partial(archive.read, name))
        for name, member in archive.members.items()
    ]


def _joined(parts: Sequence[_Part]) -> Iterator[tuple[PurePosixPath, tuple[_Part, ...]]]:
    """Put the files of each WFDB record together, its header first; leave out what systems strew about."""
    wanted = [part for part in parts if not _is_litter(part.name)]
    records = {part.name.with_suffix(""): [part] for part in wanted if part.name.suffix == ".hea"}
    for part in wanted:
        record = records.get(part.name.with_suffix(""))
        if record is None or part.name.suffix.lower() in _BESIDE:
            yield part.name, (part,)
        elif part is not record[0]:
            record.append(part)
    yield from ((record[0].name, tuple(record)) for record in records.values())


def _is_litter(name: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in name.parts) or name.name.lower() in _LITTER


def _group(name: PurePosixPath, grouping: Grouping) -> str:
    if grouping is Grouping.FOLDER:
        return str(name.parent)
    if grouping is Grouping.PREFIX:
        last = _LAST_PART.match(name.stem[::-1])
        return str(name.parent / name.stem[: len(name.stem) - last.end() if last else None])
    return str(name)


def _order(name: PurePosixPath) -> list[tuple[bool, int, str]]:
    """Return what sorts ECG 2 before ECG 10."""
    pieces = re.findall(r"\d+|\D+", str(name).casefold())
    return [_rank(piece.lstrip("0")) if piece.isdecimal() else (True, 0, piece) for piece in pieces]


def _rank(number: str) -> tuple[bool, int, str]:
    return False, len(number), number


def _path(name: str, otherwise: str) -> PurePosixPath:
    steps = [step for step in PurePosixPath(name.replace("\\", "/")).parts if step != ".."]
    return PurePosixPath(*steps or [otherwise])


def _is_zip(source: IO[bytes] | Path) -> bool:
    with reading(source) as stream:
        return stream.read(len(_ZIP)) == _ZIP


def _part(name: PurePosixPath, source: IO[bytes] | Path) -> _Part:
    def read() -> bytes:
        with reading(source) as stream:
            return stream.read(MAX_FILE_BYTES + 1)

    with reading(source) as stream:
        return _Part(name, stream.seek(0, io.SEEK_END), read)
