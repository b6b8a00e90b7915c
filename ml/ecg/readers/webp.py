from pathlib import Path

from PIL import WebPImagePlugin  # noqa: F401 - makes the format known

from ml.ecg.readers.image import JPEG, PNG, load, reading
from ml.ecg.readers.reading import Reading

_HEAD_BYTES = 16


def recognises(head: bytes) -> bool:
    """Say whether the file is a RIFF container of WebP."""
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def read(path: Path) -> list[Reading]:
    """Read a WebP picture upright, the first of an animation; exact compression is kept exact."""
    with path.open("rb") as file:
        exact = file.read(_HEAD_BYTES).endswith(b"VP8L")
    return [reading(load(path, "WEBP"), PNG if exact else JPEG)]
