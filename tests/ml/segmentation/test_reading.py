"""NIfTI files whose headers lie, and what is never taken from those that do not."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.kept import write
from ml.segmentation.reading import probabilities_of, read, same_place, segments_of
from ml.segmentation.segments import CODES, Segment
from tests.support.volumes import LPS, label_map, nifti, save

NAMES = {"descrip": b"DUPONT Jeanne", "db_name": b"DUPONT^JEANNE", "aux_file": b"dupont.txt"}


def fault(path: Path) -> Fault:
    with pytest.raises(VolumeError) as caught:
        segments_of(read(path))
    return caught.value.fault


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_label_map_comes_back_voxel_by_voxel(tmp_path: Path, kind: type[Any], *, zipped: bool) -> None:
    affine = np.diag([-1.5, -2.0, 3.0, 1.0])
    volume = read(save(tmp_path / "map", nifti(label_map(), affine, kind), zipped=zipped))
    assert (volume.voxel_mm, volume.axes, volume.oriented) == ((1.5, 2.0, 3.0), "LPS", True)
    assert volume.voxel_mm3 == pytest.approx(9.0)
    codes = segments_of(volume)
    assert np.array_equal(codes == CODES[Segment.ENHANCING], label_map() == 4)
    assert np.array_equal(codes > 0, label_map() > 0)


@pytest.mark.parametrize(
    "header, expected",
    [
        ({"dim": [3, -12, 14, 10, 1, 1, 1, 1]}, Fault.DAMAGED),
        ({"dim": [9, 12, 14, 10, 1, 1, 1, 1]}, Fault.DAMAGED),
        ({"dim": [3, 12, 14, 11, 1, 1, 1, 1]}, Fault.DAMAGED),  # more voxels than there are
        ({"dim": [3, 12, 14, 9, 1, 1, 1, 1]}, Fault.DAMAGED),  # fewer
        ({"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, Fault.TOO_LARGE),
        ({"dim": [5, 12, 7, 2, 2, 5, 1, 1]}, Fault.NOT_3D),
        ({"dim": [2, 12, 140, 1, 1, 1, 1, 1]}, Fault.NOT_3D),
        ({"datatype": 32}, Fault.UNSUPPORTED),  # complex
        ({"datatype": 128}, Fault.UNSUPPORTED),  # colours
        ({"datatype": 777}, Fault.DAMAGED),
        ({"vox_offset": np.nan}, Fault.DAMAGED),
        ({"vox_offset": 1e30}, Fault.DAMAGED),
        ({"vox_offset": 10}, Fault.DAMAGED),
        ({"magic": b"ni1\0"}, Fault.UNSUPPORTED),
        ({"magic": b"abc\0"}, Fault.NOT_NIFTI),
        ({"srow_x": [np.nan, 0, 0, 0]}, Fault.BAD_GEOMETRY),
        ({"srow_x": [0, 0, 0, 0]}, Fault.BAD_GEOMETRY),
        ({"srow_x": [0, -1, 0, 0]}, Fault.BAD_GEOMETRY),  # the first axis is the second one
        ({"srow_x": [1e9, 0, 0, 0]}, Fault.BAD_GEOMETRY),
        ({"srow_x": [-1, 0, 0, 1e7]}, Fault.BAD_GEOMETRY),
        ({"srow_x": [-2, 0, 0, 0]}, Fault.CONTRADICTING_GEOMETRY),
        ({"xyzt_units": 1}, Fault.BAD_GEOMETRY),  # metres
        ({"xyzt_units": 7}, Fault.BAD_GEOMETRY),
    ],
)
def test_a_header_that_lies_is_refused_by_name(
    tmp_path: Path, header: dict[str, Any], expected: Fault
) -> None:
    assert fault(save(tmp_path / "map", nifti(label_map(), **header))) is expected


def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole", nifti(label_map())).read_bytes()
    cases = {
        b"": Fault.EMPTY,
        b"\x89PNG\r\n\x1a\n" + bytes(500): Fault.NOT_NIFTI,
        b"\x5c\x01\x00": Fault.NOT_NIFTI,
        b"\x5c\x01\x00\x00" + bytes(10): Fault.DAMAGED,
        whole[:-40]: Fault.DAMAGED,  # truncated
        whole[:-8] + bytes(8): Fault.DAMAGED,  # another checksum
        whole[:30]: Fault.DAMAGED,
        gzip.compress(bytes(1000)): Fault.NOT_NIFTI,
    }
    for content, expected in cases.items():
        (tmp_path / "file").write_bytes(content)
        assert fault(tmp_path / "file") is expected, content[:20]


def test_of_a_gzip_bomb_no_more_is_inflated_than_the_header_says(tmp_path: Path) -> None:
    bomb = nifti(label_map()) + bytes(200_000_000)
    assert fault(save(tmp_path / "bomb", bomb)) is Fault.DAMAGED
    large = nifti(label_map(), dim=[3, 1000, 1000, 1000, 1, 1, 1, 1])
    assert fault(save(tmp_path / "large", large)) is Fault.TOO_LARGE


@pytest.mark.parametrize(
    "data, expected",
    [
        (label_map() + np.uint8(3) * (label_map() == 4), Fault.UNKNOWN_LABELS),
        (-label_map().astype(np.int16), Fault.UNKNOWN_LABELS),
        (label_map() * 0.3, Fault.NOT_LABELS),
        (np.full((4, 4, 4), np.nan), Fault.NOT_LABELS),
        (np.full((4, 4, 4), 1e300), Fault.NOT_LABELS),
        (np.zeros((4, 4, 4, 3), np.uint8), Fault.NOT_3D),
    ],
)
def test_what_is_no_label_map_is_refused_by_name(tmp_path: Path, data: Any, expected: Fault) -> None:
    assert fault(save(tmp_path / "map", nifti(data))) is expected


def test_unknown_labels_are_named_and_others_can_be_said_to_stand_for_something(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "map", nifti(label_map().astype(np.float64) * 10)))
    with pytest.raises(VolumeError, match="10, 20, 40"):
        segments_of(volume)
    codes = segments_of(volume, {10: Segment.EDEMA, 20: Segment.EDEMA, 40: Segment.NECROTIC})
    assert np.array_equal(codes == CODES[Segment.NECROTIC], label_map() == 4)


def test_probabilities_must_fit_the_label_map_and_be_probabilities(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "map", nifti(label_map())))

    def told(data: Any, affine: Any = LPS) -> Fault:
        with pytest.raises(VolumeError) as caught:
            probabilities_of(read(save(tmp_path / "likely", nifti(data, affine))), volume)
        return caught.value.fault

    good = np.full(label_map().shape, 0.5, np.float32)
    assert told(good[1:]) is Fault.OTHER_SHAPE
    assert told(np.stack([good] * 2, axis=-1)) is Fault.OTHER_SHAPE
    assert told(good, np.diag([-1.0, -1.0, 1.2, 1.0])) is Fault.OTHER_GEOMETRY
    assert told(good, np.diag([1.0, -1.0, 1.0, 1.0])) is Fault.OTHER_GEOMETRY
    assert told(good * 3) is Fault.NOT_PROBABILITIES
    assert told(good * np.nan) is Fault.NOT_PROBABILITIES
    assert told(-good) is Fault.NOT_PROBABILITIES


def test_volumes_of_other_places_do_not_fit(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "map", nifti(label_map())))
    same_place(volume, read(save(tmp_path / "same", nifti(label_map() * 0))))
    moved = LPS.copy()
    moved[0, 3] = 0.5
    with pytest.raises(VolumeError, match="other_geometry"):
        same_place(volume, read(save(tmp_path / "moved", nifti(label_map(), moved))))


def test_what_is_kept_names_nobody_and_lies_where_it_lay(tmp_path: Path) -> None:
    image = nib.Nifti1Image(label_map(), np.diag([-1.5, -2.0, 3.0, 1.0]))
    for name, value in NAMES.items():
        image.header[name] = value
    image.header["intent_name"] = b"DUPONT"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DUPONT Jeanne 1962"))
    nib.save(image, tmp_path / "named.nii")
    assert b"DUPONT" in (tmp_path / "named.nii").read_bytes()
    volume = read(tmp_path / "named.nii")
    kept = write(segments_of(volume), volume)
    assert b"dupont" not in gzip.decompress(kept).lower()
    (tmp_path / "kept").write_bytes(kept)
    again = read(tmp_path / "kept")
    assert np.array_equal(again.data > 0, label_map() > 0)
    assert np.allclose(again.affine, volume.affine)
    assert kept == write(segments_of(volume), volume)


def test_a_file_that_does_not_say_which_way_its_axes_point_is_told(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "map", nifti(label_map(), sform_code=0, qform_code=0)))
    assert not volume.oriented
    (tmp_path / "kept").write_bytes(write(segments_of(volume), volume))
    assert not read(tmp_path / "kept").oriented
