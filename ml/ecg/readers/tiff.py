from pathlib import Path

from PIL import Image, TiffImagePlugin

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.readers.image import PNG, load_pages, reading
from ml.ecg.readers.reading import Reading

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NEW_SUBFILE_TYPE = 254
_REDUCED_OR_MASK = 0b101


def recognises(head: bytes) -> bool:
    """Say whether the file starts as TIFF or BigTIFF, of either byte order."""
    return head.startswith(_MAGIC)


def read(path: Path) -> list[Reading]:
    """Read every page, upright; small copies and masks of a page are none."""
    pages = load_pages(path, "TIFF", _is_page)
    if not pages:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    return [reading(page, PNG) for page in pages]


def _is_page(image: Image.Image) -> bool:
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    kind = tags.get(_NEW_SUBFILE_TYPE, 0)
    return not (isinstance(kind, int) and kind & _REDUCED_OR_MASK)
