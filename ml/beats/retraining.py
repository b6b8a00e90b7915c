"""The classifier of beats, learnt anew as its champion was, from the databases and what readers said.

It is the run of the protocol `champion`, hours of work in five folds: a run that was interrupted goes on in
its folder.
"""

from dataclasses import replace
from pathlib import Path

from ml.beats.corrected import read_beats
from ml.beats.evaluation import evaluate
from ml.beats.protocols import Data, Protocol
from ml.beats.recipes import recipe
from ml.beats.releasing import release
from ml.beats.reporting import write_report
from ml.beats.tracking import log
from ml.beats.training import Run, read_answers, train
from ml.corrections import Corrections
from ml.retraining import Order, Tell

ARCHITECTURE = "best"
PROTOCOL: Protocol = "champion"
FURTHER = ("ludb", "ptbxl", "svdb")
FOLDS_SHARE = 0.8
"""How far it has come when the folds are trained: the model itself takes about as long as one."""


def retrain(order: Order, parent: str, folder: Path, tell: Tell) -> str:
    """Train the folds that are not there yet, judge them, train the model and log it."""
    corrections = Corrections[tuple[str, float]]()
    if order.corrections is not None:
        corrections = read_beats(order.corrections, order.at_least)
    run = run_of(order)
    done = [0.0]

    def fold(_line: str) -> None:
        done[0] += 1
        tell(FOLDS_SHARE * done[0] / run.fold_k)

    tell(0.0)
    train(run, tell=fold)
    answers = read_answers(run)
    evaluation = evaluate(answers)
    evaluation = replace(evaluation, parameters={**evaluation.parameters, **corrections.lineage(parent)})
    files = write_report(evaluation, answers, run.folder / "report")
    release(run, evaluation, folder)
    return log(evaluation, files, run.model(1), order.run_name)


def run_of(order: Order) -> Run:
    """Return the champion's run, with what there is of its data and of feedback."""
    made = recipe(ARCHITECTURE, PROTOCOL)
    further = tuple(order.data / each for each in FURTHER if (order.data / each).is_dir())
    data = Data(order.data / "mitdb", further, order.corrections)
    return Run(
        ARCHITECTURE, PROTOCOL, made.fold_k, made.options, data, order.folder / "cache", order.folder / "run"
    )
