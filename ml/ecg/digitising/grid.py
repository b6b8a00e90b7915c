"""The grid of ECG paper: where each of its millimetres lies in a picture, however it was held."""

from dataclasses import dataclass
from math import atan2, degrees

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ml.ecg.digitising.picture import Floats

Matrix = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

BOLD_MM = 5.0
_HARMONICS = (1, 2, 3, 4, 5, 10)
_WEIGHTS = np.array([1.0, 0.6, 0.6, 0.6, 1.0, 0.6])
_WIDEST_MM, _NARROWEST_MM = 420.0, 90.0
_COMPARED = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
_FINEST_PX_MM = 4
_STEEPEST = 0.2
_STRETCH = 1.25
"""How much longer a millimetre may be one way than the other."""
_PERIOD_STEP = 0.0008
_SPECTRA = (1024, 512)
"""Sides of the middle that is looked at: in a smaller one, a page seen from the side is more regular."""
_LEAST_SCORE = 0.5
_LEAST_STRENGTH = 0.1
_BLOCK_MM = 20.0


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the paper's millimetres are.

    Attributes
    ----------
    to_mm : ndarray, shape (3, 3)
        The projective map from pixels (0, 0 is the centre of the first) to millimetres, u to the right and
        v down; bold lines lie on multiples of 5 where the paper has them.
    extent_mm : tuple of float
        Left, top, right and bottom of the part of the picture that has a grid.
    strength : float
        How regular the grid is, 0 to 1.
    """

    to_mm: Matrix
    extent_mm: tuple[float, float, float, float]
    strength: float

    @property
    def to_pixels(self) -> Matrix:
        """Return the map back."""
        return np.asarray(np.linalg.inv(self.to_mm), np.float64)

    @property
    def pixels_per_mm(self) -> float:
        """Return the scale in the middle of the grid."""
        left, top, right, bottom = self.extent_mm
        u, v = (left + right) / 2, (top + bottom) / 2
        x, y = mapped(self.to_pixels, np.array([u, u + 1, u]), np.array([v, v, v + 1]))
        return float(np.sqrt(abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))))

    @property
    def angle_deg(self) -> float:
        """Return by how much the paper is turned clockwise, in the middle of the grid."""
        left, top, right, bottom = self.extent_mm
        x, y = mapped(self.to_pixels, np.array([left, right]), np.array([top + bottom] * 2) / 2)
        return degrees(atan2(y[1] - y[0], x[1] - x[0]))


def mapped(matrix: Matrix, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Matrix, Matrix]:
    """Return where a projective map takes points."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return u / w, v / w


def find_grid(dark: Floats) -> Grid | None:
    """Find the grid of a page held roughly upright (to 11°), or None where there is none.

    Notes
    -----
    The spectrum of the middle of the page gives direction and period. From there outwards the page is
    compared, block by block, with lines every 5 mm and 1 mm of the map so far, and the map fitted anew to
    where the lines are: to a fraction of a pixel, as each block averages over many of them.
    """
    found = (_grown_from(dark, start) for size in _SPECTRA if (start := _first_map(dark, size)) is not None)
    return next((grid for grid in found if grid is not None), None)


