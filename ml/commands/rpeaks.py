"""`evaluate rpeaks`: how well R peaks are found, ours beside other people's."""

import argparse
import json
import sys

from ml.ecg.rpeaks.evaluation import evaluate as measure
from ml.ecg.rpeaks.peers import installed_peers


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures; with `--require`, 1 where an aim is missed."""
    peers, missing = installed_peers() if options.peers else ({}, [])
    report = measure(options.data, options.annotator, peers, missing, _tell)
    print(report.text())
    if options.json:
        options.json.write_text(json.dumps(report.figures(), indent=2) + "\n", encoding="utf-8")
    faults = report.faults() if options.require else []
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _tell(record: str) -> None:
    """Show on a terminal where it is."""
    if sys.stderr.isatty():
        print(f"\rrecord {record} ", end="", file=sys.stderr, flush=True)
