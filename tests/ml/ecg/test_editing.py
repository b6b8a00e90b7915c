import json
import math
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.ecg import editing
from ml.ecg.decoded import MAX_PIXELS
from ml.ecg.editing import Crop, EditError, Fault, Mask, Rotate, Step, StepsError, Straighten, Uneditable

WIDTH, HEIGHT = 120, 80


@st.composite
def sides(draw: st.DrawFn, least: int) -> tuple[float, float, float, float]:
    (left, right), (top, bottom) = (
        sorted(draw(st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True))) for _ in range(2)
    )
    return left / 100, top / 100, max(right, left + least) / 100, max(bottom, top + least) / 100


WITHIN = sides(1).filter(lambda four: max(four) <= 1)
CROPS = sides(60).filter(lambda four: max(four) <= 1).map(lambda four: Crop(*four))
MASKS = WITHIN.map(lambda four: Mask(*four))
ROTATIONS = st.integers(1, 3).map(Rotate)
STRAIGHTENINGS = st.floats(-15, 15).map(Straighten)
STEPS = st.lists(st.one_of(MASKS, ROTATIONS, STRAIGHTENINGS), max_size=4)


def scene(mode: str = "RGB", seed: int = 0) -> Image.Image:
    shape = (HEIGHT, WIDTH) if mode == "L" else (HEIGHT, WIDTH, 3)
    return Image.fromarray(np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8), mode)


