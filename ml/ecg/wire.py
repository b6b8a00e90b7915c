"""How a decoding child answers: one line of JSON and raw bytes, so that nothing it says is ever executed."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from itertools import accumulate
from typing import Any

from ml.ecg import editing
from ml.ecg.burned_in.found import Found, Region, Search, TextKind
from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.editing import Proposal

_BLOBS = ("original", "rendering", "thumbnail_webp")
_NAMES = {field.name for field in fields(Decoded)}


def pack(outcome: Sequence[Decoded] | Proposal | Found | bytes | DecodeFailure) -> tuple[bytes, ...]:
    """Return the pieces to send: a JSON line about the pages, then the blobs of each.

    A rendering equal to the original goes once. A proposal, what was found or a failure is the line alone.
    Bytes are sent as they are.
    """
    if isinstance(outcome, bytes):
        return (outcome,)
    if isinstance(outcome, DecodeFailure):
        return (json.dumps({"failure": outcome.value}).encode() + b"\n",)
    if isinstance(outcome, Proposal):
        said = {"found": outcome.found, "steps": editing.written(outcome.steps)}
        return (json.dumps(said).encode() + b"\n",)
    if isinstance(outcome, Found):
        regions = [[each.kind, each.left, each.top, each.right, each.bottom] for each in outcome.regions]
        return (json.dumps({"search": outcome.search.value, "regions": regions}).encode() + b"\n",)
    pages = [_packed(page) for page in outcome]
    line = json.dumps({"pages": [header for header, _ in pages]}).encode() + b"\n"
    return (line, *(blob for _, blobs in pages for blob in blobs))


def _packed(page: Decoded) -> tuple[dict[str, Any], list[bytes]]:
    header: dict[str, Any] = asdict(page)
    blobs = [header.pop(name) for name in _BLOBS]
    if blobs[1] == blobs[0]:
        blobs[1] = b""
    header["sizes"] = [len(blob) for blob in blobs]
    return header, blobs


def unpack(message: bytearray) -> list[Decoded]:
    """Read a whole answer.

    Raises
    ------
    DecodeError
        The failure the child reported, or CRASHED when its answer is incomplete or makes no sense.
    """
    with _sensible():
        header, body = _parted(message)
        return _pages(header["pages"], body)


def unpack_proposal(message: bytearray) -> Proposal:
    """Read a proposal; raises as `unpack` does."""
    with _sensible():
        header, _ = _parted(message)
        return Proposal(bool(header["found"]), editing.parse(header["steps"]))


def unpack_found(message: bytearray) -> Found:
    """Read what was found in a picture; raises as `unpack` does."""
    with _sensible():
        header, _ = _parted(message)
        regions = tuple(Region(TextKind(kind), *map(float, sides)) for kind, *sides in header["regions"])
        return Found(Search(header["search"]), regions)


@contextmanager
def _sensible() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DecodeError(DecodeFailure.CRASHED) from None


def _parted(message: bytearray) -> tuple[dict[str, Any], memoryview]:
    line, _, _ = message.partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    if "failure" in header:
        raise DecodeError(DecodeFailure(header["failure"]))
    return header, memoryview(message)[len(line) + 1 :]


def _pages(headers: list[dict[str, Any]], body: memoryview) -> list[Decoded]:
    ends = list(accumulate(sum(header["sizes"]) for header in headers))
    if not ends or ends[-1] != len(body):
        raise ValueError("incomplete")
    starts = [0, *ends[:-1]]
    return [
        _decoded(header, body[start:end]) for header, start, end in zip(headers, starts, ends, strict=True)
    ]


def _decoded(header: dict[str, Any], body: memoryview) -> Decoded:
    sizes = header.pop("sizes")
    if sum(sizes) != len(body) or min(sizes) < 0 or header.keys() | set(_BLOBS) != _NAMES:
        raise ValueError("incomplete")
    first, second = sizes[0], sizes[0] + sizes[1]
    original, thumbnail = bytes(body[:first]), bytes(body[second:])
    rendering = bytes(body[first:second]) or original
    header["leads"] = tuple(header["leads"])
    return Decoded(original=original, rendering=rendering, thumbnail_webp=thumbnail, **header)
