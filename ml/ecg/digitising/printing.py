"""ECGs printed for the benchmark: a drawing that shares nothing with what digitises, and ways to spoil it."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.ecg.signal import STANDARD_LEADS, Signal

Matrix = npt.NDArray[np.float64]

DOTS_PER_MM = 8.0
"""About 200 dots an inch: what office scanners give when nobody asks."""

_WIDTH_MM, _HEIGHT_MM = 297.0, 210.0
_SPEED_MM_S, _GAIN_MM_MV = 25.0, 10.0
_SECONDS = 10.0
_LEFT_MM, _TOP_MM = 27.0, 42.0
_PULSE_MM = (2.5, 5.0, 2.5)
_PEN_MM, _FINE_MM, _BOLD_MM = 0.32, 0.1, 0.22
_PAPER, _FINE, _BOLD, _INK = "#fffafa", "#f6c9cc", "#e58b92", "#15151c"


@dataclass(frozen=True)
class Stretch:
    """Where a lead stands on a page: from `start_s` to `stop_s`, beginning at `x_mm`, about `y_mm`."""

    lead: str
    start_s: float
    stop_s: float
    x_mm: float
    y_mm: float


@dataclass(frozen=True, eq=False)
class Print:
    """A page and what is known of it.

    Attributes
    ----------
    picture : PIL.Image.Image
        Mode RGB or L.
    stretches : tuple of Stretch
        Every stretch of a lead on it.
    to_mm : ndarray, shape (3, 3)
        The projective map from pixels of `picture` (0, 0 is the centre of the first) to the page's
        millimetres, from its upper left corner.
    """

    picture: Image.Image
    stretches: tuple[Stretch, ...]
    to_mm: Matrix


LAYOUTS = ("3x4+1", "6x2", "3x4+3")


def print_page(signal: Signal, layout: str) -> Print:
    """Print ten seconds of 12 leads on A4, 25 mm/s and 10 mm/mV."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - the same
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    figure = Figure(figsize=(_WIDTH_MM / 25.4, _HEIGHT_MM / 25.4), dpi=DOTS_PER_MM * 25.4, facecolor=_PAPER)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH_MM), ylim=(_HEIGHT_MM, 0))
    axes.axis("off")
    points = 72 / 25.4
    for every, width, colour in ((1, _FINE_MM, _FINE), (5, _BOLD_MM, _BOLD)):
        lines = [[(x, 30), (x, 200)] for x in range(6, 292, every)]
        lines += [[(6, y), (291, y)] for y in range(30, 201, every)]
        kept = [line for line in lines if every == 5 or (line[0][0] - 6) % 5 or (line[0][1] - 30) % 5]
        axes.add_collection(LineCollection(kept, linewidths=width * points, colors=colour, snap=False))
    style: dict[str, Any] = {
        "color": _INK,
        "linewidth": _PEN_MM * points,
        "snap": False,
        "solid_joinstyle": "round",
    }
    stretches = _stretches(layout)
    for y_mm in sorted({stretch.y_mm for stretch in stretches}):
        corners = np.cumsum([_LEFT_MM - sum(_PULSE_MM), *_PULSE_MM])
        x = np.repeat(corners, 2)[1:-1]
        axes.plot(x, y_mm - _GAIN_MM_MV * np.array([0, 0, 1, 1, 0, 0]), **style)
    for stretch in stretches:
        x, y = _curve(signal, stretch)
        axes.plot(x, y, **style)
        axes.text(stretch.x_mm + 1.5, stretch.y_mm - 8, stretch.lead, color=_INK, fontsize=3.2 * points)
        if stretch.start_s > 0:
            places = [stretch.x_mm] * 2
            for near, far in ((3, 6), (-3, -6)):
                axes.plot(places, [stretch.y_mm + near, stretch.y_mm + far], **style)
    axes.text(10, 20, "25 mm/s   10 mm/mV   0.05-150 Hz", color=_INK, fontsize=3.4 * points)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return Print(picture, stretches, _scale())


