from pathlib import Path

from ml.ecg.readers.image import JPEG, load, reading
from ml.ecg.readers.reading import Reading


def recognises(head: bytes) -> bool:
    """Say whether the file starts with JPEG's start of image and a marker."""
    return head.startswith(b"\xff\xd8\xff")


def read(path: Path) -> list[Reading]:
    """Read a JPEG picture upright, without its metadata."""
    return [reading(load(path, "JPEG"), JPEG)]
