"""`evaluate burned-in`: how much of what names a patient is found in pictures, what is held needlessly."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from ml.commands.figures import show
from ml.ecg.burned_in.evaluation import default_fonts
from ml.ecg.burned_in.evaluation import evaluate as measure
from ml.ecg.burned_in.finding import find
from ml.ecg.decoded import DecodeError
from ml.ecg.readers import read
from ml.ecg.signal import Signal


def evaluate(options: argparse.Namespace) -> int:
    """Print a line for each picture and each kind of made-up pages; 1 where the folder has no recording."""
    signal, pictures = None, []
    for path in sorted(each for each in options.data.rglob("*") if each.is_file()):
        show(path.name)
        for content in _contents(path):
            if isinstance(content, Signal):
                signal = signal or content
            else:
                regions = find(content).regions
                pictures.append({"file": str(path.relative_to(options.data)), "regions": len(regions)})
                print(f"{pictures[-1]['file']}  {len(regions)} places with text that may name somebody")
    if signal is None:
        print(f"{options.data}: no recording of an ECG to make up pages with", file=sys.stderr)
        return 1
    scores = []
    for score in measure(signal, default_fonts(), options.pages):
        print(score.text())
        scores.append(asdict(score))
    if options.json:
        told = {"pictures": pictures, "pages": scores}
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


def _contents(path: Path) -> list[Signal | Image.Image]:
    try:
        return [reading.content for reading in read(path)]
    except DecodeError:
        return []