def _grown_from(dark: Floats, start: Matrix) -> Grid | None:
    """Grow the map on the page made as small as its lines allow."""
    fold = max(int(1 / np.sqrt(abs(np.linalg.det(start[:2, :2]))) / _FINEST_PX_MM), 1)
    height, width = (side // fold * fold for side in dark.shape)
    folded = dark[:height, :width].reshape(height // fold, fold, width // fold, fold).mean(axis=(1, 3))
    unfold = np.array([[fold, 0, (fold - 1) / 2], [0, fold, (fold - 1) / 2], [0, 0, 1]])
    grown = _grown(folded, start @ unfold)
    if grown is None:
        return None
    to_mm = grown.to_mm @ np.linalg.inv(unfold)
    return Grid(to_mm / to_mm[2, 2], grown.extent_mm, grown.strength)


def _first_map(dark: Floats, size: int) -> Matrix | None:
    height, width = dark.shape
    size = min(size, height, width)
    top, left = (height - size) // 2, (width - size) // 2
    window = np.hanning(size)
    patch = dark[top : top + size, left : left + size]
    patch = np.minimum(patch, np.quantile(patch, 0.97))
    tapered = (patch - patch.mean()) * np.outer(window, window)
    padded = 2 * _SPECTRA[0]
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(tapered, (padded, padded))))
    least = 1 / (width / _NARROWEST_MM * BOLD_MM)
    angle = _direction(spectrum, least)
    periods = np.exp(np.arange(np.log(width / _WIDEST_MM), np.log(width / _NARROWEST_MM), _PERIOD_STEP))
    across, down = (_scores(_along(spectrum, turned), periods) for turned in (angle, angle + np.pi / 2))
    # Both ways at once: what looks like half or twice the period one way seldom does the other.
    reach = round(np.log(_STRETCH) / _PERIOD_STEP)
    best = ndimage.maximum_filter1d(down, 2 * reach + 1)
    at = int(np.argmax(across + best))
    if across[at] + best[at] < 2 * _LEAST_SCORE:
        return None
    low = max(at - reach, 0)
    beside = low + int(np.argmax(down[low : at + reach + 1]))
    found = [periods[at], periods[beside]]
    cos, sin = np.cos(angle), np.sin(angle)
    to_mm = np.eye(3)
    to_mm[:2, :2] = np.array([[cos, sin], [-sin, cos]]) / np.array(found)[:, None]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    to_mm[:2, 2] = -to_mm[:2, :2] @ centre
    return to_mm


def _polar(spectrum: Floats, angles: Matrix, radii: Matrix) -> Matrix:
    """Return the spectrum's amplitude at frequencies in cycles a pixel (bilinear)."""
    middle = spectrum.shape[0] // 2
    x = middle + radii * np.cos(angles) * spectrum.shape[0]
    y = middle + radii * np.sin(angles) * spectrum.shape[0]
    column, row = x.astype(int), y.astype(int)
    right, down = x - column, y - row
    limit = spectrum.shape[0] - 2
    column, row = np.clip(column, 0, limit), np.clip(row, 0, limit)
    upper = spectrum[row, column] * (1 - right) + spectrum[row, column + 1] * right
    lower = spectrum[row + 1, column] * (1 - right) + spectrum[row + 1, column + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)


def _direction(spectrum: Floats, least: float) -> float:
    """Return the angle at which lines of spikes leave the spectrum's middle, both ways at once."""
    angles = np.arange(-_STEEPEST, _STEEPEST, 0.0005)
    radii = np.arange(least, 0.45, 0.5 / spectrum.shape[0])
    scores = np.zeros(len(angles))
    for turn in (0.0, np.pi / 2):
        amplitude = _polar(spectrum, angles[:, None] + turn, radii[None, :])
        scores += np.sqrt(np.sort(amplitude, axis=1)[:, -40:]).sum(axis=1)
    return float(angles[np.argmax(scores)])


