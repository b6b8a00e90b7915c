from pathlib import Path

from PIL import BmpImagePlugin  # noqa: F401 - makes the format known

from ml.ecg.readers.image import PNG, load, reading
from ml.ecg.readers.reading import Reading

_HEADERS = {12, 40, 52, 56, 64, 108, 124}
"""Bytes of the second header, which tell its version."""


def recognises(head: bytes) -> bool:
    """Say whether the file starts with the two headers of a BMP."""
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _HEADERS


def read(path: Path) -> list[Reading]:
    """Read a BMP picture."""
    return [reading(load(path, "BMP"), PNG)]
