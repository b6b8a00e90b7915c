"""Pictures of ECGs: decoded under limits, turned upright, and encoded again from pixels alone."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps

from ml.ecg.decoded import MAX_PIXELS, MOST_PAGES, DecodeError, DecodeFailure
from ml.ecg.readers.reading import Reading

PNG, JPEG = "image/png", "image/jpeg"
_FEW_COLOURS = 1 << 16

Image.preinit()  # once, and not in every child that decodes


def load(path: Path, format_name: str) -> Image.Image:
    """Decode a picture of one format, the first where there are several; see `load_pages`."""
    with _opened(path, format_name) as image:
        check_pixels(image.width * image.height)
        return _plain(image)


def load_pages(path: Path, format_name: str, is_page: Callable[[Image.Image], bool]) -> list[Image.Image]:
    """Decode the pages of a file to mode L or RGB, upright, on white, with an empty ``info``.

    Raises
    ------
    DecodeError
        TOO_MANY_PIXELS from the header, before any pixel is decoded; TOO_MANY_PAGES.
    """
    pages, pixels = list[Image.Image](), 0
    with _opened(path, format_name) as image:
        for frame in _frames(image):
            if is_page(frame):
                check_pages(len(pages) + 1)
                pixels += frame.width * frame.height
                check_pixels(pixels)
                pages.append(_plain(frame))
    return pages


def check_pixels(pixels: int) -> None:
    """Refuse what all pages of a file have in pixels, before room is made for them."""
    if pixels > MAX_PIXELS:
        raise DecodeError(DecodeFailure.TOO_MANY_PIXELS)


def check_pages(pages: int) -> None:
    """Refuse a file of very many pages."""
    if pages > MOST_PAGES:
        raise DecodeError(DecodeFailure.TOO_MANY_PAGES)


def reading(picture: Image.Image, media_type: str) -> Reading:
    """Return a picture with what is kept of it."""
    return Reading(media_type, encode(picture, media_type), picture)


def encode(picture: Image.Image, media_type: str) -> bytes:
    """Encode a picture as PNG or JPEG, with nothing but its pixels."""
    output = io.BytesIO()
    if media_type == JPEG:
        picture.save(output, "JPEG", quality=92, subsampling="4:4:4")
    else:
        picture.save(output, "PNG", compress_level=4)
    return output.getvalue()


def is_drawn(picture: Image.Image) -> bool:
    """Say whether a picture was drawn, or scanned in grey: few colours, which PNG keeps small and exact."""
    return picture.getcolors(_FEW_COLOURS) is not None


@contextmanager
def _opened(path: Path, format_name: str) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=[format_name]) as image:
            yield image
    except Image.DecompressionBombError:
        raise DecodeError(DecodeFailure.TOO_MANY_PIXELS) from None


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    number = 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return
        yield image
        number += 1


def _plain(image: Image.Image) -> Image.Image:
    image.load()
    picture = _upright(_opaque(image))
    picture.info = {}
    return picture


def _opaque(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(colours, mask=colours.getchannel("A"))
        paper.info = image.info
        return paper
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        return image.point(lambda level: level / 256).convert("L")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - an unreadable orientation is no reason to refuse the picture
        return image
