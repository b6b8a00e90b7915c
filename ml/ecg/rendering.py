"""ECGs drawn as machines print them: 25 mm/s, 10 mm/mV, on pink millimetre paper."""

import io
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ml.ecg.ink import stroke
from ml.ecg.layout import GAIN_MM_MV, MARGIN_MM, PAPER_SPEED_MM_S, PULSE_MM, Page, Strip, centred, lay_out
from ml.ecg.signal import Signal

PAPER = (255, 248, 245)
FINE_GRID = (247, 212, 208)
BOLD_GRID = (234, 158, 155)
INK = (22, 24, 38)
_SHADES = 16
_PEN_MM = 0.27
_LABEL_MM = 4.0
_CAPTION_MM = 3.4
_TICK_MM = 3.0

Coverage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rendering:
    """A calibrated drawing: 25 × `pixels_per_mm` a second, 10 × `pixels_per_mm` a millivolt."""

    png: bytes
    width: int
    height: int
    pixels_per_mm: float


def render(signal: Signal, *, pixels_per_mm: int = 12) -> Rendering:
    """Draw a signal on calibrated paper.

    Parameters
    ----------
    signal : Signal
        At most its first ten seconds are drawn; the caption says so when there is more.
    pixels_per_mm : int
        Resolution; also written into the PNG, so that it prints at true scale.

    Notes
    -----
    Each lead is drawn about its median. Ink that would leave the page is marked by a triangle at its edge.
    """
    page = lay_out(signal)
    ink = _Ink(page, pixels_per_mm)
    for row, baseline in zip(page.rows, page.baselines_mm, strict=True):
        ink.pulse(baseline)
        for strip in row:
            ink.strip(signal, strip, baseline)
    ink.text(_caption(signal, page), MARGIN_MM, page.height_mm - 2, _CAPTION_MM)
    image = _on_paper(ink.coverage, pixels_per_mm)
    output = io.BytesIO()
    image.save(output, "PNG", dpi=(pixels_per_mm * 25.4,) * 2, optimize=True)
    return Rendering(output.getvalue(), image.width, image.height, float(pixels_per_mm))


def _caption(signal: Signal, page: Page) -> str:
    scale = f"{PAPER_SPEED_MM_S:.0f} mm/s    {GAIN_MM_MV:.0f} mm/mV"
    longer = signal.duration_s > page.shown_s
    return f"{scale}    0-{page.shown_s:.0f} s / {signal.duration_s:.0f} s" if longer else scale


