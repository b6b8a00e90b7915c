import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.ecg import editing
from ml.ecg.decoding import DecodeError, DecodeFailure, DecoderPool
from ml.ecg.editing import Crop, Mask, Proposal, Rotate, Straighten
from ml.ecg.editor import proposal
from tests.ml.ecg.digitising.pages import page, turned

NARROW = Crop(0, 0, 0.05, 1)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool() as pool:
        yield pool


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "page"
    turned(page(), 5).save(path, "JPEG")
    return path


def test_a_skewed_page_is_proposed_to_be_turned_back_within_a_third_of_a_degree() -> None:
    found = proposal(turned(page(), -5))
    assert found.found
    [straighten] = [step for step in found.steps if isinstance(step, Straighten)]
    assert straighten.degrees == pytest.approx(5, abs=0.3)


def test_what_lies_around_the_grid_is_proposed_to_be_cut_off() -> None:
    sheet = Image.new("RGB", (2200, 1300), "white")
    sheet.paste(page(), (400, 300))
    found = proposal(sheet)
    [crop] = found.steps
    assert isinstance(crop, Crop)
    margin = 3 * 6
    places = np.multiply([crop.left, crop.top, crop.right, crop.bottom], [2200, 1300, 2200, 1300])
    np.testing.assert_allclose(places, [400 - margin, 300 - margin, 2050 + margin, 1080 + margin], atol=8 * 6)
    assert places[0] <= 400
    assert places[2] >= 2050 - 2


def test_a_page_without_a_grid_says_so() -> None:
    assert proposal(page(grid=False)) == Proposal(found=False)


def test_a_child_edits_what_is_kept_from_its_pixels_alone(pool: DecoderPool, kept: Path) -> None:
    steps = [Straighten(-5), Crop(0.1, 0.1, 0.9, 0.9), Mask(0, 0, 0.5, 0.5), Rotate(1)]
    edited = pool.edit(kept, steps)
    expected = editing.apply(Image.open(kept), steps)
    assert (edited.kind, edited.media_type) == ("image", "image/jpeg")
    assert (edited.width, edited.height) == expected.size
    shown = np.asarray(Image.open(io.BytesIO(edited.original)), np.int16)
    assert np.abs(shown - np.asarray(expected, np.int16)).mean() < 2
    assert Image.open(io.BytesIO(edited.thumbnail_webp)).width == 480


def test_without_a_step_the_bytes_are_those_that_were_kept(pool: DecoderPool, kept: Path) -> None:
    assert pool.edit(kept, []).original == kept.read_bytes()


def test_a_preview_is_small_and_a_rendering_only(pool: DecoderPool, kept: Path) -> None:
    preview = pool.preview(kept, [Rotate(1)])
    picture = Image.open(io.BytesIO(preview.rendering))
    assert picture.size == (preview.width, preview.height)
    assert max(picture.size) == 1600
    assert preview.thumbnail_webp == b""


def test_a_child_proposes_what_is_left_to_do_after_steps(pool: DecoderPool, kept: Path) -> None:
    found = pool.propose(kept, [Rotate(2), Rotate(2)])
    assert found.found
    assert isinstance(found.steps[0], Straighten)
    assert found.steps[0].degrees == pytest.approx(-5, abs=0.3)


@pytest.mark.parametrize("task", ["edit", "preview", "propose"])
def test_steps_that_leave_too_little_are_a_refusal_of_one_kind(
    pool: DecoderPool, kept: Path, task: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        getattr(pool, task)(kept, [NARROW, NARROW])
    assert caught.value.code is DecodeFailure.TOO_SMALL


def test_what_is_no_picture_that_is_kept_is_damaged(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / "signal"
    path.write_bytes(b"\0" * 200)
    with pytest.raises(DecodeError) as caught:
        pool.edit(path, [])
    assert caught.value.code is DecodeFailure.DAMAGED


def test_as_many_steps_as_are_allowed_reach_the_child(pool: DecoderPool, kept: Path) -> None:
    steps = [Mask(0.123456789012345, 0.1, 0.223456789012345, 0.2)] * editing.MOST_STEPS
    assert pool.preview(kept, steps).width
