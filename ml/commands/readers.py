"""`evaluate readers`: what the readers of ECG files find, beside what other people's readers find."""

import argparse
import json
import sys
from dataclasses import asdict

from ml.commands.figures import show
from ml.ecg.readers.evaluation import evaluate as measure


def evaluate(options: argparse.Namespace) -> int:
    """Print a line for each file; 1 where the folder holds no recording."""
    rows = measure(options.data, show)
    for row in rows:
        print(row.text())
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    if not rows:
        print(f"{options.data}: no recording of an ECG", file=sys.stderr)
    return 0 if rows else 1