class _Ink:
    """The black of the page: how much of each pixel is covered."""

    def __init__(self, page: Page, pixels_per_mm: int) -> None:
        self.scale = pixels_per_mm
        shape = (round(page.height_mm * self.scale) + 1, round(page.width_mm * self.scale) + 1)
        self.coverage = np.zeros(shape, np.float32)
        self.pen = max(_PEN_MM * self.scale, 1.2)

    def pulse(self, baseline_mm: float) -> None:
        """Draw one millivolt for 200 ms."""
        x = MARGIN_MM + np.array([0, 2.5, 2.5, 7.5, 7.5, PULSE_MM])
        y = baseline_mm - GAIN_MM_MV * np.array([0, 0, 1, 1, 0, 0])
        self.curve(x, y)

    def strip(self, signal: Signal, strip: Strip, baseline_mm: float) -> None:
        """Draw a stretch of a lead, with its name and a tick where it begins."""
        values = centred(signal, strip.lead, strip.stop_s)
        seconds = np.arange(len(values)) / signal.sampling_rate_hz
        first = max(floor(strip.start_s * signal.sampling_rate_hz), 0)
        x = strip.x_mm + (seconds - strip.start_s) * PAPER_SPEED_MM_S
        end = strip.x_mm + (strip.stop_s - strip.start_s) * PAPER_SPEED_MM_S
        self.curve(x[first:], baseline_mm - values[first:] * GAIN_MM_MV, (strip.x_mm, end))
        if strip.start_s > 0:
            self.tick(strip.x_mm, baseline_mm)
        self.text(strip.lead, strip.x_mm + 1, baseline_mm - GAIN_MM_MV + _LABEL_MM - 1, _LABEL_MM)

    def curve(
        self,
        x_mm: npt.NDArray[np.float64],
        y_mm: npt.NDArray[np.float64],
        between_mm: tuple[float, float] | None = None,
    ) -> None:
        """Draw a curve, cut at its sides to a range, and mark what leaves the page above or below."""
        height, width = self.coverage.shape
        left, right = between_mm or (x_mm[0] - 1, x_mm[-1] + 1)
        first, last = max(floor(left * self.scale), 0), min(ceil(right * self.scale) + 1, width)
        x, y = x_mm * self.scale + 0.5 - first, y_mm * self.scale + 0.5
        stroke(self.coverage[:, first:last], x, y, pen=self.pen)
        inside = (x >= 0) & (x < last - first)
        for beyond, edge, inward in ((y < 0, 0, 1), (y > height, height - 1, -1)):
            self.mark(first + x[beyond & inside], edge, inward)

    def mark(self, places: npt.NDArray[np.float64], edge: int, inward: int) -> None:
        """Put one small triangle pointing off the page over each stretch of curve that left it."""
        size = round(1.5 * self.scale)
        stretches = np.split(places, np.flatnonzero(np.diff(places) > 2 * size) + 1) if places.size else []
        for stretch in stretches:
            centre = round(float(stretch.mean()))
            for depth in range(size):
                left = max(centre - depth // 2, 0)
                self.coverage[edge + inward * depth, left : centre + depth // 2 + 1] = 1

    def tick(self, x_mm: float, baseline_mm: float) -> None:
        """Draw the short upright line that separates two leads."""
        x = round(x_mm * self.scale)
        top, bottom = (round((baseline_mm + side * _TICK_MM) * self.scale) for side in (-1, 1))
        self.coverage[top:bottom, x - 1 : x + 1] = 1

    def text(self, words: str, x_mm: float, bottom_mm: float, size_mm: float) -> None:
        """Write words with their foot at a height."""
        canvas = Image.new("L", (self.coverage.shape[1], ceil(size_mm * 2 * self.scale)))
        foot = ceil(size_mm * 1.5 * self.scale)
        font = ImageFont.load_default(size_mm * self.scale)
        ImageDraw.Draw(canvas).text((x_mm * self.scale, foot), words, fill=255, font=font, anchor="ls")
        top = round(bottom_mm * self.scale) - foot
        region = self.coverage[max(top, 0) : top + canvas.height]
        shades = np.asarray(canvas, np.float32)[max(-top, 0) :][: len(region)] / 255
        np.maximum(region, shades, out=region)


def _on_paper(coverage: Coverage, pixels_per_mm: int) -> Image.Image:
    """Lay ink over the grid as an indexed picture: three papers times sixteen shades, undithered."""
    paper = np.maximum.outer(*(_lines(length, pixels_per_mm) for length in coverage.shape))
    shade = np.rint(np.clip(coverage, 0, 1) * (_SHADES - 1)).astype(np.uint8)
    image = Image.fromarray(paper * _SHADES + shade).convert("L")
    image.putpalette(_palette().tobytes())
    return image


def _lines(length: int, pixels_per_mm: int) -> npt.NDArray[np.uint8]:
    """Return 0 where a side of the page is paper, 1 on its fine lines and 2 on its bold ones."""
    position = np.arange(length)
    bold = max(round(0.16 * pixels_per_mm), 1)
    on_bold = (position + (bold - 1) // 2) % (5 * pixels_per_mm) < bold
    return np.where(on_bold, 2, position % pixels_per_mm == 0).astype(np.uint8)


def _palette() -> npt.NDArray[np.uint8]:
    papers = np.array([PAPER, FINE_GRID, BOLD_GRID], np.float64)[:, None, :]
    shades = np.linspace(0, 1, _SHADES)[None, :, None]
    return np.rint(papers * (1 - shades) + np.array(INK) * shades).astype(np.uint8).reshape(-1, 3)
