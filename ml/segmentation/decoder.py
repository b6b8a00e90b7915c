"""Read what was sent in this process: only ever called in a child of the pool, which may be killed."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.kept import write
from ml.segmentation.measuring import Figures, measure
from ml.segmentation.overlay import draw
from ml.segmentation.reading import (
    MAX_VOXELS,
    Codes,
    Volume,
    probabilities_of,
    read,
    same_place,
    segments_of,
)
from ml.segmentation.segments import Segment
from ml.segmentation.sent import IMAGE, IMAGES, LABEL_MAP, PROBABILITIES, REQUEST, image_file, pack


def read_sent(folder: Path) -> bytes:
    """Return what `VolumeReader` reads: of a label map what it amounts to, of images their voxels."""
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    if IMAGES in request:
        return _images(folder, request[IMAGES])
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
    return told(codes, volume, figures, image)


def _images(folder: Path, names: list[str]) -> bytes:
    volumes: list[Volume] = []
    for place, name in enumerate(names):
        try:
            image = read(folder / image_file(place))
            volumes.append(_image(image, volumes[0] if volumes else image, MAX_VOXELS // len(names)))
        except VolumeError as error:
            return pack({"fault": error.fault, "file": name, "values": error.values_named})
    first = volumes[0]
    header = {"shape": first.data.shape, "affine": first.affine.tolist(), "oriented": first.oriented}
    return pack(header, tuple(np.asarray(each.data, np.float32).tobytes("F") for each in volumes))


def told(codes: Codes, volume: Volume, figures: Figures, image: Volume | None) -> bytes:
    """Return what was measured, with what is kept and pictures."""
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


def _image(image: Volume, volume: Volume, most_voxels: int = MAX_VOXELS) -> Volume:
    if image.data.ndim != 3:
        raise VolumeError(Fault.NOT_3D)
    if image.data.size > most_voxels:
        raise VolumeError(Fault.TOO_LARGE)
    same_place(image, volume)
    return image
