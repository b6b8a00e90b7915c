"""Pictures of ECGs: decoded under limits, turned upright, and encoded again from pixels alone."""

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from ml.ecg.decoded import MAX_PIXELS, DecodeError, DecodeFailure


def load(path: Path, format_name: str) -> Image.Image:
    """Decode a picture of one format to mode L or RGB, upright, on white, with an empty ``info``.

    Raises
    ------
    DecodeError
        TOO_MANY_PIXELS from the header, before any pixel is decoded; DAMAGED when it cannot be decoded.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=[format_name]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DecodeError(DecodeFailure.TOO_MANY_PIXELS)
            image.load()
            picture = _upright(_opaque(image))
    except Image.DecompressionBombError:
        raise DecodeError(DecodeFailure.TOO_MANY_PIXELS) from None
    except (OSError, ValueError, SyntaxError):
        raise DecodeError(DecodeFailure.DAMAGED) from None
    picture.info = {}
    return picture


def encode(picture: Image.Image, media_type: str) -> bytes:
    """Encode a picture as PNG or JPEG, with nothing but its pixels."""
    output = io.BytesIO()
    if media_type == "image/jpeg":
        picture.save(output, "JPEG", quality=92, subsampling="4:4:4")
    else:
        picture.save(output, "PNG", compress_level=4)
    return output.getvalue()


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
