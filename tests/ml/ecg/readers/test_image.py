import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from pydicom.uid import JPEGBaseline8Bit

from ml.ecg.decoded import MOST_PAGES, DecodeFailure
from ml.ecg.decoder import decode_file
from tests.ml.ecg import pictures
from tests.ml.ecg.pictures import NAME
from tests.ml.ecg.reading import failure_of, only_page


def picture_of(path: Path) -> Image.Image:
    content = only_page(path).content
    assert isinstance(content, Image.Image)
    return content


def saved(path: Path, image: Image.Image, format_name: str = "PNG", **options: object) -> Path:
    image.save(path, format_name, **options)
    return path


def sixteen_bit_png(red: int, green: int, blue: int) -> bytes:
    """Return a one-pixel PNG of 16 bits a channel, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">HHH", red, green, blue))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_type_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    assert only_page(saved(tmp_path / "ecg.jpg", Image.new("L", (4, 4)), "PNG")).media_type == "image/png"
    assert only_page(saved(tmp_path / "ecg.dcm", Image.new("L", (4, 4)), "JPEG")).media_type == "image/jpeg"


@pytest.mark.parametrize("format_name", ["GIF", "PPM", "ICO", "TGA"])
def test_formats_off_the_list_are_unsupported_whatever_their_name(tmp_path: Path, format_name: str) -> None:
    path = saved(tmp_path / "ecg.png", Image.new("RGB", (32, 32)), format_name)
    assert failure_of(path) is DecodeFailure.UNSUPPORTED_TYPE


def test_an_empty_file_is_empty_and_a_text_unsupported(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("a letter about an ECG")
    assert failure_of(tmp_path / "empty.png") is DecodeFailure.EMPTY
    assert failure_of(tmp_path / "text.png") is DecodeFailure.UNSUPPORTED_TYPE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path, format_name: str, orientation: int) -> None:
    """Row 0 and column 0 of the stored picture lie where EXIF's orientation tag says (1 top left … 8)."""
    corner = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}
    image = Image.new("RGB", (64, 32), "white")
    image.paste("black", (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = picture_of(saved(tmp_path / "x", image, format_name, exif=exif))
    assert picture.size == ((64, 32) if orientation < 5 else (32, 64))
    x, y = ((picture.width - 8, picture.height - 8)[i] if corner[orientation][i] else 8 for i in range(2))
    assert picture.convert("L").getpixel((x, y)) == pytest.approx(0, abs=8)
    assert picture.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) == 223


PLANTED: dict[str, tuple[int, bytes]] = {
    "png": (6, pictures.png(NAME)),
    "jpeg": (7, pictures.jpeg(NAME)),
    "webp": (5, pictures.webp(NAME)),
    "bmp": (1, pictures.bmp(NAME)),
    "tiff": (10, pictures.tiff(NAME)),
    "heic": (2, pictures.heic()),
    "pdf": (13, pictures.pdf(NAME)),
    "dicom": (7, pictures.dicom_picture(NAME)),
    "dicom jpeg": (15, pictures.compressed_picture(JPEGBaseline8Bit, pictures.jpeg(NAME), NAME)),
    "dicom pdf": (20, pictures.dicom_document(pictures.pdf(NAME), NAME)),
}
"""How often a name is in a file, at least, and the file."""


@pytest.mark.parametrize("name", PLANTED)
def test_nothing_that_was_planted_is_in_what_is_kept(tmp_path: Path, name: str) -> None:
    planted, data = PLANTED[name]
    assert data.count(NAME.encode()) >= planted
    (tmp_path / "x").write_bytes(data)
    [decoded] = decode_file(tmp_path / "x")
    assert decoded.kind == "image"
    for output in (decoded.original, decoded.rendering, decoded.thumbnail_webp):
        for form in (NAME.encode(), NAME.encode("utf-16-le"), NAME.encode("utf-16-be")):
            assert form not in output
        with Image.open(io.BytesIO(output)) as image:
            image.load()
            assert dict(image.getexif()) == {}
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | {
                "background",
                "loop",
                "duration",
                "timestamp",
            }


@pytest.mark.parametrize("name", PLANTED)
def test_every_format_shows_the_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(PLANTED[name][1])
    picture = picture_of(tmp_path / "x").convert("L")
    width, height = picture.size
    assert width / height == pytest.approx(842 / 595 if "pdf" in name else 2, abs=0.01)
    assert picture.getpixel((width // 8, height // 4)) == pytest.approx(0, abs=8)
    assert picture.getpixel((width * 5 // 8, height * 3 // 4)) == pytest.approx(255, abs=8)


@pytest.mark.parametrize(
    "data,media_type",
    [
        (pictures.tiff("x"), "image/png"),
        (pictures.bmp("x"), "image/png"),
        (pictures.heic(), "image/jpeg"),
        (pictures.webp("x"), "image/jpeg"),
        (pictures.webp("x", lossless=True), "image/png"),
    ],
    ids=["tiff", "bmp", "heic", "webp", "lossless webp"],
)
def test_what_was_stored_exactly_is_kept_exactly(tmp_path: Path, data: bytes, media_type: str) -> None:
    (tmp_path / "x").write_bytes(data)
    page = only_page(tmp_path / "x")
    assert page.media_type == media_type
    if media_type == "image/png":
        np.testing.assert_array_equal(np.asarray(page.content), np.asarray(pictures.corner()))


def test_each_page_of_a_tiff_is_a_picture_in_its_order(tmp_path: Path) -> None:
    shades = [0, 120, 255]
    pages = [Image.new("L", (40 + shade, 20), shade) for shade in shades]
    (tmp_path / "x").write_bytes(pictures.tiff(NAME, pages))
    found = decode_file(tmp_path / "x")
    assert [page.width for page in found] == [40, 160, 295]
    for page, shade in zip(found, shades, strict=True):
        assert NAME.encode() not in page.original
        with Image.open(io.BytesIO(page.original)) as image:
            assert image.getpixel((5, 5)) == shade


@pytest.mark.parametrize(
    "options", [{"compression": "group4"}, {"compression": "tiff_lzw"}, {"big_tiff": True}]
)
def test_a_scanners_tiff_is_read(tmp_path: Path, options: dict[str, object]) -> None:
    (tmp_path / "x").write_bytes(pictures.tiff("x", [pictures.corner().convert("1")], **options))
    assert picture_of(tmp_path / "x").getpixel((40, 20)) == 255


def test_a_small_copy_and_a_mask_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    for kind, pages in ((0, 2), (1, 1), (4, 1)):
        with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / str(kind)), new=True) as file:
            for subfile in (0, kind):
                pictures.corner().save(file, "TIFF", tiffinfo={254: subfile})
                file.newFrame()
        assert len(decode_file(tmp_path / str(kind))) == pages


def test_a_file_of_very_many_pages_is_refused(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 4))] * (MOST_PAGES + 1)
    (tmp_path / "x").write_bytes(pictures.tiff("x", pages[1:]))
    assert len(decode_file(tmp_path / "x")) == MOST_PAGES
    (tmp_path / "x").write_bytes(pictures.tiff("x", pages))
    assert failure_of(tmp_path / "x") is DecodeFailure.TOO_MANY_PAGES


def test_the_pixels_of_all_pages_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.ecg.readers.image.MAX_PIXELS", 47)
    (tmp_path / "x").write_bytes(pictures.tiff("x", [Image.new("L", (4, 4))] * 2))
    assert len(decode_file(tmp_path / "x")) == 2
    (tmp_path / "x").write_bytes(pictures.tiff("x", [Image.new("L", (4, 4))] * 3))
    assert failure_of(tmp_path / "x") is DecodeFailure.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    "image,expected",
    [
        (Image.new("1", (2, 2), 1), (255, 255, 255)),
        (Image.new("L", (2, 2), 90), (90, 90, 90)),
        (Image.new("I;16", (2, 2), 90 * 256), (90, 90, 90)),
        (Image.new("LA", (2, 2), (0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (200, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (200, 0, 100, 255)), (200, 0, 100)),
        (Image.new("RGB", (2, 2), (200, 0, 100)).quantize(4), (200, 0, 100)),
    ],
    ids=["1 bit", "grey", "16-bit grey", "clear grey", "clear", "opaque", "palette"],
)
def test_every_kind_of_png_becomes_grey_or_colour_on_white(
    tmp_path: Path, image: Image.Image, expected: tuple[int, int, int]
) -> None:
    picture = picture_of(saved(tmp_path / "x", image))
    assert picture.mode in ("L", "RGB")
    assert picture.convert("RGB").getpixel((0, 0)) == expected


def test_a_clear_colour_of_a_palette_is_white(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 2), (200, 0, 100)).quantize(4)
    picture = picture_of(saved(tmp_path / "x", image, transparency=image.getpixel((0, 0))))
    assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bit_colour_keeps_its_high_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(sixteen_bit_png(200 * 256, 0, 100 * 256))
    assert picture_of(tmp_path / "x").getpixel((0, 0)) == (200, 0, 100)


def test_a_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    path = saved(tmp_path / "x", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue = np.asarray(picture_of(path))[8, 8]
    assert (red > 250, green < 5, blue < 5) == (True, True, True)


def test_pixels_are_counted_from_the_header_before_decoding(tmp_path: Path) -> None:
    data = bytearray(saved(tmp_path / "x", Image.new("L", (4, 4))).read_bytes())
    data[16:24] = struct.pack(">II", 20_000, 5_001)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "x").write_bytes(data)
    assert failure_of(tmp_path / "x") is DecodeFailure.TOO_MANY_PIXELS
    data[16:24] = struct.pack(">II", 0x7FFFFFFF, 0x7FFFFFFF)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "x").write_bytes(data)
    assert failure_of(tmp_path / "x") is DecodeFailure.TOO_MANY_PIXELS


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_picture_cut_short_is_damaged(tmp_path: Path, format_name: str) -> None:
    noise = Image.effect_noise((200, 200), 80)
    data = saved(tmp_path / "x", noise, format_name).read_bytes()
    (tmp_path / "x").write_bytes(data[: len(data) // 2])
    assert failure_of(tmp_path / "x") is DecodeFailure.DAMAGED


def test_a_huge_picture_is_kept_whole_and_shown_smaller(tmp_path: Path) -> None:
    [decoded] = decode_file(saved(tmp_path / "x", Image.new("L", (8000, 1000), 255)))
    with (
        Image.open(io.BytesIO(decoded.original)) as original,
        Image.open(io.BytesIO(decoded.rendering)) as shown,
    ):
        assert original.size == (8000, 1000)
        assert shown.size == (decoded.width, decoded.height) == (4000, 500)


def test_a_png_of_ordinary_size_keeps_every_pixel(shared_data: Path) -> None:
    path = shared_data / "ecg-formats" / "image" / "ecg00003.png"
    [decoded] = decode_file(path)
    with Image.open(path) as before, Image.open(io.BytesIO(decoded.rendering)) as after:
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
    assert decoded.rendering is decoded.original
    assert decoded.pixels_per_mm is None


def test_every_shared_picture_decodes_with_a_thumbnail(shared_data: Path) -> None:
    for path in sorted((shared_data / "ecg-formats" / "image").iterdir()):
        [decoded] = decode_file(path)
        assert decoded.kind == "image"
        with Image.open(io.BytesIO(decoded.thumbnail_webp)) as small:
            assert (small.format, small.width) == ("WEBP", 480)
            assert small.height / small.width == pytest.approx(decoded.height / decoded.width, rel=0.01)


def test_a_jpeg_encoded_again_stays_close_to_what_was_sent(shared_data: Path) -> None:
    path = shared_data / "ecg-formats" / "image" / "ecg00026.jpg"
    with Image.open(path) as before, Image.open(io.BytesIO(only_page(path).original)) as after:
        difference = np.abs(np.asarray(before, np.int16) - np.asarray(after, np.int16))
    assert difference.mean() < 2
