"""Parsers of the classifier of beats: `train`, `evaluate`, `predict`, `report`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ml.arguments.common import Commands, add, add_either, add_json, add_require

RUNS = Path("var/beats")
PROTOCOLS = ("oh2018", "patients", "interpatient", "development", "champion")


def add_beats(commands: Commands, trained: Commands, evaluate: Commands, predict: Commands) -> None:
    """Add what trains the classifier of beats, judges it, asks it and reports on it."""
    train = add(trained, "beats", "train the classifier of beats and judge it", "beats:train")
    judge = add(evaluate, "beats", "the classifier of beats: train what is missing, judge", "beats:evaluate")
    report = add(commands, "report", "write the report of a run of the classifier of beats", "beats:report")
    for command in (train, judge, report):
        _add_run(command, (*PROTOCOLS, "external") if command is judge else PROTOCOLS)
    for command in (train, judge):
        add_json(command)
        add_require(command)
    add_either(judge, "--model", help="an alias: judge it (external), or runs of its architecture")
    add_either(judge, "--annotator", default="atr", help="ending of the annotations (atr), for external")
    add_either(report, "--output", type=Path, help="folder to write into (report/ in the run's own)")
    add_either(report, "--template", type=Path, help="a Jinja template of your own, ending in .md or .html")
    _add_prediction(predict)


def _add_prediction(predict: Commands) -> None:
    beats = add(predict, "beats", "classify the beats of a recording", "beats:predict")
    add_either(beats, "--input", type=Path, required=True, help="CSV, .mat, WFDB record, or a machine's file")
    add_either(beats, "--model", default="champion", help="an alias, an artefact's folder, or fold_1.keras")
    add_either(beats, "--fs", type=float, help="samples per second, where the file does not say")
    add_either(
        beats, "--detect-r", action="store_true", help="find the R peaks even where they are annotated"
    )
    add_either(beats, "--output-csv", type=Path, help="write a row a beat")
    add_either(beats, "--output-fig", type=Path, help="draw the first two minutes (PNG)")


def _add_run(command: argparse.ArgumentParser, protocols: Sequence[str]) -> None:
    """Add what says which run."""
    add_either(command, "--architecture", choices=("cnn-lstm", "best"), default="best", help="best")
    add_either(command, "--protocol", choices=protocols, default="oh2018", help="oh2018")
    add_either(command, "--data-dir", "--data", type=Path, help="folder of MIT-BIH")
    further = "folder of LUDB, PTB-XL or SVDB, whose patients are also learnt from (again for another)"
    add_either(command, "--further", type=Path, action="append", metavar="DIR", help=further)
    add_either(command, "--models-dir", type=Path, default=RUNS, help=f"where runs are kept ({RUNS})")
    add_either(
        command, "--synthetic", action="store_true", help="made records in place of MIT-BIH: a quick try"
    )
    add_either(command, "--synthetic-n", type=int, default=4800, help="so many made beats (4800)")
    add_either(command, "--fold-k", type=int, help="so many folds (10)")
    add_either(command, "--fold-avg", action="store_true", help="figures are means over the folds")
    add_either(command, "--epochs", type=int, help="at most so many epochs")
    add_either(command, "--batch-size", type=int, help="so many examples a step")
    add_either(command, "--learning-rate", "--lr", type=float, help="Adam's")
    stop = "stop after so many epochs without gain on watched examples (5); 0 learns from those too"
    add_either(command, "--early-stopping", type=int, nargs="?", const=5, help=stop)
    add_either(command, "--seed", type=int, help="of folds, weights and order")
    add_either(
        command, "--networks", type=int, help="so many networks, each of its own seed, answer together"
    )
    add_either(command, "--logdir", type=Path, help="folder for TensorBoard")
    add_either(command, "--cluster", help="address of a Dask scheduler, or `local`: folds side by side")
    abreast = "learn all folds in one program, on a GPU (Keras on JAX: KERAS_BACKEND=jax)"
    add_either(command, "--abreast", action="store_true", help=abreast)
