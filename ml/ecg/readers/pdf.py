"""PDF documents, printed or scanned: every page drawn as it would be printed, by PDFium.

The build of PDFium has no script engine, and form fields, which need one, are not drawn.
"""

from math import sqrt
from pathlib import Path

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from ml.ecg.decoded import MAX_PIXELS, DecodeError, DecodeFailure
from ml.ecg.readers.image import JPEG, PNG, check_pages, is_drawn, reading
from ml.ecg.readers.reading import Reading

_PIXELS_PER_POINT = 10 * 25.4 / 72
"""10 pixels a millimetre of the page: the grid's lines stay apart, and a whole number wide."""

_LEAST_SIDE_PX = 2500
"""A page may say that it is a stamp: a photograph's size is whatever the program thought."""

_MOST_SIDE_PX = 20_000
_MOST_PAGE_PIXELS = 12_500_000
"""An A3 sheet."""

_LOCKED = {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}


def recognises(head: bytes) -> bool:
    """Say whether the file starts with PDF's header, white space and a byte order mark apart."""
    return head[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-")


def read(path: Path) -> list[Reading]:
    """Read every page; see `pages_of`."""
    return pages_of(path)


def pages_of(source: Path | bytes) -> list[Reading]:
    """Draw every page of a document.

    Raises
    ------
    DecodeError
        ENCRYPTED when it cannot be opened without a password; TOO_MANY_PAGES.
    """
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        # The library keeps the code of an error before; a document that is locked says so in its trailer.
        data = source if isinstance(source, bytes) else source.read_bytes()
        locked = error.err_code in _LOCKED and b"/Encrypt" in data
        raise DecodeError(DecodeFailure.ENCRYPTED if locked else DecodeFailure.DAMAGED) from None
    with document:
        check_pages(len(document))
        most = min(_MOST_PAGE_PIXELS, MAX_PIXELS // max(len(document), 1))
        return [_reading(_drawn(page, most)) for page in document]


def _drawn(page: pypdfium2.PdfPage, most_pixels: int) -> Image.Image:
    width, height = page.get_size()
    longest = max(width, height)
    scale = max(_PIXELS_PER_POINT, _LEAST_SIDE_PX / longest)
    scale = min(scale, _MOST_SIDE_PX / longest, sqrt(most_pixels / (width * height)))
    picture: Image.Image = page.render(scale=scale).to_pil()
    page.close()
    picture.info = {}
    return picture


def _reading(picture: Image.Image) -> Reading:
    return reading(picture, PNG if is_drawn(picture) else JPEG)
