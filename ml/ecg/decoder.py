"""Decode one file in this process: only ever called in a child of the pool, which may be killed."""

import io
from pathlib import Path

from PIL import Image, ImageFilter

from ml.ecg.burned_in import finding  # noqa: F401 - once, and not in every child that looks for text
from ml.ecg.decoded import Decoded
from ml.ecg.readers import read
from ml.ecg.readers.image import encode
from ml.ecg.readers.reading import Reading
from ml.ecg.rendering import render
from ml.ecg.signal import Signal

LONGEST_SIDE_PX = 4000
THUMBNAIL_WIDTH_PX = 480
_TALLEST_THUMBNAIL_PX = 960
_MANY_LEADS = 16


def decode_file(path: Path) -> list[Decoded]:
    """Read, de-identify and draw an ECG file, page by page; raise `DecodeError` when it cannot be."""
    return [_decoded(reading) for reading in read(path)]


def thumbnail(picture: Image.Image) -> bytes:
    """Shrink a picture to `THUMBNAIL_WIDTH_PX`, keeping its shape, as WebP."""
    small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL_WIDTH_PX, _TALLEST_THUMBNAIL_PX), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    small.save(output, "WEBP", quality=80, method=4)
    return output.getvalue()


def decoded_picture(reading: Reading, picture: Image.Image) -> Decoded:
    """Return a picture with its rendering and thumbnail; the picture given may be made smaller."""
    rendering = reading.original
    if max(picture.size) > LONGEST_SIDE_PX:
        picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
        rendering = encode(picture, reading.media_type)
    return Decoded(
        kind="image",
        media_type=reading.media_type,
        original=reading.original,
        rendering=rendering,
        rendering_media_type=reading.media_type,
        thumbnail_webp=thumbnail(picture),
        width=picture.width,
        height=picture.height,
    )


def decoded_signal(reading: Reading, signal: Signal) -> Decoded:
    """Draw a signal, whose reading has the form that is kept."""
    drawing = render(signal, pixels_per_mm=6 if len(signal.leads) > _MANY_LEADS else 12)
    with Image.open(io.BytesIO(drawing.png)) as page:
        bold = page.convert("RGB").reduce(3).filter(ImageFilter.MinFilter(3))
    return Decoded(
        kind="signal",
        media_type=reading.media_type,
        original=reading.original,
        rendering=drawing.png,
        rendering_media_type="image/png",
        thumbnail_webp=thumbnail(bold),
        width=drawing.width,
        height=drawing.height,
        pixels_per_mm=drawing.pixels_per_mm,
        leads=signal.leads,
        sampling_rate_hz=signal.sampling_rate_hz,
        duration_s=signal.duration_s,
    )


def _decoded(reading: Reading) -> Decoded:
    if isinstance(reading.content, Signal):
        return decoded_signal(reading, reading.content)
    return decoded_picture(reading, reading.content)
