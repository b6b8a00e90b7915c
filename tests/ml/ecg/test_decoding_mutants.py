"""Damaged files by the hundred: whatever comes out is an ECG or the one error, and the pool lives on."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless

from ml.ecg.decoding import Decoded, DecodeError, DecodeFailure, DecoderPool
from tests.ml.ecg import pictures
from tests.ml.ecg.samples import (
    aecg,
    beats,
    edf,
    muse,
    scp,
    sealed,
    sierra,
    twelve,
    wfdb_files,
    wfdb_zip,
    zipped,
)
from tests.ml.ecg.waveforms import SHIPPED

FORMATS = (
    *("png", "jpeg", "dicom", "muse", "sierra", "aecg", "edf"),
    *("wfdb", "wfdb header", "scp", "scp sections"),
    *("tiff", "bmp", "webp", "heic", "pdf", "dicom picture", "dicom jpeg 2000"),
)
WHOLE_IN_HALF = {"pdf"}
"""What may be read without its second half: PDF's readers mend."""

MUTANTS = 250 if os.environ.get("CHEVET_SOAK") == "1" else 25
"""Of each format: 4,500 in all, and a seeded tenth of them ordinarily."""

HANG_SECONDS = 90
"""The longest honest mutant takes 3 s of one core; a busy machine may be ten times slower."""


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(processes=2, timeout_s=HANG_SECONDS) as pool:
        yield pool


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    counts, two = twelve(400), ("I", "II")
    signals = {
        "dicom": SHIPPED.read_bytes(),
        "muse": muse(beats(2, 400), two),
        "sierra": sierra(counts),
        "aecg": aecg(counts, two),
        "wfdb": wfdb_zip(counts[:, :2], two),
        "edf": edf(tmp_path_factory.mktemp("edf"), counts, two),
        "scp": scp(counts[:, :2], two, beats_at=(150, 300)),
    }
    image, small = Image.effect_noise((320, 200), 60).convert("RGB"), pictures.corner(320, 200)
    signals |= {
        "tiff": pictures.tiff("X", [small, small.convert("1")], compression="tiff_lzw"),
        "bmp": pictures.bmp("X"),
        "webp": pictures.webp("X"),
        "heic": pictures.heic(),
        "pdf": pictures.pdf(pages=2, media_box="0 0 842 40"),
        "dicom picture": pictures.dicom_picture(),
        "dicom jpeg 2000": pictures.compressed_picture(
            JPEG2000Lossless, pictures.saved(image.resize((64, 32)), "JPEG2000", no_jp2=True)
        ),
    }
    signals |= {"scp sections": signals["scp"], "wfdb header": wfdb_files(counts[:, :2], two)["r1.hea"]}
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "png", "PNG", exif=exif)
    image.save(folder / "jpeg", "JPEG", exif=exif, progressive=True)
    return signals | {path.name: path.read_bytes() for path in folder.iterdir()}


def mutant(data: bytes, donor: bytes, dice: random.Random) -> bytes:
    """Cut short, flip bytes (mostly among the first, where headers are), or splice in another file's part."""
    kind = dice.choice(["truncate", "flip", "flip", "flip", "splice"])
    if kind == "truncate":
        return data[: dice.randrange(1, len(data))]
    if kind == "splice":
        at, begin = dice.randrange(len(data)), dice.randrange(len(donor))
        part = donor[begin : begin + dice.randrange(1, 2000)]
        return data[:at] + part + data[at + dice.choice([0, len(part)]) :]
    changed = bytearray(data)
    reach = dice.choice([200, 2000, 6000, len(data)])
    for _ in range(dice.choice([1, 3, 20, 200])):
        changed[dice.randrange(min(reach, len(data)))] = dice.choice(
            [0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)]
        )
    return bytes(changed)


def wrapped(name: str, data: bytes) -> bytes:
    """Return what a checksum would otherwise keep from being read: a zip's member, a record's sections."""
    if name == "wfdb header":
        return zipped(wfdb_files(twelve(400)[:, :2], ("I", "II")) | {"r1.hea": data})
    return sealed(data) if name == "scp sections" else data


def outcome(pool: DecoderPool, path: Path) -> str:
    try:
        pages = pool.decode(path)
    except DecodeError as error:
        return error.code.value
    assert pages
    for page in pages:
        assert isinstance(page, Decoded)
        assert page.width > 0
        assert page.height > 0
        assert page.rendering
        assert page.thumbnail_webp.startswith(b"RIFF")
    return "decoded"


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", FORMATS)
def test_every_mutant_is_an_ecg_or_one_error_and_the_pool_still_answers(
    pool: DecoderPool, originals: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    outcomes: dict[str, int] = {}
    for seed in range(MUTANTS):
        dice = random.Random(f"{name} {seed}")  # noqa: S311 - mutations are to be repeatable
        data = mutant(originals[name], originals[dice.choice(sorted(originals))], dice)
        path.write_bytes(wrapped(name, data))
        result = outcome(pool, path)
        outcomes[result] = outcomes.get(result, 0) + 1
    path.write_bytes(wrapped(name, originals[name]))
    assert outcome(pool, path) == "decoded"
    assert sum(outcomes.values()) == MUTANTS
    assert outcomes.keys() <= {"decoded", *(code.value for code in DecodeFailure)}
    assert "crashed" not in outcomes, outcomes
    assert "timed_out" not in outcomes, outcomes


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_that_are_mutated_decode(
    pool: DecoderPool, originals: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    (tmp_path / "x").write_bytes(wrapped(name, originals[name]))
    assert outcome(pool, tmp_path / "x") == "decoded"


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in WHOLE_IN_HALF])
def test_a_file_without_its_second_half_is_damaged(
    pool: DecoderPool, originals: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    half = originals[name][: len(originals[name]) // 2]
    (tmp_path / "x").write_bytes(wrapped(name, half))
    assert outcome(pool, tmp_path / "x") == "damaged"
