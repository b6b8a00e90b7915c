"""DICOM pictures (PS3.3 C.7.6.3), frame by frame, and PDF within DICOM; nothing about the patient."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, Jpeg2KImagePlugin  # noqa: F401 - makes the format known
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEG2000, UID, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.readers import pdf
from ml.ecg.readers.image import JPEG, PNG, check_pages, check_pixels, reading
from ml.ecg.readers.reading import Reading

_LOSSY = {JPEGBaseline8Bit, JPEG2000}
_J2K = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
_BEGINNING: dict[str, bytes | tuple[bytes, ...]] = {
    JPEGBaseline8Bit: b"\xff\xd8\xff",
    JPEG2000: _J2K,
    JPEG2000Lossless: _J2K,
    RLELossless: b"",
}
"""What a frame begins with in each compression that Pillow and pydicom themselves decode.

Lossless JPEG and JPEG-LS would take libraries of their own. A frame must be what it is said to be: Pillow
opens whatever it knows, some of it with other programs.
"""

Levels = npt.NDArray[Any]


def has_pictures(dataset: Dataset) -> bool:
    """Say whether an object holds pixels, or should, or a document."""
    return "Rows" in dataset or "EncapsulatedDocument" in dataset


def pictures_of(dataset: Dataset) -> list[Reading]:
    """Read every frame, or every page of a document.

    Raises
    ------
    DecodeError
        TOO_MANY_PAGES, TOO_MANY_PIXELS; UNSUPPORTED_VARIANT for another compression or kind of document.
    """
    if "EncapsulatedDocument" in dataset:
        if dataset.get("MIMETypeOfEncapsulatedDocument") != "application/pdf":
            raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
        return pdf.pages_of(dataset.EncapsulatedDocument)
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if syntax.is_encapsulated and syntax not in _BEGINNING:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    frames = int(dataset.get("NumberOfFrames") or 1)
    check_pages(frames)
    check_pixels(int(dataset.Rows) * int(dataset.Columns) * frames)
    for index in range(frames if syntax.is_encapsulated else 0):
        if not get_frame(dataset.PixelData, index, number_of_frames=frames).startswith(_BEGINNING[syntax]):
            raise DecodeError(DecodeFailure.DAMAGED)
    media_type = JPEG if syntax in _LOSSY else PNG
    with warnings.catch_warnings(action="ignore"):
        return [reading(_picture(dataset, index), media_type) for index in range(frames)]


def _picture(dataset: Dataset, index: int) -> Image.Image:
    levels = pixel_array(dataset, index=index)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        levels = apply_color_lut(levels, dataset)
        return Image.fromarray(_bytes(levels, 0, np.iinfo(levels.dtype).max))
    if levels.ndim == 3:
        return Image.fromarray(_bytes(levels, 0, 2 ** int(dataset.BitsStored) - 1))
    return Image.fromarray(_grey(dataset, levels))


def _grey(dataset: Dataset, levels: Levels) -> npt.NDArray[np.uint8]:
    """Return the shades of the object's window, and of more than 8 bits those that are there."""
    if "WindowCenter" in dataset or "VOILUTSequence" in dataset:
        levels = apply_voi_lut(apply_modality_lut(levels, dataset), dataset)
    if levels.dtype != np.uint8:
        levels = _bytes(levels, float(levels.min()), float(levels.max()))
    return np.invert(levels) if dataset.PhotometricInterpretation == "MONOCHROME1" else levels


def _bytes(levels: Levels, low: float, high: float) -> npt.NDArray[np.uint8]:
    if levels.dtype == np.uint8:
        return levels
    shades = levels.astype(np.float32)
    shades -= low
    shades *= 255 / max(high - low, 1)
    return np.rint(np.clip(shades, 0, 255, out=shades), out=shades).astype(np.uint8)
