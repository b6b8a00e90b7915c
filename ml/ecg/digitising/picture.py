"""A picture of paper as two maps of darkness: one that shows the grid, one that shows the pen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Floats = npt.NDArray[np.float32]

_CELL = 24


@dataclass(frozen=True, eq=False)
class Darkness:
    """How dark each pixel is beside its paper, 0 to 1, whatever the light on the page.

    Attributes
    ----------
    grid : ndarray of float32, shape (height, width)
        In the colour in which it is darkest: a pink grid shows in blue and green.
    pen : ndarray of float32, shape (height, width)
        In the colour in which it is lightest: a pink grid nearly vanishes, black ink does not.
    """

    grid: Floats
    pen: Floats


def darkness(picture: Image.Image) -> Darkness:
    """Return the maps of a picture in mode L or RGB."""
    if picture.mode == "L":
        grey = _beside_paper(np.asarray(picture, np.float32))
        return Darkness(grey, grey)
    pixels = np.asarray(picture.convert("RGB"))
    channels = [_beside_paper(pixels[..., index].astype(np.float32)) for index in range(3)]
    return Darkness(np.maximum.reduce(channels), np.minimum.reduce(channels))


def _beside_paper(level: Floats) -> Floats:
    """Divide by the paper's own level: the upper decile of each neighbourhood, smoothed."""
    height, width = level.shape
    rows, columns = -(-height // _CELL), -(-width // _CELL)
    padded = np.pad(level, ((0, rows * _CELL - height), (0, columns * _CELL - width)), mode="edge")
    cells = padded.reshape(rows, _CELL, columns, _CELL).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    kept = round(0.9 * (_CELL * _CELL - 1))
    paper = np.partition(cells, kept, axis=2)[..., kept]
    paper = ndimage.gaussian_filter(ndimage.maximum_filter(paper, 3), 1.0, mode="nearest")
    size = (columns * _CELL, rows * _CELL)
    zoomed = Image.fromarray(np.maximum(paper, 16)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(np.clip(1 - level / np.asarray(zoomed)[:height, :width], 0, 1), np.float32)
