"""WFDB records (PhysioNet): a header and its signal files, in a zip or, for the command line, in a folder.

The `wfdb` package reads the same records and is what the tests compare with. It is not used here because it
reads from paths only, which it takes from the header, while uploads are decoded where nothing may be written.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ml.ecg.archive import Archive
from ml.ecg.decoded import MAX_FILE_BYTES, DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_text
from ml.ecg.readers.channels import MILLIVOLTS, Channel, assemble, calibrated, check_size, unit_mv
from ml.ecg.signal import Signal

_DEFAULT_RATE_HZ = 250.0
_DEFAULT_GAIN = 200.0
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_GAIN = re.compile(r"([-+.\deE]+)(?:\((-?\d+)\))?(?:/(\S+))?")
_FILE_NAME = re.compile(r"[\w.-]+")

Counts = npt.NDArray[np.integer[Any]]
AnyPath = TypeVar("AnyPath", bound=PurePath)


def recognises(head: bytes) -> bool:
    """Say whether the file is a zip, of which a record set is the only kind we read."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read(path: Path) -> Signal:
    """Read the one record of a zip.

    Raises
    ------
    DecodeError
        NO_WAVEFORM without a header, SEVERAL_RECORDS with more than one, and what `Archive` raises.
    """
    with Archive(path, MAX_FILE_BYTES) as archive:
        header = _only_header(archive.members)
        return _record(archive.read(header), lambda name: archive.read(header.with_name(name)))


def read_record(path: Path) -> Signal:
    """Read the record of a header (``.hea``), its signal files beside it, or the one record of a folder."""
    header = _only_header(path.iterdir()) if path.is_dir() else path

    def beside(name: str) -> bytes:
        file = header.with_name(name)
        if not file.is_file() or file.is_symlink():
            raise DecodeError(DecodeFailure.INCOMPLETE)
        if file.stat().st_size > MAX_FILE_BYTES:
            raise DecodeError(DecodeFailure.TOO_LARGE)
        return file.read_bytes()

    return _record(header.read_bytes(), beside)


def _only_header(found: Iterable[AnyPath]) -> AnyPath:
    headers = [name for name in found if name.suffix == ".hea"]
    if len(headers) != 1:
        raise DecodeError(DecodeFailure.SEVERAL_RECORDS if headers else DecodeFailure.NO_WAVEFORM)
    return headers[0]


@dataclass(frozen=True)
class _Signal:
    """One line of the header, comments and all else left out."""

    file: str
    kind: int
    per_frame: int
    skew: int
    skip: int
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    lead: str | None