def pixels(picture: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(picture)


def faults(steps: object) -> set[tuple[str, str]]:
    with pytest.raises(StepsError) as caught:
        editing.parse(steps)
    return {(".".join(fault.path), fault.code) for fault in caught.value.faults}


@given(CROPS, ROTATIONS)
@settings(max_examples=40, deadline=None)
def test_a_crop_then_a_turn_give_the_pixels_that_slicing_and_turning_give(crop: Crop, turn: Rotate) -> None:
    kept = pixels(scene())[
        round(crop.top * HEIGHT) : round(crop.bottom * HEIGHT),
        round(crop.left * WIDTH) : round(crop.right * WIDTH),
    ]
    np.testing.assert_array_equal(
        pixels(editing.apply(scene(), [crop, turn])), np.rot90(kept, -turn.quarters)
    )


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_four_quarter_turns_change_nothing(mode: str) -> None:
    turned = editing.apply(scene(mode), [Rotate(1)] * 4)
    np.testing.assert_array_equal(pixels(turned), pixels(scene(mode)))


@given(MASKS, STEPS, st.sampled_from(["L", "RGB"]))
@settings(max_examples=40, deadline=None)
def test_nothing_of_what_a_mask_covers_reaches_the_picture_whatever_follows(
    mask: Mask, later: list[Step], mode: str
) -> None:
    one = pixels(scene(mode)).copy()
    one[
        round(mask.top * HEIGHT) : round(mask.bottom * HEIGHT),
        round(mask.left * WIDTH) : round(mask.right * WIDTH),
    ] = 255
    of_one, of_other = (
        editing.apply(picture, [mask, *later]) for picture in (Image.fromarray(one, mode), scene(mode))
    )
    np.testing.assert_array_equal(pixels(of_one), pixels(of_other))


@given(MASKS, ROTATIONS)
@settings(max_examples=20, deadline=None)
def test_a_mask_stays_black_and_covers_every_pixel_it_touches(mask: Mask, turn: Rotate) -> None:
    covered = np.zeros((HEIGHT, WIDTH), bool)
    x, y = (np.arange(WIDTH) + 0.5) / WIDTH, (np.arange(HEIGHT) + 0.5) / HEIGHT
    covered |= np.outer((y > mask.top) & (y < mask.bottom), (x > mask.left) & (x < mask.right))
    edited = pixels(editing.apply(scene("L"), [mask, turn]))
    assert not edited[np.rot90(covered, -turn.quarters)].any()


@pytest.mark.parametrize("degrees", [-15.0, -2.5, 0.5, 15.0])
def test_straightening_turns_clockwise_keeps_the_corners_and_is_white_beside_them(degrees: float) -> None:
    paper = Image.new("L", (400, 300), 128)
    paper.paste(0, (195, 20, 205, 30))
    straight = editing.apply(paper, [Straighten(degrees)])
    angle = math.radians(degrees)
    dark = np.argwhere(pixels(straight) < 60).mean(axis=0) - [
        (straight.height - 1) / 2,
        (straight.width - 1) / 2,
    ]
    expected = [-125 * math.cos(angle), 125 * math.sin(angle)]
    np.testing.assert_allclose(dark, expected, atol=1.0)
    assert straight.getpixel((0, 0)) == 255 or abs(degrees) < 1
    assert (
        np.abs(np.subtract(straight.size, editing.size_after(paper.size, [Straighten(degrees)]))).max() <= 2
    )


@given(st.lists(st.one_of(CROPS, MASKS, ROTATIONS, STRAIGHTENINGS), max_size=5))
def test_what_is_written_is_read_again(steps: list[Step]) -> None:
    assert editing.parse(json.loads(json.dumps(editing.written(steps)))) == tuple(steps)


def test_the_picture_given_is_left_as_it_is() -> None:
    picture = scene()
    editing.apply(picture, [Mask(0, 0, 1, 1)])
    np.testing.assert_array_equal(pixels(picture), pixels(scene()))


def test_every_fault_is_told_at_once() -> None:
    assert faults(
        [
            {"crop": {"left": 0.5, "top": 0.2, "right": 0.505, "bottom": 0.1}},
            {"rotate": {"quarters": 4}},
            {"straighten": {"degrees": math.nan}},
            {"mask": {"left": -0.1, "top": "0", "right": True, "wide": 1}},
            {"shrink": {}},
            "crop",
            {"rotate": {"quarters": 1}, "mask": {}},
            {"rotate": {"quarters": 1.5}},
            {"straighten": {"degrees": 10**400}},
            {"crop": None},
        ]
    ) == {
        ("0.crop.right", "nothing_left"),
        ("0.crop.bottom", "nothing_left"),
        ("1.rotate.quarters", "out_of_range"),
        ("2.straighten.degrees", "out_of_range"),
        ("3.mask.left", "out_of_range"),
        ("3.mask.top", "not_a_number"),
        ("3.mask.right", "not_a_number"),
        ("3.mask.bottom", "required"),
        ("3.mask.wide", "unknown_choice"),
        ("4.shrink", "unknown_choice"),
        ("5", "required"),
        ("6", "required"),
        ("7.rotate.quarters", "not_a_number"),
        ("8.straighten.degrees", "out_of_range"),
        ("9.crop", "required"),
    }


def test_a_fault_names_the_limits_it_is_about() -> None:
    with pytest.raises(StepsError) as caught:
        editing.parse([{"straighten": {"degrees": 16}}])
    limits = {"minimum": -15.0, "maximum": 15.0}
    assert caught.value.faults == (Fault(("0", "straighten", "degrees"), "out_of_range", limits),)


def test_very_many_steps_are_refused_and_as_many_as_allowed_are_read() -> None:
    turn = {"rotate": {"quarters": 1}}
    assert len(editing.parse([turn] * editing.MOST_STEPS)) == editing.MOST_STEPS
    assert faults([turn] * (editing.MOST_STEPS + 1)) == {("", "too_many")}
    assert faults({"crop": {}}) == {("", "required")}


@pytest.mark.parametrize(
    "size, steps, reason",
    [
        ((100, 100), [Crop(0, 0, 0.5, 0.1)], Uneditable.TOO_SMALL),
        ((100, 100), [Crop(0, 0, 0.2, 1), Crop(0, 0, 0.2, 1)], Uneditable.TOO_SMALL),
        ((40_000, 200), [Straighten(15)], Uneditable.TOO_MANY_PIXELS),
    ],
)
def test_a_picture_is_never_left_too_small_nor_made_too_large(
    size: tuple[int, int], steps: Sequence[Step], reason: Uneditable
) -> None:
    assert size[0] * size[1] <= MAX_PIXELS
    with pytest.raises(EditError) as caught:
        editing.apply(Image.new("L", size), steps)
    assert caught.value.reason is reason


def test_reading_steps_imports_no_pillow() -> None:
    code = "import sys; from ml.ecg import editing; editing.parse([]); sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
