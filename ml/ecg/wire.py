"""How a decoding child answers: one line of JSON and raw bytes, so that nothing it says is ever executed."""

import json
from dataclasses import asdict, fields
from typing import Any

from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure

_BLOBS = ("original", "rendering", "thumbnail_webp")
_NAMES = {field.name for field in fields(Decoded)}


def pack(outcome: Decoded | DecodeFailure) -> tuple[bytes, ...]:
    """Return the pieces to send: a JSON line, then each blob; a rendering equal to the original goes once."""
    if isinstance(outcome, DecodeFailure):
        return (json.dumps({"failure": outcome.value}).encode() + b"\n",)
    header: dict[str, Any] = asdict(outcome)
    blobs = [header.pop(name) for name in _BLOBS]
    if blobs[1] == blobs[0]:
        blobs[1] = b""
    header["sizes"] = [len(blob) for blob in blobs]
    return (json.dumps(header).encode() + b"\n", *blobs)


def unpack(message: bytearray) -> Decoded:
    """Read a whole answer.

    Raises
    ------
    DecodeError
        The failure the child reported, or CRASHED when its answer is incomplete or makes no sense.
    """
    try:
        line, _, _ = message.partition(b"\n")
        header = json.loads(line)
        if "failure" in header:
            raise DecodeError(DecodeFailure(header["failure"]))
        return _decoded(header, memoryview(message)[len(line) + 1 :])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DecodeError(DecodeFailure.CRASHED) from None


def _decoded(header: dict[str, Any], body: memoryview) -> Decoded:
    sizes = header.pop("sizes")
    if sum(sizes) != len(body) or min(sizes) < 0 or header.keys() | set(_BLOBS) != _NAMES:
        raise ValueError("incomplete")
    first, second = sizes[0], sizes[0] + sizes[1]
    original, thumbnail = bytes(body[:first]), bytes(body[second:])
    rendering = bytes(body[first:second]) or original
    header["leads"] = tuple(header["leads"])
    return Decoded(original=original, rendering=rendering, thumbnail_webp=thumbnail, **header)