def _along(spectrum: Floats, angle: float) -> Matrix:
    """Return the greatest amplitude near a direction, by frequency in steps of the spectrum's own."""
    radii = np.arange(spectrum.shape[0] // 2 - 2) / spectrum.shape[0]
    sideways = np.arange(-3, 4) / spectrum.shape[0]
    angles = angle + np.arctan2(sideways[:, None], np.maximum(radii, 1e-4)[None, :])
    return np.asarray(_polar(spectrum, angles, np.hypot(radii[None, :], sideways[:, None])).max(axis=0))


def _scores(amplitude: Matrix, periods: Matrix) -> Matrix:
    """Return how well spikes fit the comb of 5 mm and 1 mm lines, for pixels a millimetre."""
    spikes = np.log(amplitude + 1e-9) - np.log(ndimage.median_filter(amplitude, 61, mode="nearest") + 1e-9)
    spikes = np.clip(spikes, 0, 3)
    index = 2 * len(amplitude) / BOLD_MM / periods[:, None] * np.array(_HARMONICS)[None, :]
    inside = index < len(amplitude) * 0.9
    near = np.clip(index, 0, len(amplitude) - 2)
    whole = near.astype(int)
    heights = spikes[whole] * (whole + 1 - near) + spikes[whole + 1] * (near - whole)
    weights = _WEIGHTS * inside
    return np.asarray((np.where(inside, heights, 0) * weights).sum(axis=1) / weights.sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Places compared with the grid: their centres, how far lines lie from the map's, each and in common."""

    x: Matrix
    y: Matrix
    offset: Matrix
    strength: Matrix
    common: Matrix


def _grown(dark: Floats, to_mm: Matrix) -> Grid | None:
    height, width = dark.shape
    scale = 1 / np.sqrt(abs(np.linalg.det(to_mm[:2, :2])))
    half = max(round(_BLOCK_MM * scale / 2), 8)
    step = round(1.5 * half)
    x, y = np.meshgrid(*(_spread(half, side - 1 - half, step) for side in (width, height)))
    places = np.array([x.ravel(), y.ravel()])
    if x.size < 12:
        return None
    sides = np.array([[width], [height]])
    distance = np.abs(2 * places / sides - 1).max(axis=0)
    reach = 0.3
    near = distance <= reach
    shift = np.eye(3)
    shift[:2, 2] = -_compare(dark, to_mm, places[:, near], half, BOLD_MM / 2).common
    fitted = shift @ to_mm
    while reach < 1:
        near = distance <= reach
        blocks = _compare(dark, fitted, places[:, near], half, 0.9)
        fitted, good = _fit(fitted, blocks, affine=reach < 0.5)
        reach *= 1.4
    for within in (0.5, 0.4):
        blocks = _compare(dark, fitted, places, half, within)
        fitted, good = _fit(fitted, blocks, affine=False)
    strength = float(np.median(blocks.strength[good])) if good.sum() >= 12 else 0.0
    if strength < _LEAST_STRENGTH:
        return None
    return Grid(fitted, _extent(fitted, blocks, good, strength), strength)


def _spread(first: int, last: int, step: int) -> npt.NDArray[np.int64]:
    """Return places from first to last, evenly and at most a step apart; none where there is no room."""
    if last < first:
        return np.zeros(0, np.int64)
    return np.rint(np.linspace(first, last, -(-(last - first) // step) + 1)).astype(np.int64)


def _extent(
    to_mm: Matrix, blocks: _Blocks, good: npt.NDArray[np.bool_], strength: float
) -> tuple[float, float, float, float]:
    """Return how far the grid goes: to the far side of a block as strong as most, half way in one half so."""
    share = np.clip(blocks.strength / strength, 0, 1)
    there = good & (share > 0.3)
    for side in (blocks.x, blocks.y):  # a heading may happen to look like a line or two
        places, index = np.unique(side, return_inverse=True)
        gridded = np.bincount(index, there) >= 0.5 * np.bincount(index, there).max()
        there &= gridded[index] if len(places) > 2 else True
    u, v = mapped(to_mm, blocks.x[there], blocks.y[there])
    margin = _BLOCK_MM / 2 * (2 * share[there] - 1)
    sides = ((u - margin).min(), (v - margin).min(), (u + margin).max(), (v + margin).max())
    return float(sides[0]), float(sides[1]), float(sides[2]), float(sides[3])


def _compare(dark: Floats, to_mm: Matrix, places: Matrix, half: int, within: float) -> _Blocks:
    """Hold blocks against lines every 5 and 1 mm: the shift (within ± mm) that fits best, each way."""
    shifts = np.arange(-within, within + 0.01, 0.02)
    turns = np.exp(2j * np.pi * _COMPARED[:, None] * shifts[None, :] / BOLD_MM)
    prior = np.exp(-0.5 * (shifts / (0.7 * within)) ** 2) if within < 1 else np.ones_like(shifts)
    window = np.outer(*[np.hanning(2 * half + 3)[1:-1]] * 2)
    away = np.arange(-half, half + 1)
    x, y = places
    offset, strength = np.zeros((len(x), 2)), np.zeros((len(x), 2))
    total_likeness = np.zeros((2, len(shifts)))
    for index, (column, row) in enumerate(zip(x, y, strict=True)):
        block = dark[row - half : row + half + 1, column - half : column + half + 1]
        block = np.minimum(block, 2.5 * block.mean() + 0.02)
        block = (block - block.mean()) * window
        total = np.abs(block).sum() + 1e-9
        u, v = mapped(to_mm, column + np.array([0, 1, 0, -1, 0]), row + np.array([0, 0, 1, 0, -1]))
        for axis, mm in enumerate((u, v)):
            slope_x, slope_y = (mm[1] - mm[3]) / 2, (mm[2] - mm[4]) / 2
            waves = -2 * np.pi / BOLD_MM * _COMPARED[:, None]
            down = waves * (mm[0] + slope_y * away)
            summed = np.vstack([np.cos(down), np.sin(down)]) @ block
            summed = summed[: len(down)] + 1j * summed[len(down) :]
            found = (summed * np.exp(1j * waves * slope_x * away)).sum(axis=1)
            likeness = (found[:, None] * turns).real.sum(axis=0) * prior
            offset[index, axis] = _top(likeness, shifts)
            total_likeness[axis] += likeness
            strength[index, axis] = np.abs(found).max() / total
    common = np.array([_top(likeness, shifts) for likeness in total_likeness])
    return _Blocks(x.astype(np.float64), y.astype(np.float64), offset, strength.min(axis=1), common)


def _top(likeness: Matrix, shifts: Matrix) -> float:
    """Return the likeliest shift, between two that were tried."""
    at = int(np.argmax(likeness))
    if not 0 < at < len(likeness) - 1:
        return float(shifts[at])
    before, middle, after = likeness[at - 1 : at + 2]
    bend = before - 2 * middle + after
    beside = np.clip(0.5 * (before - after) / bend, -0.5, 0.5) if bend < 0 else 0.0
    return float(shifts[at] + beside * (shifts[1] - shifts[0]))


def _fit(to_mm: Matrix, blocks: _Blocks, *, affine: bool) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Fit the map to where the lines are, in steps that leave out what does not agree."""
    u, v = mapped(to_mm, blocks.x, blocks.y)
    # A block whose lines lie at +δ has them at the map's places minus δ.
    u, v = u - blocks.offset[:, 0], v - blocks.offset[:, 1]
    good = blocks.strength > max(0.35 * float(np.quantile(blocks.strength, 0.8)), 0.05)
    fitted = to_mm
    for _ in range(4):
        if good.sum() < 6:
            return to_mm, good
        fitted = _solve(blocks.x[good], blocks.y[good], u[good], v[good], affine=affine)
        found_u, found_v = mapped(fitted, blocks.x, blocks.y)
        off = np.hypot(found_u - u, found_v - v)
        limit = max(3 * float(np.median(off[good])), 0.08)
        good = (blocks.strength > 0.05) & (off < limit)
    return fitted, good


def _solve(x: Matrix, y: Matrix, u: Matrix, v: Matrix, *, affine: bool) -> Matrix:
    """Return the least-squares projective (or affine) map that takes points to others."""
    middle, spread = np.array([x.mean(), y.mean()]), max(float(np.std(x)), float(np.std(y)), 1.0)
    x, y = (x - middle[0]) / spread, (y - middle[1]) / spread
    centre = np.array([u.mean(), v.mean()])
    u, v = u - centre[0], v - centre[1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    across = [x, y, one, zero, zero, zero]
    down = [zero, zero, zero, x, y, one]
    if not affine:
        across += [-u * x, -u * y]
        down += [-v * x, -v * y]
    rows = np.vstack([np.stack(across, axis=1), np.stack(down, axis=1)])
    solved = np.linalg.lstsq(rows, np.concatenate([u, v]), rcond=None)[0]
    matrix = np.append(solved, [0, 0] if affine else []).tolist()
    local = np.array([*matrix, 1.0]).reshape(3, 3)
    shrink = np.array([[1 / spread, 0, -middle[0] / spread], [0, 1 / spread, -middle[1] / spread], [0, 0, 1]])
    back = np.array([[1, 0, centre[0]], [0, 1, centre[1]], [0, 0, 1]])
    full = back @ local @ shrink
    return np.asarray(full / full[2, 2])