def _record(header: bytes, file: Callable[[str], bytes]) -> Signal:
    lines = [line.strip() for line in header.decode("latin-1").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    record = lines[0].split()
    if "/" in record[0]:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    count = int(record[1])
    rate = float(re.split(r"[/(]", record[2])[0]) if len(record) > 2 else _DEFAULT_RATE_HZ
    frames = int(record[3]) if len(record) > 3 else 0
    if frames < 0 or rate <= 0:
        raise ValueError("no samples")
    check_size(frames or 2, count)
    signals = [_signal(line) for line in lines[1 : count + 1]]
    if len(signals) < count:
        raise ValueError("fewer signals than announced")
    channels: dict[int, list[Channel]] = {}
    for name, group in groupby(signals, key=lambda signal: signal.file):
        _read_file(file(name), list(group), frames, channels)
    if not channels:
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    per_frame = max(channels, key=lambda found: len(channels[found]))
    return assemble(channels[per_frame], rate * per_frame)


def _signal(line: str) -> _Signal:
    """Parse ``file format gain bits zero first checksum block description``, all but two of them optional."""
    fields = line.split(maxsplit=8)
    fields += [""] * (9 - len(fields))
    form = _FORMAT.fullmatch(fields[1])
    gain = _GAIN.fullmatch(fields[2] or str(_DEFAULT_GAIN))
    if form is None or gain is None or not _FILE_NAME.fullmatch(fields[0]) or fields[0].strip(".") == "":
        raise ValueError("not a signal's line")
    zero = int(fields[4] or 0)
    return _Signal(
        file=fields[0],
        kind=int(form[1]),
        per_frame=int(form[2] or 1),
        skew=int(form[3] or 0),
        skip=int(form[4] or 0),
        gain=float(gain[1]) or _DEFAULT_GAIN,
        baseline=zero if gain[2] is None else int(gain[2]),
        unit=gain[3] or "mV",
        checksum=int(fields[6]) if fields[6] else None,
        lead=lead_from_text(fields[8]),
    )


def _read_file(
    data: bytes, signals: Sequence[_Signal], frames: int, channels: dict[int, list[Channel]]
) -> None:
    """Add the voltages of a signal file, whose signals alternate sample by sample."""
    first = signals[0]
    unusual = first.kind not in _UNPACKERS or any(signal.skew for signal in signals)
    if {signal.kind for signal in signals} != {first.kind} or unusual:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    unpack, missing = _UNPACKERS[first.kind]
    width = sum(signal.per_frame for signal in signals)
    if not 0 < width <= 1000 or first.skip > len(data):
        raise ValueError("not a frame")
    values = unpack(np.frombuffer(data, np.uint8)[first.skip :], frames * width or None)
    whole = frames or len(values) // width
    check_size(whole, width)
    if len(values) < whole * width:
        raise ValueError("fewer samples than announced")
    table = values[: whole * width].reshape(whole, width)
    at = 0
    for signal in signals:
        counts = table[:, at : at + signal.per_frame].reshape(-1)
        at += signal.per_frame
        counts = np.cumsum(counts) if first.kind == 8 else counts
        if signal.checksum is not None and (int(counts.sum(dtype=np.int64)) - signal.checksum) % 2**16:
            raise ValueError("the samples are not those that were written")
        if _is_voltage(signal.unit):
            channels.setdefault(signal.per_frame, []).append(_channel(signal, counts, missing))


def _is_voltage(unit: str) -> bool:
    return unit.upper().replace("µ", "U") in MILLIVOLTS


def _channel(signal: _Signal, counts: Counts, missing: int | None) -> Channel:
    gain = unit_mv(signal.unit) / signal.gain
    absent = None if missing is None else counts == missing
    return calibrated(
        signal.lead,
        counts,
        gain_mv=gain,
        offset_mv=-signal.baseline * gain,
        missing=absent if absent is not None and absent.any() else None,
    )


def _plain(kind: str) -> Callable[[npt.NDArray[np.uint8], int | None], Counts]:
    size = np.dtype(kind).itemsize

    def unpack(data: npt.NDArray[np.uint8], count: int | None) -> Counts:
        whole = len(data) // size if count is None else min(count, len(data) // size)
        return data[: whole * size].view(kind)

    return unpack


def _offset_binary(kind: str, zero: int) -> Callable[[npt.NDArray[np.uint8], int | None], Counts]:
    plain = _plain(kind)
    return lambda data, count: plain(data, count).astype(np.int32) - zero


def _twelve_bits(data: npt.NDArray[np.uint8], count: int | None) -> Counts:
    """Unpack format 212: two samples in three bytes, their high bits together in the second."""
    samples = len(data) * 2 // 3 if count is None else min(count, len(data) * 2 // 3)
    data = np.append(data[: (samples + 1) // 2 * 3], np.zeros(3, np.uint8))
    triples = data[: (samples + 1) // 2 * 3].reshape(-1, 3).astype(np.int16)
    values = np.empty(2 * len(triples), np.int16)
    values[::2] = triples[:, 0] | (triples[:, 1] & 0x0F) << 8
    values[1::2] = triples[:, 2] | (triples[:, 1] & 0xF0) << 4
    return (values[:samples] << 4) >> 4


def _three_bytes(data: npt.NDArray[np.uint8], count: int | None) -> Counts:
    samples = len(data) // 3 if count is None else min(count, len(data) // 3)
    triples = data[: samples * 3].reshape(-1, 3).astype(np.int32)
    return ((triples[:, 0] | triples[:, 1] << 8 | triples[:, 2] << 16) << 8) >> 8


def _ten_bits(data: npt.NDArray[np.uint8], count: int | None) -> Counts:
    """Unpack format 310: three samples in two words, two of them in bits 1 to 10, the third in the rest."""
    words = data[: len(data) // 4 * 4].view("<u2").astype(np.int32).reshape(-1, 2)
    third = words[:, 0] >> 11 | words[:, 1] >> 11 << 5
    return _signed_ten(np.stack([words[:, 0] >> 1, words[:, 1] >> 1, third], axis=1).reshape(-1), count)


def _ten_bits_packed(data: npt.NDArray[np.uint8], count: int | None) -> Counts:
    """Unpack format 311: three samples in the lower thirty bits of four bytes."""
    words = data[: len(data) // 4 * 4].view("<u4").astype(np.int64)
    return _signed_ten(np.stack([words, words >> 10, words >> 20], axis=1).reshape(-1), count)


def _signed_ten(values: npt.NDArray[Any], count: int | None) -> Counts:
    signed = (values.astype(np.int16) << 6) >> 6
    return signed if count is None else signed[:count]


_UNPACKERS: dict[int, tuple[Callable[[npt.NDArray[np.uint8], int | None], Counts], int | None]] = {
    8: (_plain("i1"), None),
    16: (_plain("<i2"), -(2**15)),
    24: (_three_bytes, -(2**23)),
    32: (_plain("<i4"), -(2**31)),
    61: (_plain(">i2"), -(2**15)),
    80: (_offset_binary("u1", 2**7), -(2**7)),
    160: (_offset_binary("<u2", 2**15), -(2**15)),
    212: (_twelve_bits, -(2**11)),
    310: (_ten_bits, -(2**9)),
    311: (_ten_bits_packed, -(2**9)),
}
"""How each storage format is unpacked, and the value that says that nothing was recorded."""
