from pathlib import Path

from ml.ecg.readers.image import encode, load
from ml.ecg.readers.reading import Reading

MEDIA_TYPE = "image/jpeg"


def recognises(head: bytes) -> bool:
    """Say whether the file starts with JPEG's start of image and a marker."""
    return head.startswith(b"\xff\xd8\xff")


def read(path: Path) -> Reading:
    """Read a JPEG picture upright, without its metadata."""
    picture = load(path, "JPEG")
    return Reading(MEDIA_TYPE, encode(picture, MEDIA_TYPE), picture)
