"""Pages drawn by hand for the tests, with answers known beforehand: straight lines and triangles."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SCALE = 6
"""Pixels a millimetre."""

BASELINES_MM = (20, 50, 80, 110)
LEFT_MM, COLUMN_MM = 15, 62.5
WIDTH_MM, HEIGHT_MM = 275, 130
GRID, INK = (240, 170, 170), (20, 20, 30)

SPIKE_MV = {
    "I": 0.5, "aVR": -0.4, "V1": -1.0, "V4": 1.2,
    "II": 0.9, "aVL": 0.3, "V2": -0.6, "V5": 1.0,
    "III": 0.4, "aVF": 0.6, "V3": 0.2, "V6": 0.8,
}  # fmt: skip


def page(*, grid: bool = True, rows: int = 4, pulse: bool = True) -> Image.Image:
    """Draw three rows of four leads and a strip of II, each lead with one triangle 1 s after it begins."""
    drawn = Image.new("RGB", (WIDTH_MM * SCALE, HEIGHT_MM * SCALE), "white")
    pen = ImageDraw.Draw(drawn)
    if grid:
        for mm in range(WIDTH_MM):
            pen.line([(mm * SCALE, 0), (mm * SCALE, drawn.height)], GRID, 1 + (mm % 5 == 0))
        for mm in range(HEIGHT_MM):
            pen.line([(0, mm * SCALE), (drawn.width, mm * SCALE)], GRID, 1 + (mm % 5 == 0))
    for row in range(rows):
        pen.line(_path(row, pulse=pulse), INK, 2, joint="curve")
    return drawn


def _path(row: int, *, pulse: bool) -> list[tuple[float, float]]:
    corners = [(LEFT_MM - 10, 0), (LEFT_MM - 7, 0), (LEFT_MM - 7, 10), (LEFT_MM - 2, 10), (LEFT_MM - 2, 0)]
    path = [(float(x), float(height)) for x, height in corners] if pulse else []
    names = list(SPIKE_MV)
    for column in range(4):
        height = 10 * SPIKE_MV[names[4 * row + column] if row < 3 else "II"]
        at = LEFT_MM + column * COLUMN_MM + 25
        path += [(at - 1.5, 0.0), (at, height), (at + 1.5, 0.0)]
    path.append((LEFT_MM + 4 * COLUMN_MM, 0.0))
    baseline = BASELINES_MM[row] + 0.5
    return [(x * SCALE, (baseline - height) * SCALE) for x, height in path]


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    """Turn a page clockwise on white."""
    return picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255))


def peak(millivolts: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return when a lead is furthest from its median, and by how much."""
    above = millivolts - np.nanmedian(millivolts)
    at = int(np.nanargmax(np.abs(above)))
    return at / 500, float(above[at])
