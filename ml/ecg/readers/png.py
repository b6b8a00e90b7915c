from pathlib import Path

from ml.ecg.readers.image import encode, load
from ml.ecg.readers.reading import Reading

MEDIA_TYPE = "image/png"


def recognises(head: bytes) -> bool:
    """Say whether the file starts with PNG's signature."""
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def read(path: Path) -> Reading:
    """Read a PNG picture upright, on white, without its metadata."""
    picture = load(path, "PNG")
    return Reading(MEDIA_TYPE, encode(picture, MEDIA_TYPE), picture)
