"""Made heads with made tumours: what the network is tried on where no real data may be used.

They show that training, judging and serving work, and say nothing of real images.
"""

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.segmentation.dataset import IMAGES, LABELS
from ml.segmentation.segments import CODES, Segment

SHAPE = (64, 64, 20)
VOXEL_MM = (3.0, 3.0, 4.0)
_BRIGHTNESS = {
    "flair": {"brain": 0.45, "fluid": 0.1, "edema": 0.85, "enhancing": 0.7, "necrotic": 0.55},
    "t1c": {"brain": 0.5, "fluid": 0.15, "edema": 0.4, "enhancing": 0.95, "necrotic": 0.2},
}

Floats = NDArray[np.float64]


def write_phantoms(folder: Path, count: int, seed: int = 0) -> None:
    """Write so many patients, each into a folder of its own: the images and the label map.

    Raises
    ------
    FileExistsError
        When the folder is there already.
    """
    folder.mkdir(parents=True)
    for number in range(count):
        images, codes = phantom(seed * 100_003 + number)
        patient = folder / f"phantom-{number + 1:04d}"
        patient.mkdir()
        affine = np.diag([-VOXEL_MM[0], -VOXEL_MM[1], VOXEL_MM[2], 1.0])
        for name, data in (*images.items(), (LABELS, codes)):
            nib.save(nib.Nifti1Image(data, affine), patient / f"{name}.nii.gz")


def phantom(seed: int) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.uint8]]:
    """Return the images of a made patient by name, and the label map."""
    draw = np.random.default_rng(seed)
    places = [axis.astype(np.float64) for axis in np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")]
    head = _ball(places, np.array([32, 32, 10]), np.array([27, 29, 9.5]) * draw.uniform(0.9, 1.05)) < 1
    codes = _tumour(draw, places) * head
    fluid = np.zeros(SHAPE, bool)
    for side in (-1, 1):
        centre = np.array([32 + side * draw.uniform(4, 7), draw.uniform(28, 36), draw.uniform(8, 12)])
        fluid |= _ball(places, centre, draw.uniform([2, 6, 3], [4, 11, 5])) < 1
    images = {}
    for name in IMAGES:
        bright = _BRIGHTNESS[name]
        image = np.where(head, bright["brain"], 0.0)
        image[fluid & head] = bright["fluid"]
        for vessel in _vessels(draw):
            image[tuple(vessel)] += 0.3 * (name == "t1c") * head[tuple(vessel)]
        for segment, code in CODES.items():
            image[codes == code] = bright[segment.value]
        image = ndimage.gaussian_filter(image, (0.6, 0.6, 0.3)) * _field(draw)
        image = image * draw.uniform(0.8, 1.2) + draw.normal(0, 0.035, SHAPE)
        images[name] = np.asarray(np.where(head, np.maximum(image, 0.01) * 1000, 0), np.float32)
    return images, codes.astype(np.uint8)


def _tumour(draw: np.random.Generator, places: list[Floats]) -> NDArray[np.uint8]:
    """Return a core within a rim within oedema, none of them round."""
    centre = np.array([32 + draw.choice((-1, 1)) * draw.uniform(9, 13), draw.uniform(24, 42), 10.0])
    centre[2] += draw.uniform(-1.5, 1.5)
    uneven = ndimage.gaussian_filter(draw.normal(0, 1, SHAPE), (4, 4, 2))
    uneven /= np.abs(uneven).max()
    size = draw.uniform(0.85, 1.2)
    codes = np.zeros(SHAPE, np.uint8)
    for segment, radii, bumps in (
        (Segment.EDEMA, (14, 15, 7.5), 0.35),
        (Segment.ENHANCING, (9, 9.5, 5), 0.25),
        (Segment.NECROTIC, (5.5, 6, 3.2), 0.2),
    ):
        reach = np.array(radii) * size * draw.uniform(0.92, 1.08, 3)
        codes[_ball(places, centre, reach) + bumps * uneven < 1] = CODES[segment]
    return codes


def _ball(places: list[Floats], centre: Floats, radii: Floats) -> Floats:
    parts = [((place - at) / reach) ** 2 for place, at, reach in zip(places, centre, radii, strict=True)]
    ball: Floats = np.sqrt(np.sum(parts, axis=0))
    return ball


def _field(draw: np.random.Generator) -> Floats:
    """Return how brightness drifts over a head, as a coil's does."""
    coarse = draw.normal(1, 0.12, (3, 3, 3))
    field: Floats = ndimage.zoom(coarse, [n / 3 for n in SHAPE], order=1)
    return field


def _vessels(draw: np.random.Generator) -> Iterator[list[slice]]:
    for _ in range(4):
        x, y = draw.integers(10, 54, 2)
        z = int(draw.integers(2, 14))
        yield [slice(x, x + 2), slice(y, y + 2), slice(z, z + 5)]