def drawn(signal: Signal, stretch: Stretch, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what is drawn of a lead at times, in millivolts above its line; NaN beyond the stretch."""
    times = np.arange(len(signal.samples_mv)) / signal.sampling_rate_hz
    values = np.interp(seconds, times, signal.lead(stretch.lead))
    return np.where((seconds >= stretch.start_s) & (seconds <= stretch.stop_s), values, np.nan)


def _curve(signal: Signal, stretch: Stretch) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    times = np.arange(len(signal.samples_mv)) / signal.sampling_rate_hz
    inside = (times >= stretch.start_s) & (times <= stretch.stop_s)
    values = signal.lead(stretch.lead)[inside].astype(np.float64)
    x = stretch.x_mm + (times[inside] - stretch.start_s) * _SPEED_MM_S
    return x, stretch.y_mm - (values - np.median(values)) * _GAIN_MM_MV


def _stretches(layout: str) -> tuple[Stretch, ...]:
    rows, columns = (6, 2) if layout == "6x2" else (3, 4)
    strips = {"3x4+1": ("II",), "3x4+3": ("V1", "II", "V5")}.get(layout, ())
    column_s = _SECONDS / columns
    gap_mm = 38.0 if layout == "3x4+1" else 27.0
    grid = [
        Stretch(
            lead,
            index // rows * column_s,
            (index // rows + 1) * column_s,
            _LEFT_MM + index // rows * column_s * _SPEED_MM_S,
            _TOP_MM + 6 + index % rows * gap_mm,
        )
        for index, lead in enumerate(STANDARD_LEADS)
    ]
    for below, lead in enumerate(strips):
        grid.append(Stretch(lead, 0, _SECONDS, _LEFT_MM, _TOP_MM + 6 + (rows + below) * gap_mm))
    return tuple(grid)


def _scale() -> Matrix:
    """Return pixels to millimetres of a page as it was printed."""
    return np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, DOTS_PER_MM]]) / DOTS_PER_MM


def _clean(page: Print, _turn: int) -> Print:
    return page


def _blurred(page: Print, _turn: int) -> Print:
    from PIL import ImageFilter  # noqa: PLC0415

    output = io.BytesIO()
    page.picture.filter(ImageFilter.GaussianBlur(1.3)).save(output, "JPEG", quality=35)
    return Print(Image.open(output).convert("RGB"), page.stretches, page.to_mm)


def _grey(page: Print, _turn: int) -> Print:
    """Photocopy: no colour, and the grid much darker than its luminance."""
    darkness = 255 - np.asarray(page.picture, np.float64).min(axis=2)
    copied = 255 * np.clip(darkness / 255, 0, 1) ** 0.8
    return Print(Image.fromarray((255 - copied).astype(np.uint8)), page.stretches, page.to_mm)


def _one_bit(page: Print, _turn: int) -> Print:
    """Fax: black or white, the grid's bold lines as black as the curves, fine ones gone."""
    darkness = 255 - np.asarray(page.picture, np.float64).min(axis=2)
    return Print(
        Image.fromarray(np.where(darkness > 75, 0, 255).astype(np.uint8)), page.stretches, page.to_mm
    )


def _rotated(page: Print, turn: int) -> Print:
    angle = np.deg2rad(2.0 * turn)
    width, height = page.picture.size
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.eye(3)
    back[:2, :2], back[:2, 2] = turned, centre - turned @ centre
    return _warped(page, back)


def _tilted(page: Print, turn: int) -> Print:
    """Photograph from the side: corners move inwards by up to a twentieth of the page."""
    width, height = (side - 1.0 for side in page.picture.size)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    inwards = np.array([[0.045, 0.02], [-0.01, 0.05], [-0.03, -0.01], [0.015, -0.03]])
    if turn < 0:
        inwards = inwards[[1, 0, 3, 2]] * [-1, 1]
    return _warped(page, homography(corners + inwards * [width, height], corners))


def homography(source: Matrix, target: Matrix) -> Matrix:
    """Return the projective map that takes four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), target.ravel())
    return np.append(solved, 1).reshape(3, 3)


def _warped(page: Print, back: Matrix) -> Print:
    """Move a page by the map from new pixels to old ones. Pillow counts from corners, we from centres."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    coefficients = half @ back @ np.linalg.inv(half)
    moved = page.picture.transform(
        page.picture.size,
        Image.Transform.PERSPECTIVE,
        (coefficients / coefficients[2, 2]).ravel()[:8].tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=(255, 255, 255),
    )
    return Print(moved, page.stretches, page.to_mm @ back)


CONDITIONS: Mapping[str, Callable[[Print, int], Print]] = MappingProxyType(
    {
        "clean": _clean,
        "blurred, JPEG": _blurred,
        "black and white": _grey,
        "one bit": _one_bit,
        "rotated 2°": _rotated,
        "perspective": _tilted,
    }
)
"""Ways to spoil a page, told which way to turn it: 1 or -1."""
