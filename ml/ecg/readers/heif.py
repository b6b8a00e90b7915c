"""HEIC photographs, as telephones take them.

`pi_heif` is `pillow_heif` without its encoder, whose licence (GPL) we could not pass on.
"""

from pathlib import Path

import pi_heif

from ml.ecg.readers.image import JPEG, load, reading
from ml.ecg.readers.reading import Reading

_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def recognises(head: bytes) -> bool:
    """Say whether the file is of a brand that holds pictures in HEVC."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def read(path: Path) -> list[Reading]:
    """Read the main picture upright."""
    return [reading(load(path, "HEIF"), JPEG)]
