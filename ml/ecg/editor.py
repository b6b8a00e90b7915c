"""Edits the pictures of recordings that are kept: only ever called in a child of the decoding pool."""

import io
from collections.abc import Callable, Mapping, Sequence
from math import cos, radians, sin
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from ml.ecg import editing
from ml.ecg.burned_in.finding import find
from ml.ecg.burned_in.found import Found
from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.decoder import decoded_picture
from ml.ecg.editing import Crop, EditError, Proposal, Step, Straighten
from ml.ecg.readers import image
from ml.ecg.readers.reading import Reading

PREVIEW_PX = 1600
"""Longest side of a preview."""
PREVIEW_MEDIA_TYPE = "image/webp"

_LOOKED_AT_PX = 2000
"""Longest side in which the grid is looked for: a millimetre of A4 has nearly 7 pixels."""
_LEAST_DEGREES = 0.1
_MARGIN_MM = 3.0
_LEAST_GAIN = 0.03
"""Of a side, what a crop must take off at least to be proposed."""
_FORMATS = {"PNG": image.PNG, "JPEG": image.JPEG}


def edit(path: Path, steps: Sequence[Step]) -> list[Decoded]:
    """Return the edited picture; without a step, the very bytes that were kept."""
    picture, media_type = _loaded(path)
    if not steps:
        return [decoded_picture(Reading(media_type, path.read_bytes(), picture), picture)]
    edited = _applied(picture, steps)
    return [decoded_picture(image.reading(edited, media_type), edited)]


def find_text(path: Path, steps: Sequence[Step]) -> Found:
    """Return where text in the edited picture may identify somebody."""
    return find(_applied(_loaded(path)[0], steps))


def preview(path: Path, steps: Sequence[Step]) -> list[Decoded]:
    """Return the edited picture at most `PREVIEW_PX` large."""
    small = _applied(_loaded(path)[0], steps)
    small.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    small.save(output, "WEBP", quality=80, method=2)
    shown = output.getvalue()
    return [Decoded("image", PREVIEW_MEDIA_TYPE, shown, shown, PREVIEW_MEDIA_TYPE, b"", *small.size)]


def propose(path: Path, steps: Sequence[Step]) -> Proposal:
    """Return what would lay the picture straight on its grid once these steps are done."""
    return proposal(_applied(_loaded(path)[0], steps))


def proposal(picture: Image.Image) -> Proposal:
    """Return what would lay a picture straight: turned by as much as its grid is, cropped to it."""
    from ml.ecg.digitising.digitise import MIN_SIDE  # noqa: PLC0415 - SciPy, which decoding needs not
    from ml.ecg.digitising.grid import find_grid, mapped  # noqa: PLC0415 - the same
    from ml.ecg.digitising.picture import darkness  # noqa: PLC0415 - the same

    small = picture.copy()
    small.thumbnail((_LOOKED_AT_PX, _LOOKED_AT_PX), Image.Resampling.LANCZOS)
    grid = find_grid(darkness(small).grid) if min(small.size) >= MIN_SIDE else None
    if grid is None:
        return Proposal(found=False)
    degrees = -round(grid.angle_deg, 1)
    turn = (Straighten(degrees),) if abs(degrees) >= _LEAST_DEGREES else ()
    left, top, right, bottom = grid.extent_mm
    x, y = mapped(
        grid.to_pixels,
        [left - _MARGIN_MM, right + _MARGIN_MM, right + _MARGIN_MM, left - _MARGIN_MM],
        [top - _MARGIN_MM, top - _MARGIN_MM, bottom + _MARGIN_MM, bottom + _MARGIN_MM],
    )
    width, height = editing.size_after(small.size, turn)
    angle = radians(degrees if turn else 0)
    across, down = x - (small.width - 1) / 2, y - (small.height - 1) / 2
    turned_x = (across * cos(angle) - down * sin(angle)) / width + 0.5
    turned_y = (across * sin(angle) + down * cos(angle)) / height + 0.5
    crop = Crop(
        left=_share(turned_x.min()),
        top=_share(turned_y.min()),
        right=_share(turned_x.max()),
        bottom=_share(turned_y.max()),
    )
    worth = max(crop.left, crop.top, 1 - crop.right, 1 - crop.bottom) >= _LEAST_GAIN
    return Proposal(found=True, steps=(*turn, crop) if worth else turn)


def _share(value: float) -> float:
    return min(max(round(float(value), 4), 0.0), 1.0)


def _loaded(path: Path) -> tuple[Image.Image, str]:
    with Image.open(path, formats=tuple(_FORMATS)) as found:
        format_name = str(found.format)
    return image.load(path, format_name), _FORMATS[format_name]


def _applied(picture: Image.Image, steps: Sequence[Step]) -> Image.Image:
    try:
        return editing.apply(picture, steps)
    except EditError as error:
        raise DecodeError(DecodeFailure(error.reason.value)) from None


TASKS: Mapping[str, Callable[[Path, Sequence[Step]], list[Decoded] | Proposal | Found]] = MappingProxyType(
    {"edit": edit, "preview": preview, "propose": propose, "find_text": find_text}
)
"""What `ml.ecg.zygote` is asked for by name."""
