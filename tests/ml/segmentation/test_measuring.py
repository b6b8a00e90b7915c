"""Volumes, pieces and confidence against counting by other means, and against published figures."""

import io
from collections import deque
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ml.segmentation.agreement import agreements, hausdorff_95, overlap
from ml.segmentation.measuring import measure
from ml.segmentation.overlay import COLOURS, draw
from ml.segmentation.reading import Volume, probabilities_of, read, segments_of
from ml.segmentation.segments import CODES, SEGMENTS, Segment
from tests.support.volumes import label_map

small = arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3), elements=st.integers(0, 3))


def flooded(mask: Any) -> int:
    """Count connected pieces one voxel after the other."""
    left, pieces = {tuple(each) for each in np.argwhere(mask).tolist()}, 0
    while left:
        queue, pieces = deque([left.pop()]), pieces + 1
        while queue:
            at = queue.popleft()
            near = {each for each in left if max(abs(a - b) for a, b in zip(at, each, strict=True)) <= 1}
            left -= near
            queue.extend(near)
    return pieces


@settings(max_examples=60, deadline=None)
@given(small, st.floats(0.1, 30))
def test_volumes_and_pieces_are_those_that_counting_one_by_one_gives(codes: Any, voxel_mm3: float) -> None:
    figures = measure(codes, voxel_mm3)
    for each in figures.segments:
        mask = codes == CODES[each.segment]
        assert each.voxels == mask.sum()
        assert each.volume_cm3 == pytest.approx(mask.sum() * voxel_mm3 / 1000)
        assert each.components == flooded(mask)
        assert each.confidence is None
    assert figures.components == flooded(codes > 0)
    assert figures.volume_cm3 == pytest.approx((codes > 0).sum() * voxel_mm3 / 1000)


def test_the_published_volumes_of_the_fusion_come_out(shared_data: Path) -> None:
    for name in ("mav", "simple"):
        path = shared_data / "brain" / "fusion" / f"{name}.nii.gz"
        volume = read(path)
        figures = measure(segments_of(volume), volume.voxel_mm3)
        assert [round(each.volume_cm3, 2) for each in figures.segments] == [2.48, 20.86, 6.84]
        counted = np.asarray(nib.load(path).dataobj)  # type: ignore[attr-defined]
        assert figures.volume_cm3 == pytest.approx((counted > 0).sum() / 1000)


def test_a_volume_does_not_depend_on_which_way_axes_point() -> None:
    codes = label_map().clip(0, 3)
    turned = np.array([[0, 0, -2.0, 5], [1.0, 0, 0, -3], [0, 3.0, 0, 7], [0, 0, 0, 1]])
    assert Volume(codes, turned, oriented=True).voxel_mm3 == pytest.approx(6)
    assert Volume(codes, turned, oriented=True).axes == "ASL"


def test_confidence_is_the_mean_probability_of_the_label_each_voxel_has() -> None:
    codes = np.array([1, 1, 2, 3, 0], np.uint8).reshape(5, 1, 1)
    volume = Volume(codes, np.eye(4), oriented=True)
    of_label = Volume(np.array([0.5, 0.7, 0.9, 0.2, 1.0]).reshape(5, 1, 1), np.eye(4), oriented=True)
    told = measure(codes, 1.0, probabilities_of(of_label, volume))
    assert [each.confidence for each in told.segments] == pytest.approx([0.6, 0.9, 0.2])
    assert told.confidence == pytest.approx((0.5 + 0.7 + 0.9 + 0.2) / 4)
    assert told.segment_confidence == pytest.approx((0.6 + 0.9 + 0.2) / 3)
    for channels in (3, 4):
        likely = np.zeros((5, 1, 1, channels))
        likely[..., channels - 3] = 0.1
        likely[..., channels - 2] = 0.2
        likely[..., channels - 1] = 0.3
        by_channel = probabilities_of(Volume(likely, np.eye(4), oriented=True), volume)
        figures = measure(codes, 1.0, by_channel)
        assert [each.confidence for each in figures.segments] == pytest.approx([0.1, 0.2, 0.3])


def test_a_map_without_tumour_has_no_confidence_and_still_a_picture() -> None:
    codes = np.zeros((6, 6, 6), np.uint8)
    volume = Volume(codes, np.eye(4), oriented=True)
    figures = measure(codes, 1.0, dict.fromkeys(SEGMENTS, codes))
    assert (figures.volume_cm3, figures.components, figures.confidence) == (0, 0, None)
    assert [each.number for each in draw(codes, volume)] == [4, 4, 4]


def test_overlap_and_distance_of_surfaces() -> None:
    one, other = np.zeros((20, 20, 20), bool), np.zeros((20, 20, 20), bool)
    one[2:8, 2:8, 2:8], other[2:8, 2:8, 4:10] = True, True
    assert overlap(one, one) == 1
    assert overlap(one, other) == pytest.approx(4 / 6)
    assert overlap(one & False, other & False) is None
    assert hausdorff_95(one, one, (1, 1, 1)) == 0
    assert hausdorff_95(one, other, (1, 1, 3)) == pytest.approx(6)
    assert hausdorff_95(one, other & False, (1, 1, 1)) is None


@settings(max_examples=30, deadline=None)
@given(small)
def test_a_map_agrees_with_itself_and_dice_is_that_of_the_sets(codes: Any) -> None:
    other = np.roll(codes, 1, axis=0)
    [(_, _, same), (_, _, told), _] = agreements([codes, codes, other])
    assert all(each in {None, 1.0} for each in (*same.segments.values(), same.tumour))
    for segment in Segment:
        a = {tuple(each) for each in np.argwhere(codes == CODES[segment]).tolist()}
        b = {tuple(each) for each in np.argwhere(other == CODES[segment]).tolist()}
        expected = 2 * len(a & b) / (len(a) + len(b)) if a or b else None
        assert told.segments[segment] == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("flipped", [False, True])
def test_the_patients_right_is_on_the_left_of_the_picture_however_the_file_is_stored(
    *, flipped: bool
) -> None:
    """The tumour is on the right, in front, and low."""
    codes = np.zeros((20, 30, 40), np.uint8)  # to the right, anterior, superior
    codes[15:18, 22:26, 4:9] = CODES[Segment.EDEMA]
    affine = np.eye(4)
    if flipped:
        codes, affine = codes[::-1, ::-1], np.diag([-1.0, -1.0, 1.0, 1.0])
    for picture in draw(codes, Volume(codes, affine, oriented=True)):
        middle = coloured(picture.png).mean(axis=0) / [picture.height, picture.width]
        down, across = middle
        assert across < 0.5, picture.plane  # right, or front
        assert bool(down > 0.5) is (picture.plane != "axial"), picture.plane  # low; the front is on top


def test_where_the_file_is_silent_no_side_is_marked() -> None:
    codes = label_map().clip(0, 3)
    told, silent = (
        [each.png for each in draw(codes, Volume(codes, np.eye(4), oriented=oriented))]
        for oriented in (True, False)
    )
    assert all(a != b for a, b in zip(told, silent, strict=True))


def coloured(png: bytes) -> Any:
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    return np.argwhere((pixels == COLOURS[Segment.EDEMA]).all(axis=-1))
