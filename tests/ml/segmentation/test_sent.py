"""Label maps measured in a child: the whole of it, its refusals, and what a hostile file cannot do."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.segments import Segment
from ml.segmentation.sent import IMAGE, LABEL_MAP, PROBABILITIES, VolumeReader, pack, unpack
from tests.support.volumes import label_map, nifti, save


@pytest.fixture(scope="module")
def reader() -> Iterator[VolumeReader]:
    made = VolumeReader()
    yield made
    made.close()


def test_a_map_with_image_and_probabilities_is_measured_and_drawn(
    reader: VolumeReader, tmp_path: Path
) -> None:
    save(tmp_path / LABEL_MAP, nifti(label_map()))
    save(tmp_path / PROBABILITIES, nifti(np.full(label_map().shape, 0.75, np.float32)))
    save(tmp_path / IMAGE, nifti(np.full(label_map().shape, 100, np.int16)))
    told = reader.measure(tmp_path)
    assert (told.shape, told.voxel_mm, told.axes, told.oriented) == ((12, 14, 10), (1, 1, 1), "LPS", True)
    assert [each.voxels for each in told.segments] == [1, 216 - 27 + 1, 26]
    assert told.components == 2
    assert told.volume_cm3 == pytest.approx(0.217)
    assert (told.confidence, told.segment_confidence) == (0.75, 0.75)
    assert [figures.plane for figures, _ in told.pictures] == ["axial", "coronal", "sagittal"]
    assert all(png.startswith(b"\x89PNG") for _, png in told.pictures)
    assert gzip.decompress(told.label_map)[344:348] == b"n+1\0"


@pytest.mark.parametrize("name", [LABEL_MAP, PROBABILITIES, IMAGE])
def test_a_fault_names_the_file_that_has_it(reader: VolumeReader, tmp_path: Path, name: str) -> None:
    save(tmp_path / LABEL_MAP, nifti(label_map()))
    (tmp_path / name).write_bytes(b"\x89PNG")
    with pytest.raises(VolumeError) as caught:
        reader.measure(tmp_path)
    assert (caught.value.fault, caught.value.file) == (Fault.NOT_NIFTI, name)


def test_what_a_refusal_names_comes_through(reader: VolumeReader, tmp_path: Path) -> None:
    save(tmp_path / LABEL_MAP, nifti(label_map()))
    with pytest.raises(VolumeError) as caught:
        reader.measure(tmp_path, {1: Segment.NECROTIC, 2: Segment.EDEMA})
    assert (caught.value.fault, caught.value.values_named) == (Fault.UNKNOWN_LABELS, {"labels": "4"})
    save(tmp_path / IMAGE, nifti(label_map()[1:]))
    with pytest.raises(VolumeError) as caught:
        reader.measure(tmp_path)
    assert caught.value.values_named == {"shape": "11×14×10", "other": "12×14×10"}


@pytest.mark.parametrize(
    "message",
    [b"", b"[]", b"{}\n", b'{"fault": "nothing", "file": "", "values": {}}\n', pack({"shape": [1]}, (b"x",))],
)
def test_an_answer_that_makes_no_sense_is_a_crash(message: bytes) -> None:
    with pytest.raises(VolumeError) as caught:
        unpack(message)
    assert caught.value.fault is Fault.CRASHED
