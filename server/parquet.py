"""Tables as Apache Parquet: flat, uncompressed, each column of one of four types, any cell may be empty.

pyarrow writes all of Parquet, and takes 166 MB of disk and of each process that has written a table 126 MB,
where a worker has 150 MB in all (measured with 26.0.1); this is for tables of a few thousand rows. The format
is that of https://parquet.apache.org/docs/file-format/, its metadata in Thrift's compact protocol.
"""

import datetime as dt
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import TypeAlias

Cell: TypeAlias = str | int | float | dt.date | None
Table: TypeAlias = Mapping[str, tuple["Kind", Sequence[Cell]]]

MEDIA_TYPE = "application/vnd.apache.parquet"
MAGIC = b"PAR1"
EPOCH = dt.date(1970, 1, 1)
OPTIONAL, PLAIN, RLE, UNCOMPRESSED, DATA_PAGE = 1, 0, 3, 0, 0


class Kind(Enum):
    """What a column holds: the number of the physical type, and where there is one of the converted type."""

    WHOLE = 2, None
    """INT64"""
    REAL = 5, None
    """DOUBLE"""
    TEXT = 6, 0
    """BYTE_ARRAY, UTF8"""
    DAY = 1, 6
    """INT32, DATE"""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The one page of a column, and where it begins."""

    name: str
    kind: Kind
    rows: int
    at: int
    size: int


def parquet(table: Table) -> bytes:
    """Return a file of columns that are equally long.

    Raises
    ------
    ValueError
        When they are not.
    """
    rows = {len(cells) for _kind, cells in table.values()}
    if len(rows) != 1:
        raise ValueError("the columns are not equally long")
    count = rows.pop()
    written, chunks = bytearray(MAGIC), []
    for name, (kind, cells) in table.items():
        page = _page(kind, cells)
        chunks.append(_Chunk(name, kind, count, len(written), len(page)))
        written += page
    footer = _footer(chunks, count)
    return bytes(written + footer + struct.pack("<I", len(footer)) + MAGIC)


def _page(kind: Kind, cells: Sequence[Cell]) -> bytes:
    levels = b"".join(
        _varint(len(list(run)) << 1) + bytes([there])
        for there, run in groupby(each is not None for each in cells)
    )
    values = b"".join(_plain(kind, each) for each in cells if each is not None)
    data = struct.pack("<I", len(levels)) + levels + values
    header = _struct({1: len(cells), 2: PLAIN, 3: RLE, 4: RLE})
    return _struct({1: DATA_PAGE, 2: len(data), 3: len(data), 5: header}) + data


def _plain(kind: Kind, cell: Cell) -> bytes:
    if kind is Kind.TEXT and isinstance(cell, str):
        text = cell.encode()
        return struct.pack("<I", len(text)) + text
    if kind is Kind.DAY and isinstance(cell, dt.date):
        return struct.pack("<i", (cell - EPOCH).days)
    return struct.pack("<q" if kind is Kind.WHOLE else "<d", cell)


def _footer(chunks: Sequence[_Chunk], rows: int) -> bytes:
    root = _struct({4: "table", 5: len(chunks)})
    size = _Long(sum(each.size for each in chunks))
    group = _struct({1: [_column(each) for each in chunks], 2: size, 3: _Long(rows)})
    return _struct({1: 1, 2: [root, *map(_element, chunks)], 3: _Long(rows), 4: [group], 6: "chevet"})


def _element(chunk: _Chunk) -> bytes:
    physical, converted = chunk.kind.value
    return _struct({1: physical, 3: OPTIONAL, 4: chunk.name, 6: converted})


def _column(chunk: _Chunk) -> bytes:
    size, at = _Long(chunk.size), _Long(chunk.at)
    told = {
        1: chunk.kind.value[0],
        2: [PLAIN, RLE],
        3: [chunk.name],
        4: UNCOMPRESSED,
        5: _Long(chunk.rows),
        6: size,
        7: size,
        9: at,
    }
    return _struct({2: at, 3: _struct(told)})


class _Long(int):
    """A number that Thrift writes as i64, where others are i32."""


_Value: TypeAlias = "int | str | bytes | Sequence[int | str | bytes] | None"


def _struct(fields: Mapping[int, _Value]) -> bytes:
    """Return a struct by number of field; what is bytes already is a struct, and None is left out."""
    written, last = bytearray(), 0
    for number, value in fields.items():
        if value is not None:
            written.append((number - last) << 4 | _type(value))
            written += _value(value)
            last = number
    return bytes(written) + b"\0"


def _type(value: _Value) -> int:
    if isinstance(value, _Long):
        return 6
    if isinstance(value, int):
        return 5
    if isinstance(value, str):
        return 8
    return 12 if isinstance(value, bytes) else 9


def _value(value: _Value) -> bytes:
    if isinstance(value, int):
        return _varint(value << 1)  # zigzag, of numbers that are never negative
    if isinstance(value, str):
        return _varint(len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return value
    items = list(value or ())
    kind = _type(items[0])
    size = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + _varint(len(items))
    return size + b"".join(map(_value, items))


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
