"""Measure a folder in this process: only ever called in a child of the pool, which may be killed."""

import json
from dataclasses import asdict
from pathlib import Path

from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.kept import write
from ml.segmentation.measuring import measure
from ml.segmentation.overlay import draw
from ml.segmentation.reading import Volume, probabilities_of, read, same_place, segments_of
from ml.segmentation.segments import Segment
from ml.segmentation.sent import IMAGE, LABEL_MAP, PROBABILITIES, REQUEST, pack


def measure_folder(folder: Path) -> bytes:
    """Return what `VolumeReader` reads."""
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    labels = {int(value): Segment(name) for value, name in request["labels"].items()}
    try:
        return _measured(folder, labels)
    except VolumeError as error:
        return pack({"fault": error.fault, "file": error.file, "values": error.values_named})


def _measured(folder: Path, labels: dict[int, Segment]) -> bytes:
    step = LABEL_MAP
    try:
        volume = read(folder / LABEL_MAP)
        codes = segments_of(volume, labels)
        step, probabilities = PROBABILITIES, None
        if (folder / PROBABILITIES).exists():
            probabilities = probabilities_of(read(folder / PROBABILITIES), volume)
        figures = measure(codes, volume.voxel_mm3, probabilities)
        del probabilities
        step, image = IMAGE, None
        if (folder / IMAGE).exists():
            image = _image(read(folder / IMAGE), volume)
    except VolumeError as error:
        raise error.of(step) from None
    except MemoryError:
        raise VolumeError(Fault.TOO_LARGE, step) from None
    pictures = list(draw(codes, volume, image))
    header = {
        "shape": codes.shape,
        "voxel_mm": volume.voxel_mm,
        "axes": volume.axes,
        "oriented": volume.oriented,
        "segments": [asdict(each) for each in figures.segments],
        "components": figures.components,
        "confidence": figures.confidence,
        "segment_confidence": figures.segment_confidence,
        "pictures": [
            {name: getattr(each, name) for name in ("plane", "number", "slices", "width", "height")}
            for each in pictures
        ],
    }
    return pack(header, (write(codes, volume), *(each.png for each in pictures)))


def _image(image: Volume, volume: Volume) -> Volume:
    if image.data.ndim != 3:
        raise VolumeError(Fault.NOT_3D)
    same_place(image, volume)
    return image
