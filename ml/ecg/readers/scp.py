"""SCP-ECG (EN 1064, ISO 11073-91064): the rhythm of section 6, Huffman codes and reference beats undone.

Section 1, where the patient is, is never looked at. `ecgdatakit` reads this format too and is what we
compare with; it is not used here because it first gathers all that is known of the patient.
Bimodal compression is refused: the standard has dropped it, and there is nothing to check its reading with.
"""

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_code
from ml.ecg.readers.channels import StoredLead, assemble, check_size, placed, with_frontal
from ml.ecg.signal import Signal

_HEADER = 16
_DEFAULT_TABLE = 19999
_MOST_CODED_SAMPLES = 5_000_000
_LONGEST_PREFIX = 16
_BIMODAL_UNTIL = 30
"""The protocol's version, in tenths, since which the flag of bimodal compression means nothing."""

Counts = npt.NDArray[np.int64]


def recognises(head: bytes) -> bool:
    """Say whether a record begins with section 0, whose first pointer is to itself, at byte 7."""
    if len(head) < 32:
        return False
    section, _, _, _, _ = struct.unpack_from("<HIBB6s", head, 8)
    first, _, at = struct.unpack_from("<HII", head, 22)
    return bool(section == 0 and first == 0 and at == 7)


def read(path: Path) -> Signal:
    """Read the rhythm of all leads, with the frontal ones where a machine stored eight of twelve.

    Raises
    ------
    DecodeError
        NO_WAVEFORM without sections 3 and 6, UNSUPPORTED_VARIANT for bimodal compression and for reference
        beats of another rate than the rhythm's, TOO_LONG for more samples than can be decoded in time.
    """
    record = _Record(path.read_bytes())
    if not {3, 6} <= record.pointers.keys():
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    spans = record.spans()
    rhythm = _Samples(record.section(6))
    if rhythm.flag and record.protocol(6) < _BIMODAL_UNTIL:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    first, last = min(span.start for span in spans), max(span.end for span in spans)
    check_size(last - first + 1, len(spans))
    counts = rhythm.leads([span.length for span in spans], record.tables)
    if record.has_reference_beats:
        _add_reference_beats(record, rhythm, spans, counts)
    if len({(span.start, span.end) for span in spans}) == 1:
        stored = [
            StoredLead(span.lead, lead, rhythm.gain_mv) for span, lead in zip(spans, counts, strict=True)
        ]
        channels = [lead.channel() for lead in with_frontal(stored)]
    else:
        channels = [
            placed(
                StoredLead(span.lead, lead, rhythm.gain_mv).channel(), span.start - first, last - first + 1
            )
            for span, lead in zip(spans, counts, strict=True)
        ]
    return assemble(channels, 1e6 / rhythm.interval_us)


@dataclass(frozen=True)
class _Span:
    """Between which samples of the recording, counted from 1 (by some from 0), a lead was recorded."""

    start: int
    end: int
    lead: str | None

    @property
    def length(self) -> int:
        return self.end - self.start + 1


class _Record:
    """A record's sections by their number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        (length,) = struct.unpack_from("<I", data, 10)
        pointers = struct.iter_unpack("<HII", data[22 : 6 + length][: (length - _HEADER) // 10 * 10])
        self.pointers = {number: (at - 1, size) for number, size, at in pointers if size > _HEADER and at}

    def section(self, number: int) -> bytes:
        """Return a section without its header, held against its checksum."""
        at, size = self.pointers[number]
        checksum, found, length = struct.unpack_from("<HHI", self._data, at)
        section = self._data[at : at + size]
        if (
            found != number
            or length != size
            or len(section) < size
            or crc_hqx(section[2:], 0xFFFF) != checksum
        ):
            raise ValueError("not the section that was written")
        return section[_HEADER:]

    def protocol(self, number: int) -> int:
        """Return the version of the protocol that a section follows, in tenths."""
        return int(self._data[self.pointers[number][0] + 9])

    @cached_property
    def has_reference_beats(self) -> bool:
        """Whether they have been subtracted from the rhythm."""
        return bool(self.section(3)[1] & 1)

    def spans(self) -> list[_Span]:
        """Return the leads of section 3."""
        body = self.section(3)
        check_size(2, body[0])
        found = struct.iter_unpack("<IIB", body[2 : 2 + 9 * body[0]])
        spans = [_Span(max(start, 1), end, lead_from_code(f"5.6.3-9-{code}")) for start, end, code in found]
        if len(spans) != body[0] or any(span.length < 2 for span in spans):
            raise ValueError("a lead without samples")
        return spans

    @cached_property
    def tables(self) -> "list[_Table]":
        """The Huffman tables of section 2; none where samples are whole words."""
        if 2 not in self.pointers:
            return []
        body = self.section(2)
        (count,) = struct.unpack_from("<H", body)
        if count == _DEFAULT_TABLE:
            return [_default_table()]
        tables, at = [], 2
        for _ in range(count):
            (codes,) = struct.unpack_from("<H", body, at)
            at += 2
            tables.append(_Table([_Code(*found) for found in _fields("<BBBhI", body, at, codes)]))
            at += 9 * codes
        return tables


def _fields(layout: str, body: bytes, at: int, count: int) -> list[tuple[int, ...]]:
    """Return so many structures; raise struct.error when they are not there."""
    size = struct.calcsize(layout)
    if at + size * count > len(body):
        raise ValueError("fewer than announced")
    return list(struct.iter_unpack(layout, body[at : at + size * count]))


class _Samples:
    """Section 5 or 6: samples of each lead, as words or in Huffman codes, as they are or as differences."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        nanovolts, self.interval_us, self._difference, self.flag = struct.unpack_from("<HHBB", body)
        self.gain_mv = nanovolts * 1e-6
        if not self.interval_us or self._difference > 2:
            raise ValueError("no rate, or an unknown difference")

    def leads(self, lengths: Sequence[int], tables: "list[_Table]") -> list[Counts]:
        """Decode so many samples of each lead."""
        if tables and sum(lengths) > _MOST_CODED_SAMPLES:
            raise DecodeError(DecodeFailure.TOO_LONG)
        sizes = [size for (size,) in _fields("<H", self._body, 6, len(lengths))]
        at, leads = 6 + 2 * len(lengths), []
        for size, length in zip(sizes, lengths, strict=True):
            data = self._body[at : at + size]
            values = _huffman(data, length, tables) if tables else np.frombuffer(data, "<i2", length)
            leads.append(_summed(values.astype(np.int64), self._difference))
            at += size
        return leads


