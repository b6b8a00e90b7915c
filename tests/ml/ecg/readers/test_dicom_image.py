from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from ml.ecg.decoded import MOST_PAGES, DecodeFailure
from ml.ecg.readers import read
from tests.ml.ecg import pictures
from tests.ml.ecg.reading import failure_of, only_page, put

RAMP = np.linspace(0, 255, 64 * 32).reshape(32, 64).astype(np.uint8)


def shades(path: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(only_page(path).content)


def test_colour_and_grey_are_kept_to_the_pixel(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (32, 64, 3), np.uint8)
    for levels in (colours, RAMP):
        path = put(tmp_path / "x", pictures.dicom_picture(frames=[levels]))
        np.testing.assert_array_equal(shades(path), levels)


def test_each_frame_is_a_picture(tmp_path: Path) -> None:
    frames = [np.full((20, 30), shade, np.uint8) for shade in (0, 90, 255)]
    found = read(put(tmp_path / "x", pictures.dicom_picture(frames=frames)))
    assert [int(np.asarray(page.content).mean()) for page in found] == [0, 90, 255]


def test_more_frames_than_pages_are_taken_are_refused(tmp_path: Path) -> None:
    frames = [np.zeros((2, 2), np.uint8)] * (MOST_PAGES + 1)
    assert (
        failure_of(put(tmp_path / "x", pictures.dicom_picture(frames=frames))) is DecodeFailure.TOO_MANY_PAGES
    )


@pytest.mark.parametrize(
    "levels,elements,expected",
    [
        (RAMP, {"PhotometricInterpretation": "MONOCHROME1"}, 255 - RAMP),
        (RAMP.astype(np.uint16) * 16, {"BitsStored": 12, "HighBit": 11}, RAMP),
        (RAMP.astype(np.int16) - 128, {"BitsStored": 8, "HighBit": 7}, RAMP),
        (
            RAMP.astype(np.int16) * 4,
            {"WindowCenter": 512, "WindowWidth": 512},
            np.clip((RAMP * 4.0 - 256) / 2, 0, 255),
        ),
    ],
    ids=["white is zero", "12 bits", "signed", "windowed"],
)
def test_levels_become_the_shades_a_viewer_shows(
    tmp_path: Path,
    levels: npt.NDArray[np.uint8],
    elements: dict[str, Any],
    expected: npt.NDArray[np.uint8],
) -> None:
    path = put(tmp_path / "x", pictures.dicom_picture(frames=[levels], **elements))
    np.testing.assert_allclose(shades(path).astype(float), expected, atol=1.01)


@pytest.mark.parametrize(
    "syntax,format_name,options,media_type",
    [
        (JPEGBaseline8Bit, "JPEG", {"quality": 95}, "image/jpeg"),
        (JPEG2000Lossless, "JPEG2000", {"no_jp2": True}, "image/png"),
        (JPEG2000, "JPEG2000", {"no_jp2": True, "irreversible": True}, "image/jpeg"),
    ],
)
def test_compressed_frames_are_read(
    tmp_path: Path, syntax: UID, format_name: str, options: dict[str, object], media_type: str
) -> None:
    stream = pictures.saved(pictures.corner(), format_name, **options)
    page = only_page(put(tmp_path / "x", pictures.compressed_picture(syntax, stream)))
    assert page.media_type == media_type
    np.testing.assert_allclose(np.asarray(page.content), np.asarray(pictures.corner()), atol=12)


@pytest.mark.parametrize("other", ["EPS", "GIF", "PNG", "JPEG2000"])
def test_a_frame_that_is_not_what_it_is_said_to_be_is_damaged(tmp_path: Path, other: str) -> None:
    stream = pictures.saved(pictures.corner(), other)
    for syntax in (JPEGBaseline8Bit, *([] if other == "JPEG2000" else [JPEG2000])):
        path = put(tmp_path / "x", pictures.compressed_picture(syntax, stream))
        assert failure_of(path) is DecodeFailure.DAMAGED


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_a_compression_nothing_here_decodes_is_named_before_anything_is_decoded(
    tmp_path: Path, syntax: UID
) -> None:
    path = put(tmp_path / "x", pictures.compressed_picture(syntax, b"\xff\xd8\xff\xd9"))
    assert failure_of(path) is DecodeFailure.UNSUPPORTED_VARIANT


@pytest.mark.parametrize(
    "name", ["SC_rgb_rle.dcm", "examples_palette.dcm", "SC_rgb_jpeg_dcmtk.dcm", "CT_small.dcm"]
)
def test_other_peoples_files_are_read(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    picture = only_page(Path(path)).content
    assert isinstance(picture, Image.Image)
    low, high = picture.convert("L").getextrema()
    assert isinstance(high, int)
    assert (picture.mode in ("L", "RGB"), low < 60, high > 150) == (True, True, True)


def test_each_page_of_a_document_within_dicom_is_a_picture(tmp_path: Path) -> None:
    path = put(tmp_path / "x", pictures.dicom_document(pictures.pdf(pages=2)))
    assert len(read(path)) == 2
    word = pictures.dicom_document(b"{\\rtf1 an ECG}", media_type="text/rtf")
    assert failure_of(put(tmp_path / "x", word)) is DecodeFailure.UNSUPPORTED_VARIANT


@pytest.mark.parametrize(
    "lie,code",
    [
        ({"Rows": 65535, "Columns": 65535}, DecodeFailure.TOO_MANY_PIXELS),
        ({"Rows": 0}, DecodeFailure.DAMAGED),
        ({"NumberOfFrames": 2_000_000_000}, DecodeFailure.TOO_MANY_PAGES),
        ({"NumberOfFrames": 9}, DecodeFailure.DAMAGED),
        ({"NumberOfFrames": -1}, DecodeFailure.DAMAGED),
        ({"Rows": 9000, "Columns": 9000}, DecodeFailure.DAMAGED),
    ],
)
def test_a_header_that_lies_about_sizes_is_one_error(
    tmp_path: Path, lie: dict[str, Any], code: DecodeFailure
) -> None:
    assert failure_of(put(tmp_path / "x", pictures.dicom_picture(**lie))) is code
