"""How well premature beats of the atria are told where they are the rule, by the models of a finished run.

`python -m tests.bench.premature --run DIR --data DIR` takes the records that each fold has not learnt from
and that have twenty such beats or more, leaves these and one to three beats next to them (`condensed`), and
has the fold's model answer. The run is one by `development` or `interpatient` (AAMI's classes).
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.beats.classes import AAMI_CLASSES, AAMI_CODES
from ml.beats.inputs import beat_inputs
from ml.beats.metrics import Figures, figures
from ml.beats.protocols import Data, folds, load
from ml.beats.training import DESCRIPTION
from ml.beats.variants import PREMATURE
from ml.ecg.annotated import BEAT_SYMBOLS, AnnotatedRecord, read_annotated

FEWEST = 20
BEFORE, AFTER = (1, 2), (1, 3)
"""How many beats next to premature ones stay, from one number to another."""
TIMES = 5
"""How often each record is condensed, which beats stay being drawn anew."""


def main() -> None:
    """Print the figures of each record, and of all together."""
    import keras  # noqa: PLC0415 - takes seconds

    parser = argparse.ArgumentParser(prog="python -m tests.bench.premature", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the run's folder, with run.json")
    parser.add_argument("--data", type=Path, required=True, help="a folder with MIT-BIH")
    options = parser.parse_args()
    parameters = json.loads((options.run / DESCRIPTION).read_text(encoding="utf-8"))
    protocol = parameters["protocol"]
    segments = load(protocol, Data(options.data), options.run.parent / "cache")
    total = np.zeros((len(AAMI_CLASSES), len(AAMI_CLASSES)), np.int64)
    for number, fold in enumerate(folds(protocol, segments, parameters["seed"], parameters["fold_k"]), 1):
        model = keras.models.load_model(options.run / f"fold_{number}.keras")
        for name in np.unique(segments.records[fold.test]).tolist():
            each = judged(model, read_annotated(options.data, name))
            if each:
                print(f"{name}: {_line(each)}")
                total += each.counts
    print(f"all: {_line(Figures(AAMI_CLASSES, total))}")


def judged(model: Any, record: AnnotatedRecord) -> Figures | None:
    """Return how a model tells a condensed record's beats; nothing where it has too few premature ones."""
    if sum(symbol in PREMATURE for symbol in record.symbols) < FEWEST:
        return None
    labels, called = [], []
    for seed in range(TIMES):
        less = condensed(record, np.random.default_rng([int(record.name), seed]))
        shown = beat_inputs(less.samples_mv[:, :2], less.sampling_rate_hz, less.beats())
        answers = model.predict_on_batch({"shapes": shown.shapes[None], "rhythm": shown.rhythm[None]})
        labels += [AAMI_CLASSES.index(AAMI_CODES[symbol]) for symbol in less.symbols]
        called += np.asarray(answers)[0].argmax(axis=1).tolist()
    return figures(np.asarray(labels), np.asarray(called), AAMI_CLASSES)


def condensed(record: AnnotatedRecord, generator: np.random.Generator) -> AnnotatedRecord:
    """Return little but the premature beats of a record's atria and those next to them: all of them real."""
    leads, peaks = record.samples_mv, record.beats()
    symbols = [symbol for symbol in record.symbols if symbol in BEAT_SYMBOLS]
    left = np.isin(symbols, PREMATURE)
    edges = np.diff(left.astype(np.int8), prepend=0, append=0)
    for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        before, after = (generator.integers(*bounds, endpoint=True) for bounds in (BEFORE, AFTER))
        left[max(first - before, 0) : end + after] = True
    beats = np.flatnonzero(left)
    borders = np.concatenate([[0], peaks[:-1] + (0.6 * np.diff(peaks)).astype(np.int64), [len(leads)]])
    pieces: list[npt.NDArray[np.float64]] = []
    places: list[npt.NDArray[np.int64]] = []
    at = 0
    for some in np.split(beats, np.flatnonzero(np.diff(beats) > 1) + 1):
        start, stop = borders[some[0]], borders[some[-1] + 1]
        level = pieces[-1][-1] - leads[start] if pieces else 0
        pieces.append(leads[start:stop] + level)
        places.append(peaks[some] - start + at)
        at += stop - start
    return replace(
        record,
        samples_mv=np.concatenate(pieces),
        positions=np.concatenate(places),
        symbols=tuple(symbols[beat] for beat in beats.tolist()),
    )


def _line(each: Figures) -> str:
    """Return how many of a record are premature, and sensitivity, predictive value and F1 of N, S and V."""
    shares = each.by_class
    told = ", ".join(
        f"{name} {one.sensitivity:.1f}/{one.ppv:.1f}/{one.f1:.1f}"
        for name, one in shares.items()
        if name in "NSV" and one.support
    )
    return f"{shares['S'].support:,} of {each.counts.sum():,} beats premature; Se/PPV/F1 % {told}"


if __name__ == "__main__":
    main()
