"""What the network is shown of a volume: slices, the brightness of each image brought to one scale."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.segmentation.reading import Codes, Volume

MULTIPLE = 8
"""Sides of a slice must be divided by two three times."""
MOST_DEVIATIONS = 5.0

Slices = NDArray[np.float32]


def slices_of(volumes: Sequence[Volume]) -> Slices:
    """Return slices along the last axis, of shape (slices, height, width, images), padded at the end."""
    return _padded(np.stack([_scaled(each) for each in volumes], axis=-1))


def labels_of(codes: Codes) -> Codes:
    """Return the slices of a label map in the same way."""
    return np.asarray(_padded(codes.transpose(2, 0, 1)[..., None])[..., 0], np.uint8)


def unsliced(slices: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return what a network says of slices as a volume of this shape, channels last."""
    return slices[:, : shape[0], : shape[1]].transpose(1, 2, 0, 3)


def _scaled(volume: Volume) -> Slices:
    """Return an image with mean 0 and deviation 1 over what is not background."""
    data = np.nan_to_num(np.asarray(volume.data, np.float32), posinf=0, neginf=0)
    inside = data != data.flat[0]
    values = data[inside] if inside.any() else data.ravel()
    scaled = (data - values.mean()) / max(float(values.std()), 1e-6)
    scaled = np.clip(scaled, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    scaled[~inside] = -MOST_DEVIATIONS
    return np.asarray(scaled.transpose(2, 0, 1), np.float32)


def _padded(slices: NDArray[np.generic]) -> NDArray[np.float32]:
    height, width = slices.shape[1:3]
    more = (0, -height % MULTIPLE), (0, -width % MULTIPLE)
    return np.pad(np.asarray(slices, np.float32), ((0, 0), *more, (0, 0)), mode="edge")
