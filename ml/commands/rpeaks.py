"""`evaluate rpeaks`: how well R peaks are found, ours beside other people's."""

import argparse

from ml.commands.figures import finish, show
from ml.ecg.rpeaks.evaluation import evaluate as measure
from ml.ecg.rpeaks.peers import installed_peers


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures; with `--require`, 1 where an aim is missed."""
    peers, missing = installed_peers() if options.peers else ({}, [])
    report = measure(options.data, options.annotator, peers, missing, lambda record: show(f"record {record}"))
    return finish(report.text(), report.figures(), report.faults(), options)
