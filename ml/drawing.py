"""Figures as PNG files. Matplotlib's own surface, so that no display is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class Counted(Protocol):
    """How often each class (rows) was called each (columns)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return their names."""

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Return the matrix."""


def draw_confusion(parts: Mapping[str, Counted], path: Path) -> None:
    """Draw confusion matrices: counts, shaded by the share of the true class."""
    columns = min(len(parts), 4)
    rows = -(-len(parts) // columns)
    figure = new_figure(1 + 3.2 * columns, 3.4 * rows)
    for place, (title, part) in enumerate(parts.items(), start=1):
        axes = figure.add_subplot(rows, columns, place, title=title, xlabel="called", ylabel="truly")
        shares = part.counts / np.maximum(part.counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(part.classes)), part.classes, rotation=45)
        axes.set_yticks(range(len(part.classes)), part.classes)
        for (row, column), count in np.ndenumerate(part.counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=7)
    save(figure, path)


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a figure."""
    # Without the writer's version the same figures give the same bytes.
    figure.savefig(path, dpi=100, metadata={"Software": None})