def _summed(values: Counts, difference: int) -> Counts:
    """Undo first or second differences, in the sixteen bits they were taken in."""
    if difference == 1:
        values = np.cumsum(values)
    elif difference == 2 and len(values) > 1:
        slopes = values[1:].copy()
        slopes[0] -= values[0]
        values = values[0] + np.concatenate(([0], np.cumsum(np.cumsum(slopes))))
    return values.astype(np.int16).astype(np.int64)


def _add_reference_beats(
    record: _Record, rhythm: _Samples, spans: Sequence[_Span], counts: list[Counts]
) -> None:
    """Add the reference beat of section 5 back to where section 4 says that it was subtracted."""
    if not {4, 5} <= record.pointers.keys():
        raise ValueError("no reference beats")
    beats = _Samples(record.section(5))
    if (beats.interval_us, beats.gain_mv) != (rhythm.interval_us, rhythm.gain_mv):
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    places = record.section(4)
    milliseconds, fiducial, found = struct.unpack_from("<HHH", places)
    length = round(milliseconds * 1000 / beats.interval_us)
    references = beats.leads([length] * len(spans), record.tables)
    for kind, start, at, end in _fields("<HIII", places, 6, found):
        if kind != 0:
            continue
        for span, lead, reference in zip(spans, counts, references, strict=True):
            shift = at - fiducial
            begin, stop = max(start, span.start, shift + 1), min(end, span.end, shift + length)
            if begin <= stop:
                lead[begin - span.start : stop - span.start + 1] += reference[
                    begin - shift - 1 : stop - shift
                ]


@dataclass(frozen=True)
class _Code:
    """A code of a Huffman table: `prefix` bits, then what makes up `total`, added to a value.

    `prefix_bits` has the first bit lowest. With `is_data` 0, the code switches to the table of its value.
    """

    prefix: int
    total: int
    is_data: int
    value: int
    prefix_bits: int


class _Table:
    """A Huffman table, to be looked up by the next sixteen bits."""

    def __init__(self, codes: Sequence[_Code]) -> None:
        self.codes: list[_Code | None] = [None] * 2**_LONGEST_PREFIX
        for code in codes:
            if not 0 < code.prefix <= _LONGEST_PREFIX or not 0 <= code.total - code.prefix <= 16:
                raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
            bits = int(f"{code.prefix_bits % 2**code.prefix:0{code.prefix}b}"[::-1], 2)
            free = 2 ** (_LONGEST_PREFIX - code.prefix)
            self.codes[bits * free : (bits + 1) * free] = [code] * free


def _default_table() -> _Table:
    """Return the standard's own table: 0, 1 and -1 to 8 and -8, then values of eight and of sixteen bits."""
    ones = [2**size - 1 for size in range(1, 11)]
    small = [
        _Code(size + 2, size + 2, 1, sign * size, ones[size - 1] | (sign < 0) << (size + 1))
        for size in range(1, 9)
        for sign in (1, -1)
    ]
    large = [_Code(10, 18, 1, 0, ones[8]), _Code(10, 26, 1, 0, ones[9])]
    return _Table([_Code(1, 1, 1, 0, 0), *small, *large])


def _huffman(data: bytes, count: int, tables: Sequence[_Table]) -> Counts:
    """Decode so many values, most significant bit first."""
    bits = np.unpackbits(np.frombuffer(data + b"\0" * 4, np.uint8)).astype(np.int64)
    following = sliding_window_view(bits, 16) @ (1 << np.arange(15, -1, -1))
    windows, end, at = following.tolist(), len(data) * 8, 0
    codes, values = tables[0].codes, list[int]()
    while len(values) < count:
        code = codes[windows[at]]
        if code is None:
            raise ValueError("not a code")
        at += code.prefix
        if not code.is_data:
            codes = tables[code.value - 1].codes
            continue
        more = code.total - code.prefix
        value = code.value
        if more:
            extra = windows[at] >> (16 - more)
            value += extra - (extra >> (more - 1) << more)
            at += more
        if at > end:
            raise ValueError("fewer samples than announced")
        values.append(value)
    return np.array(values, np.int64)
