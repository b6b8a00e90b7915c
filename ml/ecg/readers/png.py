from pathlib import Path

from ml.ecg.readers.image import PNG, load, reading
from ml.ecg.readers.reading import Reading


def recognises(head: bytes) -> bool:
    """Say whether the file starts with PNG's signature."""
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def read(path: Path) -> list[Reading]:
    """Read a PNG picture upright, on white, without its metadata."""
    return [reading(load(path, "PNG"), PNG)]
