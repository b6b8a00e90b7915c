"""Figures of recordings and of the classifier of beats, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.beats.predicting import BeatAnswer
from ml.beats.segments import RATE_HZ, Segments
from ml.drawing import new_figure, save

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
"""Okabe and Ito's, told apart by everyone."""


def draw_calibration(
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
    path: Path,
) -> None:
    """Draw how often an answer is right against how sure it is, in bins of equal mass."""
    figure = new_figure(5, 5)
    axes = figure.add_subplot(xlabel="confidence", ylabel="share that is right", aspect="equal")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for (name, bins), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot(
            [sure for sure, _, _ in bins], [right for _, right, _ in bins], "o-", color=colour, label=name
        )
    axes.legend()
    save(figure, path)


def draw_histories(histories: Sequence[Sequence[Mapping[str, float]]], path: Path) -> None:
    """Draw loss and accuracy by epoch: each fold a line, what it watched dashed."""
    figure = new_figure(10, 4)
    for place, name in enumerate(("loss", "accuracy"), start=1):
        axes = figure.add_subplot(1, 2, place, xlabel="epoch", ylabel=name)
        for history in histories:
            for key, style, colour in ((name, "-", COLOURS[0]), (f"val_{name}", "--", COLOURS[4])):
                values = [epoch[key] for epoch in history if key in epoch]
                axes.plot(range(1, len(values) + 1), values, style, color=colour, alpha=0.6)
        axes.plot([], [], "-", color=COLOURS[0], label="learnt from")
        if any(f"val_{name}" in epoch for history in histories for epoch in history):
            axes.plot([], [], "--", color=COLOURS[4], label="watched")
        axes.legend()
    save(figure, path)


def draw_examples(segments: Segments, path: Path, seed: int, number: int = 4) -> None:
    """Draw a few segments of each class, chosen by chance."""
    generator = np.random.default_rng(seed)
    figure = new_figure(2.4 * number, 1.8 * len(segments.classes))
    for label, name in enumerate(segments.classes):
        places = np.flatnonzero(segments.labels == label)
        chosen = generator.permutation(places)[:number]
        for column, place in enumerate(chosen):
            axes = figure.add_subplot(len(segments.classes), number, label * number + column + 1)
            length = np.flatnonzero(segments.samples[place]).max(initial=1) + 1
            axes.plot(np.arange(length) / RATE_HZ, segments.samples[place][:length], linewidth=0.8)
            axes.set_title(f"{name}, record {segments.records[place]}", fontsize=8)
            axes.tick_params(labelsize=6)
    save(figure, path)


def draw_beats(lead: npt.NDArray[np.floating], answer: BeatAnswer, path: Path) -> None:
    """Draw a rhythm strip with each beat's class: the first two minutes, ten seconds a row."""
    rate = answer.sampling_rate_hz
    rows = min(12, int(np.ceil(len(lead) / rate / _ROW_S)))
    figure = new_figure(12, 1.3 * rows + 0.6)
    for row in range(rows):
        start, end = int(row * _ROW_S * rate), min(int((row + 1) * _ROW_S * rate), len(lead))
        axes = figure.add_subplot(rows, 1, row + 1)
        axes.plot(np.arange(start, end) / rate, lead[start:end], linewidth=0.7, color="black")
        axes.set_xlim(row * _ROW_S, (row + 1) * _ROW_S)
        axes.tick_params(labelsize=6)
        here = (answer.positions >= start) & (answer.positions < end)
        for position, label in zip(answer.positions[here], answer.labels[here], strict=True):
            point, colour = (position / rate, lead[position]), COLOURS[int(label) % len(COLOURS)]
            axes.plot(*point, "o", color=colour, markersize=3)
            axes.annotate(answer.classes[label], point, fontsize=6, color=colour)
    axes.set_xlabel("s")
    save(figure, path)


_ROW_S = 10.0
