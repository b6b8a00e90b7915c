"""Philips' XML of resting ECGs (Sierra 1.03 to 1.04.02), also compressed (XLI).

The `sierraecg` package reads the same files and is what the tests compare with. It is not used here because
it leaves out the calibration, takes the first six leads for the limb leads, and decompresses without bound.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_text
from ml.ecg.readers.channels import assemble, calibrated, check_size
from ml.ecg.readers.xml import bytes_of, parse, root_name, text_of
from ml.ecg.signal import STANDARD_LEADS, Signal

_TYPES = frozenset({"SierraECG", "PhilipsECG"})
_VERSIONS = frozenset({"1.03", "1.04", "1.04.01", "1.04.02"})
_CODE_BITS = 10
_END_CODE = 2**_CODE_BITS - 1
_MARGIN_BYTES = 4096
_MOST_COMPRESSED = 3_000_000
_STANDARD_ACQUISITIONS = frozenset({"STD-12", "10-WIRE"})

Counts = npt.NDArray[np.int64]


def recognises(head: bytes) -> bool:
    """Say whether the document is a resting ECG of Philips'."""
    return root_name(head) == "restingecgdata"


def read(path: Path) -> Signal:
    """Read the rhythm of all leads.

    Raises
    ------
    DecodeError
        UNSUPPORTED_VARIANT for another kind, version, encoding or compression, NO_WAVEFORM without a rhythm,
        TOO_LONG for more compressed samples than can be expanded in time.
    """
    root = parse(path)
    if text_of(root, "documenttype") not in _TYPES or text_of(root, "documentversion") not in _VERSIONS:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    waveforms = next(root.iter("parsedwaveforms"), None)
    if waveforms is None:
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    characteristics = next(root.iter("signalcharacteristics"))
    rate = float(text_of(characteristics, "samplingrate"))
    leads = _leads(characteristics, waveforms)
    samples = round(float(waveforms.attrib["durationperchannel"]) * rate / 1000)
    check_size(samples, len(leads))
    counts = _counts(waveforms, leads, samples)
    step_mv = float(_resolution(characteristics)) / 1e3
    offset = int(text_of(characteristics, "signaloffset") or 0)
    channels = [calibrated(lead_from_text(lead), counts[lead] - offset, gain_mv=step_mv) for lead in leads]
    return assemble(channels, rate)


def _resolution(characteristics: Element) -> str:
    """Return microvolts per count, an element that was renamed after version 1.03."""
    renamed = characteristics.find("resolution")
    return text_of(characteristics, "signalresolution" if renamed is None else "resolution")


def _leads(characteristics: Element, waveforms: Element) -> list[str]:
    """Return the leads in the order of their samples; standard ones are not always named."""
    labels = waveforms.get("leadlabels", "").split()
    if labels:
        leads = labels[: int(waveforms.attrib["numberofleads"])]
    elif text_of(characteristics, "acquisitiontype") in _STANDARD_ACQUISITIONS:
        leads = list(STANDARD_LEADS[: int(text_of(characteristics, "numberchannelsallocated"))])
    else:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    if len(set(leads)) < len(leads):
        raise ValueError("a lead twice")
    return leads


def _counts(waveforms: Element, leads: list[str], samples: int) -> dict[str, Counts]:
    """Return each lead's stored integers."""
    method = waveforms.get("compressmethod") or waveforms.get("compression") or "Uncompressed"
    if waveforms.get("compressflag") == "False":
        method = "Uncompressed"
    if waveforms.get("dataencoding", "Base64") != "Base64" or method not in {"XLI", "Uncompressed"}:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    data = bytes_of(waveforms.text)
    if method == "Uncompressed":
        table = np.frombuffer(data, "<i2", samples * len(leads)).reshape(len(leads), samples)
        return dict(zip(leads, table.astype(np.int64), strict=True))
    if samples * len(leads) > _MOST_COMPRESSED:
        raise DecodeError(DecodeFailure.TOO_LONG)
    counts = dict(zip(leads, _chunks(data, len(leads), samples), strict=True))
    _restore_frontal(counts)
    return counts


def _restore_frontal(counts: dict[str, Counts]) -> None:
    """Add to III, aVR, aVL and aVF what follows from I and II: XLI keeps the difference only."""
    if not counts.keys() >= {"I", "II", "III", "aVR", "aVL", "aVF"}:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    one, two = counts["I"], counts["II"]
    three = counts["III"] = two - one - counts["III"]
    counts["aVR"] = -counts["aVR"] - (one + two) // 2
    counts["aVL"] = (one - three) // 2 - counts["aVL"]
    counts["aVF"] = (two + three) // 2 - counts["aVF"]


def _chunks(data: bytes, leads: int, samples: int) -> Iterator[Counts]:
    """Decompress each lead's chunk: its size, two bytes we do not need, and the first difference's offset."""
    at = 0
    for _ in range(leads):
        size = int.from_bytes(data[at : at + 4], "little")
        start = int.from_bytes(data[at + 6 : at + 8], "little", signed=True)
        at += 8
        if not 0 < size <= len(data) - at:
            raise ValueError("a chunk beyond the end")
        packed = np.frombuffer(_expanded(data[at : at + size], 2 * samples), np.uint8)
        if len(packed) < 4:
            raise ValueError("no samples")
        at += size
        high, low = packed[: len(packed) // 2], packed[len(packed) // 2 :]
        yield _integrated((high.astype(np.uint16) << 8 | low).astype(np.int16).astype(np.int64), start)


def _integrated(differences: Counts, start: int) -> Counts:
    """Undo the prediction of each sample as the line through its two predecessors."""
    values = differences.tolist()
    before, last, correction = values[0], values[1], start
    for index in range(2, len(values)):
        predicted = 2 * last - before - correction
        correction = values[index] - 64
        values[index] = predicted = (predicted + 2**15) % 2**16 - 2**15
        before, last = last, predicted
    return np.array(values, np.int64)


def _expanded(data: bytes, expected: int) -> bytes:
    """Decompress LZW of ten-bit codes, to not much more than is expected and an even number of bytes."""
    table = [bytes([value]) for value in range(256)]
    output, previous = bytearray(), b""
    for code in _codes(data):
        if code == _END_CODE:
            break
        if code < len(table):
            entry = table[code]
        elif code == len(table) and previous:
            entry = previous + previous[:1]
        else:
            raise ValueError("a code before its meaning")
        if previous and len(table) < _END_CODE:
            table.append(previous + entry[:1])
        output += entry
        previous = entry
        if len(output) > expected + _MARGIN_BYTES:
            raise ValueError("more samples than announced")
    return bytes(output + b"\0" * (len(output) % 2))


def _codes(data: bytes) -> Iterator[int]:
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    whole = bits[: len(bits) // _CODE_BITS * _CODE_BITS].reshape(-1, _CODE_BITS)
    return iter((whole @ (1 << np.arange(_CODE_BITS - 1, -1, -1))).tolist())
