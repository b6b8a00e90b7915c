"""A picture of an ECG without its grid and tracings: only what is as small as letters, on white."""

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from ml.ecg.digitising.picture import darkness

Mask = npt.NDArray[np.bool_]

_READ_PX = 1800
"""A picture less long is doubled: letters of eight pixels are not read."""
_MOST_PX = 4000
_LETTER_PX = (6, 60)
"""Height and width of letters, least and most; at most a fortieth of a large picture's longer side."""
_BESIDE_PX = 5
"""How far from a letter accents and dots may be."""
_DARK, _COLOURED = 0.38, 0.6
"""How much darker than its paper black ink is in every colour, and coloured ink in one of them: more than a
grid is, as a rule; where it is as dark, its lines hang together and are too large for letters."""
_MOST_COLOURED = 0.05
"""Of a picture: where more of it is that dark in a colour, that is a grid in pieces."""
_AROUND_PX, _LIGHTER, _DARK_PAPER = 41, 60, 120
"""Light letters on dark paper, as on screens: how much lighter than what is around them."""
_INSIDE_PX = 25
"""Twice the width of what is inside such letters, which is dark and no letter."""
_BOTH_WAYS = np.ones((3, 3))


def only_letters(picture: Image.Image) -> Image.Image:
    """Return the letters of a picture in mode L or RGB, in the size in which they are best read."""
    sized = _sized(picture)
    dark = darkness(sized)
    most = max(_LETTER_PX[1], max(sized.size) // 40)
    shown = np.where(_small(dark.pen > _DARK, most), dark.pen, 0)
    coloured = dark.grid > _COLOURED
    if sized.mode != "L" and coloured.mean() < _MOST_COLOURED:
        shown = np.maximum(shown, np.where(_small(coloured, most), dark.grid, 0))
    grey = np.asarray(sized.convert("L"), np.float32)
    around = ndimage.uniform_filter(grey, _AROUND_PX)
    light = _small((grey - around > _LIGHTER) & (around < _DARK_PAPER), most)
    inside = ndimage.maximum_filter(light, _INSIDE_PX) & (around < _DARK_PAPER)
    shown = np.where(inside, np.where(light, np.clip((grey - around) / 160, 0, 1), 0), shown)
    return Image.fromarray((255 * (1 - shown)).astype(np.uint8))


def _sized(picture: Image.Image) -> Image.Image:
    longest = max(picture.size)
    factor = 2.0 if longest < _READ_PX else min(_MOST_PX / longest, 1.0)
    if factor == 1:
        return picture
    size = (max(round(picture.width * factor), 1), max(round(picture.height * factor), 1))
    return picture.resize(size, Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.BOX)


def _small(ink: Mask, most: int) -> Mask:
    """Return the ink of pieces as small as letters, with the dots beside them and the blur around them."""
    labels, count = ndimage.label(ink, _BOTH_WAYS)
    letter, dot = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    for index, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        dot[index] = max(height, width) < _LETTER_PX[0]
        letter[index] = not dot[index] and height <= most and width <= 1.5 * most
    around = ndimage.maximum_filter(letter[labels], 2 * _BESIDE_PX + 1)
    large = ~(letter | dot)
    large[0] = False
    return np.asarray(around & ~large[labels], bool)
