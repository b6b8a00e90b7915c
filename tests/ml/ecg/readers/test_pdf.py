import io
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from ml.ecg.decoded import MOST_PAGES, DecodeFailure
from ml.ecg.decoder import decode_file
from ml.ecg.readers import read
from tests.ml.ecg import pictures
from tests.ml.ecg.reading import failure_of, only_page, put


def picture(path: Path) -> Image.Image:
    content = only_page(path).content
    assert isinstance(content, Image.Image)
    return content


def scanned(image: Image.Image, **options: Any) -> bytes:
    return pictures.saved(image, "PDF", **options)


def test_a_printed_page_has_ten_pixels_a_millimetre(tmp_path: Path, shared_data: Path) -> None:
    assert picture(put(tmp_path / "x", pictures.pdf())).size == pytest.approx((2970, 2100), abs=2)
    [page] = decode_file(next((shared_data / "ecg-formats" / "pdf").iterdir()))
    assert (page.width, page.height) == pytest.approx((2970, 2101), abs=2)
    assert (page.media_type, page.pixels_per_mm) == ("image/png", None)


def test_the_grid_of_a_printed_ecg_is_kept(shared_data: Path) -> None:
    """Its millimetre lines stand out in the spectrum of a strip without a curve, ten pixels apart."""
    page = picture(next((shared_data / "ecg-formats" / "pdf").iterdir()))
    red = np.asarray(page, np.float64)[300:2000, :, 1].mean(axis=0)
    spectrum = np.abs(np.fft.rfft(red - red.mean()))
    period = len(red) / (np.argmax(spectrum[len(red) // 20 :]) + len(red) // 20)
    assert period == pytest.approx(10, abs=0.3)


def test_each_page_is_a_picture_in_its_order(tmp_path: Path) -> None:
    pages = [Image.new("L", (200 + 100 * number, 300), number * 40) for number in range(3)]
    document = scanned(pages[0], save_all=True, append_images=pages[1:])
    found = read(put(tmp_path / "x", document))
    assert [np.asarray(page.content).mean().round() for page in found] == [0, 40, 80]


def test_a_scan_that_claims_the_size_of_a_stamp_or_of_a_wall_keeps_its_detail_and_its_bounds(
    tmp_path: Path,
) -> None:
    image = Image.linear_gradient("L").resize((1500, 1000))
    assert picture(put(tmp_path / "x", scanned(image, resolution=1200))).width == 2500
    wall = picture(put(tmp_path / "x", scanned(image, resolution=9)))
    assert wall.width * wall.height == pytest.approx(12_500_000, rel=0.01)


@pytest.mark.parametrize("box", ["0 0 14400 1", "0 0 1 14400", "0 0 99999999 99999999"])
def test_a_page_of_any_shape_stays_within_bounds(tmp_path: Path, box: str) -> None:
    width, height = picture(put(tmp_path / "x", pictures.pdf(media_box=box))).size
    assert width * height <= 12_600_000
    assert max(width, height) <= 20_001


def test_all_pages_together_stay_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.ecg.readers.pdf.MAX_PIXELS", 1_000_000)
    found = decode_file(put(tmp_path / "x", pictures.pdf(pages=MOST_PAGES)))
    assert sum(page.width * page.height for page in found) == pytest.approx(1_000_000, rel=0.02)
    assert len(found) == MOST_PAGES


def test_a_photograph_is_kept_as_jpeg_and_a_drawing_as_png(tmp_path: Path) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((700, 500), 80) for _ in range(3)])
    assert only_page(put(tmp_path / "x", scanned(noise))).media_type == "image/jpeg"
    assert only_page(put(tmp_path / "x", pictures.pdf())).media_type == "image/png"


def test_a_document_with_too_many_pages_or_a_password_says_so(tmp_path: Path) -> None:
    many = put(tmp_path / "x", pictures.pdf(pages=MOST_PAGES + 1))
    assert failure_of(many) is DecodeFailure.TOO_MANY_PAGES
    assert failure_of(put(tmp_path / "x", pictures.pdf(locked=True))) is DecodeFailure.ENCRYPTED


@pytest.mark.parametrize("data", [b"%PDF-1.7 not an ECG", pictures.pdf(pages=0), b"%PDF-"])
def test_what_is_no_document_or_has_no_page_is_damaged(tmp_path: Path, data: bytes) -> None:
    assert failure_of(put(tmp_path / "x", data)) is DecodeFailure.DAMAGED


def test_the_library_has_no_engine_that_could_run_a_script(tmp_path: Path) -> None:
    assert not set(pypdfium2.PDFIUM_INFO.flags) & {"V8", "XFA"}
    assert b"JavaScript" in pictures.pdf()
    original = only_page(put(tmp_path / "x", pictures.pdf())).original
    assert b"JavaScript" not in original


@pytest.mark.parametrize("first", [pictures.png("x"), pictures.dicom_picture(), b"GIF89a"])
def test_a_document_behind_another_files_beginning_is_not_read_as_one(tmp_path: Path, first: bytes) -> None:
    path = put(tmp_path / "x", first + pictures.pdf())
    if first.startswith(b"GIF"):
        assert failure_of(path) is DecodeFailure.UNSUPPORTED_TYPE
    else:
        assert picture(path).size == (64, 32)


def test_what_is_kept_of_a_page_is_a_picture_and_nothing_behind_it(tmp_path: Path) -> None:
    original = only_page(put(tmp_path / "x", pictures.pdf())).original
    assert original.endswith(b"IEND\xaeB`\x82")
    with Image.open(io.BytesIO(original)) as image:
        image.load()
        assert image.info == {}
