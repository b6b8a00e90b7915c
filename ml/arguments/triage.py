"""Parsers of triage: `train`, `evaluate`, `predict`."""

import argparse
from pathlib import Path

from ml.arguments.common import Commands, add, add_feedback, add_json, add_require, at_least_one


def add_triage(train: Commands, evaluate: Commands, predict: Commands) -> None:
    """Add what trains triage, judges it and asks it."""
    _add_evaluation(evaluate)
    _add_training(train)
    _add_prediction(predict)


def _add_evaluation(evaluate: Commands) -> None:
    triage = add(evaluate, "triage", "the triage of emergency visits, in 10 folds", "triage:evaluate")
    _add_learning(triage)
    triage.add_argument("--model", help="an alias or an artefact's folder: score it, on visits it never saw")
    add_json(triage)
    add_require(triage)


def _add_training(train: Commands) -> None:
    triage = add(train, "triage", "train the triage of emergency visits, and judge it", "triage:train")
    _add_learning(triage)
    add_feedback(triage)
    triage.add_argument("--output", type=Path, required=True, help="folder to make, for the artefact")
    triage.add_argument("--run-name", default="xgboost", help="name of the run in MLflow (xgboost)")
    add_json(triage)
    add_require(triage)


def _add_prediction(predict: Commands) -> None:
    triage = add(predict, "triage", "triage a CSV file of visits", "triage:predict")
    triage.add_argument("--input", type=Path, required=True, help="CSV with columns of the feature table")
    triage.add_argument("--model", help="an alias or an artefact's folder; without it, the rules alone")
    triage.add_argument(
        "--output", type=Path, help="write the answers, one JSON a line, here (standard output)"
    )


def _add_learning(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="visits with the experts' level, as ktas.csv"
    )
    command.add_argument("--n-estimators", type=at_least_one, default=120, help="trees a boundary (120)")
    command.add_argument("--max-depth", type=_depth, default=3, help="of the trees, 1 to 6 (3)")
    command.add_argument("--seed", type=int, default=0, help="of the folds and the trees (0)")
    command.add_argument(
        "--tune",
        type=at_least_one,
        nargs="?",
        const=20,
        metavar="TRIALS",
        help="search for better trees with optuna, so many candidates (20), each judged on inner folds",
    )


def _depth(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 6:
        raise argparse.ArgumentTypeError("must be 1 to 6")
    return number
